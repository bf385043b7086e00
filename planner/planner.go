// Package planner finds out what must change for a stack to become true, and
// does it. It knows no resource type by name and reads no files.
package planner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
)

// A Site is where stacks are applied: the cloud, what keeps its state and who
// makes things real there.
type Site struct {
	Cloud   *cloud.Cloud
	Types   *schema.Types
	Store   state.Store
	Keys    *seal.Keys
	Systems *providers.Systems
	// Builtin is the stack that every cloud has; nil: none.
	Builtin *lang.Stack

	learn sync.Mutex // guards learned
	// learned: the systems have said what they know of the cloud
	learned bool
}

// Facts has the systems say what they know of the cloud, and the store which of its
// hosts are closed, once.
func (s *Site) Facts(ctx context.Context) error {
	s.learn.Lock()
	defer s.learn.Unlock()
	if s.learned {
		return nil
	}
	if err := s.Systems.Learn(ctx, s.Cloud); err != nil {
		return err
	}
	closed, err := s.Store.ClosedHosts(ctx)
	if err != nil {
		return err
	}
	for _, x := range closed {
		if h := s.Cloud.Host(x.Name); h != nil {
			h.Closed = fmt.Sprintf("%s closed it: %s", x.Who, x.Why)
		}
	}
	s.learned = true
	return nil
}

// Refresh says how much of the real world a plan looks at.
type Refresh byte

// The ways to look.
const (
	RefreshBulk Refresh = iota // what bulk reads carry
	RefreshNone                // nothing: the records are taken for true
	RefreshFull                // every object, one by one where there is no bulk read
)

// Options are how to plan.
type Options struct {
	Destroy     bool
	Refresh     Refresh
	RefreshOnly bool // change records to what is real, and nothing else
	Targets     []address.Target
	Replace     []address.Object
	// Leave is a host that everything goes away from; "" for none.
	Leave string
	// Adopt brings objects under addresses, as import blocks do.
	Adopt []Adoption
}

// An Adoption is an object that was made by others and the address it gets.
type Adoption struct {
	To address.Object
	ID string
}

// Action is what a plan does to one object.
type Action string

// The actions. A replacement is one change and two steps.
const (
	NoOp          Action = "no-op"
	Create        Action = "create"
	Update        Action = "update"
	Delete        Action = "delete"
	DeleteCreate  Action = "delete, then create"
	CreateDelete  Action = "create, then delete"
	Forget        Action = "forget"
	UpdateRecord  Action = "update the record"
	DeleteDeposed Action = "delete the replaced object"
)

// Replaces reports whether the action puts a new object in the place of one.
func (a Action) Replaces() bool { return a == DeleteCreate || a == CreateDelete }

// A Change is what a plan does to one object, and why.
type Change struct {
	Address address.Object
	Deposed string
	Type    *schema.Type
	Action  Action
	Reason  Reason
	// Prior and Planned are the whole object before and after; NilVal where there
	// is none. What is sensitive is marked.
	Prior, Planned cty.Value
	Changed        []string // attributes whose value changes
	Replaces       []string // those that force a new object
	Stops          []string // those that stop a guest
	Moved          address.Object
	Imported       string // the id it is imported by
	Note           string // what the reader should know, in a sentence
	Range          hcl.Range
	ID             string // of the object afterwards, or of the one that goes

	name      string  // Address.String()
	parent    *Change // that brings this object along; nil for what an author wrote
	block     *lang.Block
	inst      lang.Instance
	record    *state.Record // before; nil when there is none
	want      []byte        // hash of what the author asks for; nil: not known yet
	claims    *state.Claims // what the address holds afterwards; nil: as it does
	exclusive bool          // it takes something that the object it replaces still holds
	cbd       bool
	late      bool     // evaluated again in apply
	follows   []string // ids of objects whose steps come first
	edges     []string // addresses whose deletion comes first: their claims are taken over
	unkept    []string // attributes that no record keeps: they were written to be used once
	untold    []string // attributes that the imported object does not tell
}

