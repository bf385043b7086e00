package planner

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// finish plans what the configuration no longer has, and what only the whole
// shows.
func (w *walk) finish() hcl.Diagnostics {
	diags := w.leftovers()
	diags = append(diags, w.takeovers()...)
	if diags.HasErrors() {
		return diags
	}
	w.destroyFirst()
	diags = append(diags, w.whole()...)
	diags = append(diags, w.outputs()...)
	return diags
}

// leftovers are deleted: objects without a configuration, and those that a
// replacement left standing.
func (w *walk) leftovers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range w.priors.orphans() {
		if w.aimed != nil && !w.aimedAt(p.addr) {
			continue
		}
		c, err := w.deletion(p)
		if err != nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil))
			continue
		}
		c.Reason = w.orphaned(p.addr)
		if at := w.forgotten(p.addr); at != nil {
			c.Action, c.Range = Forget, *at
		}
		if b := w.conf.Find(p.addr.Block()); b != nil {
			c.block, c.Range = b, b.Range
			if b.Lifecycle.PreventDestroy && c.Action == Delete {
				diags = append(diags, w.protected(c))
			}
		}
		w.ledger.free(c.name)
		w.world.drop(c.name, c.Type)
		w.plan.Changes = append(w.plan.Changes, c)
	}
	return append(diags, w.deposed()...)
}

func (w *walk) deletion(p *prior) (*Change, error) {
	v, err := w.priors.value(p)
	if err != nil {
		return nil, err
	}
	c := &Change{Address: p.addr, Deposed: p.record.Deposed, Type: p.typ, Action: Delete, Prior: v, Moved: p.moved,
		name: p.addr.String(), record: p.record, ID: p.record.ID}
	if c.Deposed != "" {
		c.Action = DeleteDeposed
	}
	return c, nil
}

func (w *walk) deposed() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range w.priors.deposed {
		if w.aimed != nil && !w.aimedAt(p.addr) {
			continue
		}
		c, err := w.deletion(p)
		if err != nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil))
			continue
		}
		w.plan.Changes = append(w.plan.Changes, c)
	}
	return diags
}

// orphaned says why an object has no configuration.
func (w *walk) orphaned(a address.Object) Reason {
	b := w.conf.Find(a.Block())
	if b == nil {
		if a.Module != "" && w.conf.Module(address.StaticModule(a.Module)) == nil {
			return NoModule
		}
		return NoConfig
	}
	switch _, number := a.Key.Index(); {
	case !w.eval.HasModule(a.Module):
		return NoModule
	case b.Count && number:
		return NoCountIndex
	case b.ForEach && a.Key != address.NoKey && !number:
		return NoEachKey
	}
	return WrongRepetition
}

func (w *walk) forgotten(a address.Object) *hcl.Range {
	for _, r := range w.conf.Removed {
		if r.Forget && r.From.Covers(a) {
			return &r.Range
		}
	}
	return nil
}

// takeovers settles claims that one object of the stack takes from another.
func (w *walk) takeovers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	byName := w.byName()
	for _, t := range w.ledger.pending {
		to, from := byName[t.to], byName[t.from]
		if w.ledger.settled[t.from] == nil || w.ledger.holds(t.from, t.space, t.key) || from == nil {
			diags = append(diags, w.about(to, schema.Problem{Summary: fmt.Sprintf("%s %s is taken", t.space, t.key),
				Detail: fmt.Sprintf("%s has it. Leave the choice to cairn, or choose another one.", t.from)}))
			continue
		}
		to.edges = append(to.edges, t.from)
		for i := range to.claims.Take {
			if x := &to.claims.Take[i]; x.Space == t.space && x.Key == t.key {
				x.From = t.from
			}
		}
		for i := range to.claims.Ranges {
			if x := &to.claims.Ranges[i]; x.Space == t.space {
				x.From = t.from
			}
		}
	}
	return diags
}

func (w *walk) byName() map[string]*Change {
	m := make(map[string]*Change, len(w.plan.Changes))
	for _, c := range w.plan.Changes {
		if c.Deposed == "" {
			m[c.name] = c
		}
	}
	return m
}

// whole runs the checks that see every object of the plan.
func (w *walk) whole() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, k := range w.ledger.over() {
		for _, c := range w.plan.Changes {
			if d := w.overdrawn(c, k); d != nil {
				diags = append(diags, d)
				break
			}
		}
	}
	for _, c := range w.plan.Changes {
		diags = append(diags, w.among(c)...)
	}
	return diags
}

// overdrawn complains about a change that has a share in a counter of which there
// is not enough.
func (w *walk) overdrawn(c *Change, k [2]string) *hcl.Diagnostic {
	if c.claims == nil || !slices.ContainsFunc(c.claims.Shares, func(x state.Share) bool { return x.Space == k[0] && x.Key == k[1] }) {
		return nil
	}
	s := w.ledger.sums[k]
	return w.about(c, schema.Problem{Code: "CRN-QUOTA", Summary: fmt.Sprintf("Not enough %s", k[0]),
		Detail: fmt.Sprintf("The plan comes to %d, and the limit of %s is %d. Ask for less, or raise the limit. What the plan destroys counts until it is gone.", s.used, w.world.called(k[1]), s.max)})
}

// among checks an object among all others, and finds whom it comes after.
func (w *walk) among(c *Change) hcl.Diagnostics {
	if c.late || c.Action == Delete || c.Action == Forget || c.Deposed != "" || c.Planned == cty.NilVal {
		return nil
	}
	_, checks := c.Type.New().(schema.WorldChecker)
	_, follows := c.Type.New().(schema.Follower)
	if !checks && !follows {
		return nil
	}
	object, err := c.Type.ToGo(c.Planned)
	if checks && err == nil {
		err = object.(schema.WorldChecker).Checks(w.world)
	}
	if follows && err == nil {
		c.follows = object.(schema.Follower).Follows(w.world)
	}
	return w.abouts(c, err)
}

// outputs compares the root outputs with those of the last run.
func (w *walk) outputs() hcl.Diagnostics {
	before := map[string]cty.Value{}
	for _, o := range w.snap.Outputs {
		v, err := decodeOutput(w.site, o)
		if err != nil {
			return hcl.Diagnostics{problem(fmt.Sprintf("The output %s can't be read from the state", o.Name), err.Error()+".", nil)}
		}
		before[o.Name] = v
	}
	if w.aimed == nil {
		for _, o := range w.eval.Outputs() {
			c := OutputChange{Name: o.Name, Prior: before[o.Name], After: o.Value, Sensitive: o.Sensitive}
			delete(before, o.Name)
			if !same(c.Prior, c.After) {
				w.plan.Outputs = append(w.plan.Outputs, c)
			}
		}
		for n, v := range before {
			w.plan.Outputs = append(w.plan.Outputs, OutputChange{Name: n, Prior: v, Sensitive: v.IsMarked()})
		}
	}
	slices.SortFunc(w.plan.Outputs, func(a, b OutputChange) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return nil
}
