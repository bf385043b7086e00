package convert

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// Terraform must know the keys of for_each and the number of count while it plans,
// and there knows less than cairn.

// A doubt is what Terraform will not know of a value while planning: "" or the
// name of what it waits for.
type doubt struct {
	shape string // how many elements there are and what their keys are
	leaf  string // the elements
	// Of an object of a type, or many of them, it depends on the attribute.
	block *lang.Block
	many  bool
	// What an object is written as, to look into.
	object *hclsyntax.ObjectConsExpr
	in     place
}

// A place is where an expression is evaluated.
type place struct {
	module *lang.Module
	names  map[string]doubt // of for expressions, and each
}

func vague(why string) doubt { return doubt{shape: why, leaf: why} }

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (d doubt) any() string {
	if d.block != nil {
		return d.block.String()
	}
	return first(d.shape, d.leaf)
}

// inside is the doubt about one element.
func (d doubt) inside() doubt {
	if d.block != nil {
		return doubt{block: d.block}
	}
	return vague(d.leaf)
}

// A foreseer remembers what it found out.
type foreseer struct {
	*writer
	known map[known]doubt
}

type known struct {
	block *lang.Block
	attr  string
}

// foresee warns of count and for_each that hang on what Terraform learns in apply.
func (w *writer) foresee() {
	k := &foreseer{writer: w, known: map[known]doubt{}}
	said := map[hcl.Range]bool{}
	for _, b := range w.stack.Blocks {
		decl := w.declaration(b)
		if decl == nil {
			continue
		}
		for _, word := range []string{"count", "for_each"} {
			a := decl.Body.Attributes[word]
			if a == nil || said[a.SrcRange] {
				continue
			}
			d := k.doubt(a.Expr, place{module: b.Module})
			why := d.shape
			if word == "count" {
				why = d.any()
			}
			if why == "" {
				continue
			}
			said[a.SrcRange] = true
			w.remark(a.Expr.Range(), fmt.Sprintf("Terraform will not know %s while it plans", word),
				fmt.Sprintf("It hangs on %s, which cairn chooses in the plan and Terraform learns in apply. Use keys that are written in the configuration, or make that one first: terraform apply -target.", why))
		}
	}
}

// declaration is the text of a block of the stack.
func (w *writer) declaration(b *lang.Block) *hclsyntax.Block {
	f := w.folders[b.Module.Dir]
	word := map[lang.Kind]string{lang.KindResource: "resource." + b.Addr.Type, lang.KindData: "data." + b.Addr.Type, lang.KindCall: "module", lang.KindOutput: "output", lang.KindVariable: "variable"}[b.Kind]
	if f == nil || word == "" {
		return nil
	}
	return f.decls[word+"."+b.Name]
}

