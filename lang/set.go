package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// Set says what an instance is planned, later what it came to be: whatever
// mentions it sees that from now on.
func (e *Evaluator) Set(i Instance, v cty.Value) {
	v = secretly(i.Block.Type, v)
	s := &i.in.slots[i.Block.decl.index]
	if s.many == nil {
		if s.value != cty.NilVal {
			if s.value.RawEquals(v) {
				return
			}
			e.epoch++
		}
		s.value = v
		return
	}
	old := s.many.values[i.n]
	if old != cty.NilVal && old.RawEquals(v) {
		return
	}
	s.many.values[i.n] = v
	if s.many.whole != cty.NilVal { // somebody may have seen it
		s.many.whole = cty.NilVal
		e.epoch++
	}
}

// secretly marks the attributes that the type keeps secret.
func secretly(t *schema.Type, v cty.Value) cty.Value {
	if !v.IsKnown() || v.IsNull() || v.IsMarked() {
		return v
	}
	var vals map[string]cty.Value
	for _, a := range t.Attributes {
		if !a.Sensitive {
			continue
		}
		av := v.GetAttr(a.Name)
		if av.IsNull() || av.ContainsMarked() {
			continue
		}
		if vals == nil {
			vals = v.AsValueMap()
		}
		vals[a.Name] = av.Mark(schema.Sensitive)
	}
	if vals == nil {
		return v
	}
	return cty.ObjectVal(vals)
}

// Done says that all instances of a block are set, so that what was kept for
// evaluating them can go.
func (e *Evaluator) Done(b *Block) {
	for _, i := range e.of(b.Module) {
		if m := i.slots[b.decl.index].many; m != nil {
			m.context = nil
		}
	}
}

// An Output is a root output with its value.
type Output struct {
	Name      string
	Value     cty.Value // marked when it is sensitive
	Sensitive bool
	Range     hcl.Range
}

// Outputs are the root outputs that were evaluated, in the order of the text.
func (e *Evaluator) Outputs() []Output {
	root := e.instances[e.s.Root.index][0]
	var all []Output
	for _, b := range e.s.Root.blocks {
		if v := root.slots[b.decl.index].value; b.Kind == KindOutput && v != cty.NilVal {
			all = append(all, Output{Name: b.Name, Value: v, Sensitive: b.decl.sensitive, Range: b.Range})
		}
	}
	return all
}

// Console evaluates an expression in the root module.
func (e *Evaluator) Console(text string) (cty.Value, hcl.Diagnostics) {
	const name = "<console>"
	e.s.Sources[name] = &hcl.File{Bytes: []byte(text)}
	if diags := legible(name, []byte(text), false); diags != nil {
		return unknown, diags
	}
	x, diags := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return unknown, diags
	}
	return e.EvalExpr(x)
}

// EvalExpr evaluates an expression in the root module. The expression is
// changed by it and can't be used again.
func (e *Evaluator) EvalExpr(x hcl.Expression) (cty.Value, hcl.Diagnostics) {
	l := &loader{stack: e.s, types: e.s.types, bare: e.functions}
	var s scope
	c := l.expression(e.s.Root.folder, &s, x, uses{})
	if l.diags.HasErrors() {
		return unknown, l.diags
	}
	return c.eval(e.context(e.instances[e.s.Root.index][0], &s))
}

func (e *Evaluator) about(i *moduleInstance, diags hcl.Diagnostics) hcl.Diagnostics {
	if i.path == "" || i.path == i.module.Path {
		return diags
	}
	for _, d := range diags { // which instance of the module it is shows nowhere else
		d.Detail += fmt.Sprintf("\n\nThis is in %s.", i.path)
	}
	return diags
}
