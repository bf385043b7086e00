package lang

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
)

// Config is what the author asks for: an object of the block's type, attributes
// that are not set null, defaults not filled in. Marks are kept, and the values
// of secret attributes are marked.
func (e *Evaluator) Config(i Instance) (cty.Value, hcl.Diagnostics) {
	d := i.Block.decl
	if d.fixed != cty.NilVal {
		return d.fixed, nil
	}
	ctx := e.blockContext(i.in, d)
	var mine *hcl.EvalContext
	var diags hcl.Diagnostics
	vals := maps.Clone(d.base)
	for k := range d.attrs {
		a := &d.attrs[k]
		use := ctx
		if a.expr.own {
			if mine == nil {
				mine = i.own.with(ctx)
			}
			use = mine
		}
		v, x := a.expr.x.Value(use)
		if x.HasErrors() {
			diags = append(diags, x...)
			continue
		}
		diags = append(diags, x...)
		v, x = fit(a.Attribute, a.expr, v, use)
		diags = append(diags, x...)
		vals[a.Name] = v
	}
	if diags.HasErrors() {
		return cty.DynamicVal, e.about(i.in, diags)
	}
	return cty.ObjectVal(vals), diags
}

// A Trigger is what replace_triggered_by names.
type Trigger struct {
	Target address.Target
	Attr   string // "": any change of the object
	Range  hcl.Range
}

// Triggers are the references of an instance's replace_triggered_by.
func (e *Evaluator) Triggers(i Instance) []Trigger {
	d := i.Block.decl
	if len(d.triggers) == 0 {
		return nil
	}
	ctx := i.own.with(e.blockContext(i.in, d))
	all := make([]Trigger, 0, len(d.triggers))
	for _, t := range d.triggers {
		b := i.in.module.blocks[t.decl.index]
		out := Trigger{Attr: t.attr, Range: t.rng}
		out.Target.Object = address.Object{Module: i.in.path, Data: b.Kind == KindData, Type: b.Addr.Type, Name: b.Name}
		out.Target.Whole = true
		if t.key != nil {
			if v, diags := t.key.eval(ctx); !diags.HasErrors() {
				if k, ok := keyOf(v); ok {
					out.Target.Key, out.Target.Whole = k, false
				}
			}
		}
		all = append(all, out)
	}
	return all
}