func (k *foreseer) doubt(e hclsyntax.Expression, in place) doubt {
	switch x := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return doubt{}
	case *hclsyntax.ParenthesesExpr:
		return k.doubt(x.Expression, in)
	case *hclsyntax.TemplateWrapExpr:
		return k.doubt(x.Wrapped, in)
	case *hclsyntax.ScopeTraversalExpr:
		return k.reference(x.Traversal, in)
	case *hclsyntax.RelativeTraversalExpr:
		return k.steps(k.doubt(x.Source, in), x.Traversal)
	case *hclsyntax.IndexExpr:
		d := k.doubt(x.Collection, in)
		if key := k.doubt(x.Key, in).any(); key != "" {
			return vague(key)
		}
		if d.block != nil && !d.many {
			return vague(d.block.String())
		}
		return d.inside()
	case *hclsyntax.SplatExpr:
		d := k.doubt(x.Source, in)
		each := d.inside()
		if t, ok := x.Each.(*hclsyntax.RelativeTraversalExpr); ok {
			each = k.steps(each, t.Traversal)
		}
		return doubt{shape: d.shape, leaf: each.any()}
	case *hclsyntax.ObjectConsExpr:
		d := doubt{object: x, in: in}
		for _, item := range x.Items {
			if hcl.ExprAsKeyword(item.KeyExpr) == "" {
				d.shape = first(d.shape, k.doubt(item.KeyExpr, in).any())
			}
			d.leaf = first(d.leaf, k.doubt(item.ValueExpr, in).any())
		}
		return d
	case *hclsyntax.ObjectConsKeyExpr:
		return k.doubt(x.Wrapped, in)
	case *hclsyntax.TupleConsExpr:
		d := doubt{}
		for _, x := range x.Exprs {
			d.leaf = first(d.leaf, k.doubt(x, in).any())
		}
		return d
	case *hclsyntax.ForExpr:
		return k.loop(x, in)
	case *hclsyntax.ConditionalExpr:
		yes, no := k.doubt(x.TrueResult, in), k.doubt(x.FalseResult, in)
		if why := k.doubt(x.Condition, in).any(); why != "" {
			return vague(why)
		}
		return doubt{shape: first(yes.shape, no.shape), leaf: first(yes.any(), no.any())}
	case *hclsyntax.FunctionCallExpr:
		return k.call(x, in)
	}
	// Operators and templates: one value made of all parts.
	why := ""
	parts := &reader{ref: func(t hcl.Traversal) { why = first(why, k.reference(t, in).any()) }}
	parts.read(e)
	return vague(why)
}

func (k *foreseer) loop(x *hclsyntax.ForExpr, in place) doubt {
	coll := k.doubt(x.CollExpr, in)
	inner := place{module: in.module, names: map[string]doubt{}}
	for n, d := range in.names {
		inner.names[n] = d
	}
	inner.names[x.ValVar] = coll.inside()
	if x.KeyVar != "" {
		inner.names[x.KeyVar] = vague(coll.shape)
	}
	d := doubt{shape: coll.shape, leaf: k.doubt(x.ValExpr, inner).any()}
	if x.CondExpr != nil {
		d.shape = first(d.shape, k.doubt(x.CondExpr, inner).any())
	}
	if x.KeyExpr != nil {
		d.shape = first(d.shape, k.doubt(x.KeyExpr, inner).any())
	}
	return d
}

// call knows which functions make keys of values, and keep collections as they are.
func (k *foreseer) call(x *hclsyntax.FunctionCallExpr, in place) doubt {
	var args []doubt
	all := doubt{}
	for _, a := range x.Args {
		d := k.doubt(a, in)
		args = append(args, d)
		all.shape = first(all.shape, d.shape)
		all.leaf = first(all.leaf, d.any())
	}
	switch x.Name {
	case "concat", "merge", "tolist", "tomap", "reverse", "flatten", "values", "sensitive", "nonsensitive":
		return all
	case "keys", "length":
		return vague(all.shape)
	case "zipmap":
		if len(args) == 2 {
			return doubt{shape: args[0].any(), leaf: args[1].any()}
		}
	case "try", "coalesce", "one", "lookup", "element":
		if len(args) > 0 && args[0].block != nil && args[0].many {
			return args[0].inside()
		}
	}
	return vague(all.leaf)
}

func (k *foreseer) reference(t hcl.Traversal, in place) doubt {
	root := t.RootName()
	if d, bound := in.names[root]; bound {
		return k.steps(d, t[1:])
	}
	name, _, _ := nameRange(t, 1)
	switch root {
	case "each":
		if d, ok := in.names["each."+name]; ok {
			return k.steps(d, t[min(2, len(t)):])
		}
		return doubt{}
	case "var", "local":
		return k.steps(k.named(k.mentioned(in.module, t)), t[min(2, len(t)):])
	case "module":
		b := k.mentioned(in.module, t)
		if b == nil || b.Kind != lang.KindOutput {
			return doubt{}
		}
		d := k.named(b)
		for i := 2; i < len(t); i++ {
			if step, _, ok := nameRange(t, i); ok && step == b.Name {
				return k.steps(d, t[i+1:])
			}
		}
		return d
	}
	b := k.mentioned(in.module, t)
	if b == nil || b.Type == nil {
		return doubt{}
	}
	n := typeStep(t) + 2
	return k.steps(doubt{block: b, many: b.ForEach || b.Count}, t[min(n, len(t)):])
}

