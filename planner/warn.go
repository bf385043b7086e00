package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// warned asks the objects that look after others what has come to be wrong: those of
// the stack, and those of other stacks that are named by what was changed behind
// cairn's back.
func (w *walk) warned() hcl.Diagnostics {
	named := w.driftNames()
	var diags hcl.Diagnostics
	for _, t := range w.site.Types.All() {
		if _, ok := t.New().(schema.Warner); !ok {
			continue
		}
		for _, e := range slices.Clone(w.world.kinds[t.Go()].list) {
			if e.stack != "" || e.gone || e.typ != t {
				continue
			}
			if o, ok := w.world.Find(t.Go(), e.id).(schema.Warner); ok {
				diags = append(diags, w.abouts(w.standing(e), o.Warnings(w.world))...)
			}
		}
		for _, id := range named {
			o, ok := w.world.Find(t.Go(), id).(schema.Warner)
			if e := w.world.kinds[t.Go()].byID[id]; !ok || e.stack == "" {
				continue
			}
			for _, x := range schema.AsProblems(o.Warnings(w.world)) {
				d := problem(x.Summary, fmt.Sprintf("%s\n\nThis is about %s.", x.Detail, w.world.called(id)), nil)
				d.Severity = hcl.DiagWarning
				diags = append(diags, d)
			}
		}
	}
	return diags
}

// standing is an object of the stack as something to speak about.
func (w *walk) standing(e *entity) *Change {
	c := &Change{Type: e.typ, name: e.address, ID: e.id}
	if a, err := address.Parse(e.address); err == nil {
		c.Address = a
	}
	if b := w.conf.Find(c.Address.Block()); b != nil {
		c.block, c.Range = b, b.Range
	}
	return c
}

// driftNames are the texts in what was changed: the ids of what it refers to are
// among them.
func (w *walk) driftNames() []string {
	all := map[string]bool{}
	for _, d := range w.plan.Drift {
		if d.After == cty.NilVal {
			continue
		}
		v, _ := d.After.UnmarkDeep()
		_ = cty.Walk(v, func(_ cty.Path, x cty.Value) (bool, error) {
			if x.IsKnown() && !x.IsNull() && x.Type() == cty.String {
				all[x.AsString()] = true
			}
			return true, nil
		})
	}
	return slices.Sorted(maps.Keys(all))
}
