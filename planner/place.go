package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner/placement"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// placeBudget bounds the search for hosts of a whole batch, in hosts tried.
const placeBudget = 200_000

// A Placement is where an object goes, and why not elsewhere.
type Placement struct {
	Host    string // "": nowhere
	Refused []placement.Refusal
}

// placing is the choice of hosts in one walk.
type placing struct {
	hosts *placement.State
	wants []placement.Want
	by    map[string]*Change // id: who wants it
	// solved is the answer for the whole batch, when one at a time found none.
	solved map[string]string
	failed bool
}

// seats is what is on the hosts before the plan: every object that names a host.
func (w *walk) seats() (*placement.State, error) {
	if w.placing.hosts != nil {
		return w.placing.hosts, nil
	}
	s := placement.New(placement.Hosts(w.site.Cloud))
	for _, t := range w.site.Types.All() {
		if _, ok := t.New().(schema.Placer); !ok || t.DataOnly {
			continue
		}
		for o := range w.world.All(t.Go()) {
			d, err := o.(schema.Placer).Demand(w.world)
			if err != nil {
				return nil, err
			}
			if ids := t.Texts(o, "id"); d.Current != "" && len(ids) == 1 {
				s.Put(ids[0], d.Current, d)
			}
		}
	}
	w.placing.hosts, w.placing.by = s, map[string]*Change{}
	return s, nil
}

// errUnplaced stands for an object that has no host yet: the walk goes on, and in
// the end the whole batch is tried.
var errUnplaced = errors.New("no host yet")

// leaves reports whether an object is on the host that everything goes away from.
func (w *walk) leaves(p *prior) (bool, error) {
	if w.opt.Leave == "" || p == nil || p.gone {
		return false, nil
	}
	if _, ok := p.typ.New().(schema.Placer); !ok {
		return false, nil
	}
	v, err := w.priors.value(p)
	if err != nil {
		return false, err
	}
	object, err := p.typ.ToGo(v)
	if err != nil {
		return false, err
	}
	d, err := object.(schema.Placer).Demand(w.world)
	return err == nil && d.Current == w.opt.Leave, nil
}

// pinned reports an object that leaves its host although its author has put it there.
func (w *walk) pinned(c *Change, want cty.Value) hcl.Diagnostics {
	for _, a := range c.Type.Attributes {
		v := want.GetAttr(a.Name)
		if !a.Settable || v.IsNull() || !slices.Contains(c.Changed, a.Name) || same(v, c.Planned.GetAttr(a.Name)) {
			continue
		}
		return hcl.Diagnostics{w.about(c, schema.Problem{Code: "CRN-PLACE-1", Attribute: a.Name, Summary: fmt.Sprintf("%s is pinned to host %s", c.Address, w.opt.Leave),
			Detail: fmt.Sprintf("Its configuration says %s. Take that out, or name another host there, and apply the stack.", a.Name)})}
	}
	return nil
}

// place chooses the host of an object.
func (w *walk) place(c *Change, object schema.Placer) error {
	s, err := w.seats()
	if err != nil {
		return err
	}
	d, err := object.Demand(w.world)
	if err != nil {
		return err
	}
	if c.Action == DeleteCreate && c.record != nil {
		s.Remove(c.record.ID)
	}
	if w.opt.Leave != "" && d.Current == w.opt.Leave {
		d.Current = ""
	}
	w.placing.wants = append(w.placing.wants, placement.Want{ID: c.ID, Demand: d})
	w.placing.by[c.ID] = c
	host, solved := w.placing.solved[c.ID], w.placing.solved != nil
	var refused []placement.Refusal
	if !solved {
		host, refused = s.Choose(c.ID, d)
	}
	if w.plan.Placements == nil {
		w.plan.Placements = map[string]Placement{}
	}
	w.plan.Placements[c.name] = Placement{host, refused}
	if host == "" {
		w.placing.failed = true
		return errUnplaced
	}
	s.Put(c.ID, host, d)
	w.undo.add(func() {
		s.Remove(c.ID)
		if d.Current != "" {
			s.Put(c.ID, d.Current, d)
		}
	})
	object.Place(host)
	return nil
}

// batch looks for hosts of everything that the walk wanted to place, where one at
// a time found none.
func (w *walk) batch() (map[string]string, hcl.Diagnostics) {
	for _, x := range w.placing.wants {
		w.placing.hosts.Remove(x.ID)
		if x.Demand.Current != "" {
			w.placing.hosts.Put(x.ID, x.Demand.Current, x.Demand)
		}
	}
	solved, err := placement.Solve(w.placing.hosts, w.placing.wants, placeBudget)
	if err == nil {
		return solved, nil
	}
	var diags hcl.Diagnostics
	for _, x := range w.placing.wants {
		c := w.placing.by[x.ID]
		p := w.plan.Placements[c.name]
		if p.Host != "" {
			continue
		}
		diags = append(diags, w.about(c, schema.Problem{Code: "CRN-PLACE-1", Summary: fmt.Sprintf("No host for %s", c.Address),
			Detail: "Every host was refused:\n" + refusals(p.Refused, 12) + "\nAsk for less, loosen a rule, or add a host. `cairn host list` shows what is promised."}))
	}
	return nil, diags
}

// refusals lists hosts and why not, at most a few of them.
func refusals(all []placement.Refusal, most int) string {
	var b strings.Builder
	for i, r := range all {
		if i == most {
			fmt.Fprintf(&b, "  and %d more\n", len(all)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", r)
	}
	return b.String()
}

// ExplainPlacement says of every host why the object at an address can't be there,
// or nothing when it can; now is the host that the plan has it on.
func (p *Plan) ExplainPlacement(addr string) (hosts []placement.Refusal, now string, err error) {
	o, err := address.Parse(addr)
	if err != nil {
		return nil, "", err
	}
	var object schema.Placer
	var id string
	for _, k := range p.world.kinds {
		if e := k.byAddr[o.String()]; e != nil {
			object, _ = p.world.Find(e.typ.Go(), e.id).(schema.Placer)
			id = e.id
		}
	}
	if object == nil {
		return nil, "", fmt.Errorf("nothing that has a host is at %s: give the address of an instance", addr)
	}
	w := &walk{site: p.site, world: p.world, plan: p}
	s, err := w.seats()
	if err != nil {
		return nil, "", err
	}
	d, err := object.Demand(p.world)
	if err != nil {
		return nil, "", err
	}
	now, d.Current = d.Current, ""
	s.Remove(id)
	return s.Explain(id, d), now, nil
}