// steps follows the steps of a reference into a value.
func (k *foreseer) steps(d doubt, t hcl.Traversal) doubt {
	for _, s := range t {
		name := ""
		switch s := s.(type) {
		case hcl.TraverseAttr:
			name = s.Name
		case hcl.TraverseIndex:
			if s.Key.IsKnown() && !s.Key.IsNull() && s.Key.Type() == cty.String {
				name = s.Key.AsString()
			}
		}
		switch {
		case d.block != nil && d.many:
			d = d.inside()
		case d.block != nil:
			d = k.attribute(d.block, name)
		case d.object != nil && name != "":
			d = k.item(d, name)
		default:
			d = d.inside()
		}
	}
	return d
}

func (k *foreseer) item(d doubt, name string) doubt {
	for _, item := range d.object.Items {
		if v, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && v.AsString() == name {
			return k.doubt(item.ValueExpr, d.in)
		}
	}
	return d.inside()
}

// named is the doubt about a variable, a local value or an output.
func (k *foreseer) named(b *lang.Block) doubt {
	if b == nil {
		return doubt{}
	}
	return k.once(known{block: b}, func() doubt {
		f := k.folders[b.Module.Dir]
		switch b.Kind {
		case lang.KindLocal:
			if a := f.locals[b.Name]; a != nil {
				return k.doubt(a.Expr, place{module: b.Module})
			}
		case lang.KindOutput:
			if decl := k.declaration(b); decl != nil && decl.Body.Attributes["value"] != nil {
				return k.doubt(decl.Body.Attributes["value"].Expr, place{module: b.Module})
			}
		case lang.KindVariable:
			if b.Module.Call == nil {
				return doubt{}
			}
			if decl := k.declaration(b.Module.Call); decl != nil && decl.Body.Attributes[b.Name] != nil {
				return k.doubt(decl.Body.Attributes[b.Name].Expr, k.within(b.Module.Call, decl))
			}
		}
		return doubt{}
	})
}

// within is the place of a block's own arguments.
func (k *foreseer) within(b *lang.Block, decl *hclsyntax.Block) place {
	in := place{module: b.Module}
	if a := decl.Body.Attributes["for_each"]; a != nil {
		d := k.doubt(a.Expr, in)
		in.names = map[string]doubt{"each.key": vague(d.shape), "each.value": d.inside()}
	}
	return in
}

// attribute is the doubt about an attribute: of what the author wrote, or of what
// the system says.
func (k *foreseer) attribute(b *lang.Block, name string) doubt {
	decl, a := k.declaration(b), b.Type.Attribute(name)
	if decl == nil || a == nil {
		return doubt{}
	}
	return k.once(known{b, name}, func() doubt {
		if x := decl.Body.Attributes[name]; x != nil {
			return k.doubt(x.Expr, k.within(b, decl))
		}
		if b.Kind == lang.KindData {
			why := "" // it is read while planning, unless it waits for something
			for word, x := range decl.Body.Attributes {
				if word != "for_each" && word != "count" && word != "depends_on" {
					why = first(why, k.doubt(x.Expr, k.within(b, decl)).any())
				}
			}
			return vague(why)
		}
		if a.Source == schema.Author {
			return doubt{}
		}
		return vague(b.String() + "." + name)
	})
}

func (k *foreseer) once(key known, find func() doubt) doubt {
	d, ok := k.known[key]
	if !ok {
		k.known[key] = doubt{} // a circle hangs on nothing new
		d = find()
		k.known[key] = d
	}
	return d
}