// Reason says why an object is replaced or deleted, in Terraform's words.
type Reason string

// The reasons.
const (
	ByAttributes    Reason = "replace_because_cannot_update"
	ByTaint         Reason = "replace_because_tainted"
	ByRequest       Reason = "replace_by_request"
	ByTrigger       Reason = "replace_by_triggers"
	ByParent        Reason = "replace_because_parent_is"
	ByDifference    Reason = "update_because_it_differs"
	NoConfig        Reason = "delete_because_no_resource_config"
	WrongRepetition Reason = "delete_because_wrong_repetition"
	NoCountIndex    Reason = "delete_because_count_index"
	NoEachKey       Reason = "delete_because_each_key"
	NoModule        Reason = "delete_because_no_module"
)

// A Plan says what will change.
type Plan struct {
	Stack   string
	Serial  int64
	Options Options
	// Changes by address, without those that do nothing.
	Changes []*Change
	Outputs []OutputChange
	// Drift is what was changed behind cairn's back.
	Drift []Drift
	// Open is a run that has no end: under way, or killed.
	Open      *state.Run
	OpenLive  bool
	Left      []state.Step // its intents
	Objects   int          // in the configuration
	Unchanged int
	// Placements are the hosts that were chosen, by address, and why not others.
	Placements map[string]Placement

	site      *Site
	conf      *lang.Stack
	eval      *lang.Evaluator
	world     *world
	ledger    *ledger
	order     *blockOrder
	priors    *priors
	deps      map[*lang.Block][]string
	mentioned map[*lang.Block][]*lang.Block
}

// An OutputChange is a root output before and after.
type OutputChange struct {
	Name         string
	Prior, After cty.Value // NilVal: there is none
	Sensitive    bool
}

// A Drift is one object that is not as cairn left it.
type Drift struct {
	Address address.Object
	Type    *schema.Type
	// After is what is real; NilVal: the object is gone.
	Before, After cty.Value
	// Differs is what no attribute can tell; an update puts it right.
	Differs []providers.Difference
}

// silent reports a change that only keeps a record up to date with its
// configuration: nobody needs to be asked.
func (c *Change) silent() bool {
	return c.Action == NoOp && c.Imported == "" && c.Moved == (address.Object{})
}

// Silent reports whether an empty plan still has records to bring up to date.
func (p *Plan) Silent() bool { return p.Empty() && len(p.Changes) > 0 }

// Visible are the changes that a reader is shown.
func (p *Plan) Visible() []*Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), (*Change).silent)
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool {
	for _, o := range p.Outputs {
		if !same(o.Prior, o.After) {
			return false
		}
	}
	return !slices.ContainsFunc(p.Changes, func(c *Change) bool { return !c.silent() })
}

func same(a, b cty.Value) bool {
	if a == cty.NilVal || b == cty.NilVal {
		return a == b
	}
	return a.RawEquals(b)
}

// Count says how many changes have an action of those.
func (p *Plan) Count(actions ...Action) int {
	n := 0
	for _, c := range p.Changes {
		for _, a := range actions {
			if c.Action == a {
				n++
			}
		}
	}
	return n
}

// Console evaluates an expression against the plan.
func (p *Plan) Console(text string) (cty.Value, hcl.Diagnostics) { return p.eval.Console(text) }

// Edges lists which resource blocks depend on which, by their addresses: the
// block first, then what it depends on.
func (p *Plan) Edges() map[string][]string {
	edges := map[string][]string{}
	for _, b := range p.conf.Blocks {
		if b.Kind == lang.KindResource {
			edges[b.Addr.String()] = p.dependencies(b)
		}
	}
	return edges
}

// Variables are the root variables that the plan was made with.
func (p *Plan) Variables() map[string]cty.Value {
	all := map[string]cty.Value{}
	for name, v := range p.conf.Variables {
		if v.Value != cty.NilVal {
			all[name] = v.Value
		}
	}
	return all
}
