package convert

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A follower renames what expressions mention: foreign types, and the attributes
// that are read of them.
type follower struct {
	*converter
	scope *scope
	// after are the steps that enclosing nodes take from a reference.
	after  map[hclsyntax.Node][]hcl.Traverser
	loops  []map[string]*rule // names of for expressions, with what they stand for
	locals []map[string]struct{}
}

// expression rewrites what an expression mentions.
func (c *converter) expression(s *scope, e hclsyntax.Expression) {
	f := &follower{converter: c, scope: s, after: map[hclsyntax.Node][]hcl.Traverser{}}
	hclsyntax.Walk(e, f)
	// "${x}" is how Terraform 0.11 wrote x.
	if w, ok := e.(*hclsyntax.TemplateWrapExpr); ok {
		from, to := w.Wrapped.Range().Start.Byte, w.Wrapped.Range().End.Byte
		if w.SrcRange.Start.Line == w.SrcRange.End.Line && !strings.Contains(string(s.file.src[w.SrcRange.Start.Byte:w.SrcRange.End.Byte]), "~") {
			s.file.put(w.SrcRange.Start.Byte, from, "")
			s.file.put(to, w.SrcRange.End.Byte, "")
		}
	}
}

// anyIndex is a step by an expression.
type anyIndex struct{ hcl.TraverseIndex }

// Enter is hclsyntax.Walker's.
func (f *follower) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch x := n.(type) {
	case hclsyntax.ChildScope:
		f.locals = append(f.locals, x.LocalNames)
	case *hclsyntax.ForExpr:
		f.loops = append(f.loops, map[string]*rule{x.ValVar: f.objectsOf(x.CollExpr)})
	case *hclsyntax.RelativeTraversalExpr:
		f.follow(x.Source, append(append([]hcl.Traverser{}, x.Traversal...), f.after[x]...))
	case *hclsyntax.IndexExpr:
		f.follow(x.Collection, append([]hcl.Traverser{anyIndex{}}, f.after[x]...))
	case *hclsyntax.SplatExpr:
		steps := []hcl.Traverser{hcl.TraverseSplat{}}
		if each, ok := x.Each.(*hclsyntax.RelativeTraversalExpr); ok {
			if _, ok := each.Source.(*hclsyntax.AnonSymbolExpr); ok {
				steps = append(steps, each.Traversal...)
			}
		}
		f.follow(x.Source, steps)
	case *hclsyntax.ScopeTraversalExpr:
		f.reference(x.Traversal, append(append([]hcl.Traverser{}, x.Traversal...), f.after[x]...))
	}
	return nil
}

// Exit is hclsyntax.Walker's.
func (f *follower) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n.(type) {
	case hclsyntax.ChildScope:
		f.locals = f.locals[:len(f.locals)-1]
	case *hclsyntax.ForExpr:
		f.loops = f.loops[:len(f.loops)-1]
	}
	return nil
}

func (f *follower) follow(n hclsyntax.Expression, steps []hcl.Traverser) {
	for {
		p, ok := n.(*hclsyntax.ParenthesesExpr)
		if !ok {
			break
		}
		n = p.Expression
	}
	f.after[n] = steps
}

// objectsOf is the rule of the objects that an expression mentions, if it begins
// with such a reference.
func (c *converter) objectsOf(e hclsyntax.Expression) *rule {
	for {
		switch x := e.(type) {
		case *hclsyntax.ParenthesesExpr:
			e = x.Expression
		case *hclsyntax.SplatExpr:
			e = x.Source
		case *hclsyntax.IndexExpr:
			e = x.Collection
		case *hclsyntax.RelativeTraversalExpr:
			e = x.Source
		case *hclsyntax.ScopeTraversalExpr:
			i := typeStep(x.Traversal)
			if i < 0 {
				return nil
			}
			name, _, _ := nameRange(x.Traversal, i)
			r, _ := c.table.of(name, x.Traversal.RootName() == "data")
			return r
		default:
			return nil
		}
	}
}

func (f *follower) reference(t hcl.Traversal, steps []hcl.Traverser) {
	root := t.RootName()
	for i := len(f.locals) - 1; i >= 0; i-- {
		if _, bound := f.locals[i][root]; !bound {
			continue
		}
		for j := len(f.loops) - 1; j >= 0; j-- {
			if r := f.loops[j][root]; r != nil {
				f.attribute(r, t, steps, 1, root)
				return
			}
		}
		return
	}
	x := f.scope.file
	if _, ok := f.scope.iterators[root]; ok && len(t) > 1 {
		switch word, r, _ := nameRange(t, 1); word {
		case "value":
			x.put(t[0].SourceRange().End.Byte, r.End.Byte, "")
		case "key":
			f.scope.iterators[root] = true
			x.replace(hcl.RangeBetween(t[0].SourceRange(), r), root+"_key")
		}
		return
	}
	if root == "each" && f.scope.each != nil {
		if word, _, _ := nameRange(t, 1); word == "value" {
			f.attribute(f.scope.each, t, steps, 2, "each.value")
		}
		return
	}
	i := typeStep(t)
	if i < 0 {
		return
	}
	name, r, ok := nameRange(t, i)
	if !ok || !strings.HasPrefix(name, foreign) {
		return
	}
	label, where, _ := nameRange(t, i+1)
	rule, why := f.table.of(name, root == "data")
	if rule == nil {
		f.note(f.scope, t.SourceRange(), Left, "mentions "+name+"."+label, why)
		return
	}
	x.replace(r, f.typeName(rule.To))
	if m := f.scope.folder.into[name+"."+label]; m != nil && i == 0 && m.block.Labels[1] != label {
		x.replace(where, m.block.Labels[1])
	}
	f.attribute(rule, t, steps, i+2, name+"."+label)
}

// attribute renames the attribute that is read of an object.
func (f *follower) attribute(r *rule, t hcl.Traversal, steps []hcl.Traverser, j int, of string) {
	many := false
	for ; j < len(steps); j++ {
		if a, ok := steps[j].(hcl.TraverseAttr); ok {
			f.step(r, t, steps, j, a, many, of)
			return
		}
		_, splat := steps[j].(hcl.TraverseSplat)
		many = many || splat
	}
}

func (f *follower) step(r *rule, t hcl.Traversal, steps []hcl.Traverser, j int, a hcl.TraverseAttr, many bool, of string) {
	x := f.scope.file
	where := a.SrcRange
	where.Start.Byte = where.End.Byte - len(a.Name)
	to := f.table.read(r, a.Name)
	missing := func(name string) {
		f.note(f.scope, where, Left, fmt.Sprintf("mentions %s.%s", of, name), fmt.Sprintf("%s has no attribute for it", f.typeName(r.To)))
	}
	typ := f.Types.Resource(r.To)
	if typ == nil {
		typ = f.Types.Data(r.To)
	}
	if to == "" && typ.Attribute(a.Name) != nil && r.Lookup[a.Name] == "" {
		to = a.Name
	}
	switch {
	case to == "":
		missing(a.Name)
		return
	case strings.Contains(to, "[*]"):
		if many {
			missing(a.Name)
			return
		}
		x.replace(where, to)
		if j+1 < len(steps) {
			x.put(t[0].SourceRange().Start.Byte, t[0].SourceRange().Start.Byte, "(")
			x.put(where.End.Byte, where.End.Byte, ")")
			if i, ok := steps[j+1].(hcl.TraverseIndex); ok {
				if r := i.SrcRange; string(x.src[r.Start.Byte:r.Start.Byte+1]) == "." {
					x.replace(r, "["+string(x.src[r.Start.Byte+1:r.End.Byte])+"]")
				}
			}
		}
		return
	case to != a.Name:
		x.replace(where, to)
	}
	nested := r.blocks[a.Name]
	if nested == nil {
		return
	}
	for j++; j < len(steps); j++ {
		n, ok := steps[j].(hcl.TraverseAttr)
		if !ok {
			continue
		}
		where = n.SrcRange
		where.Start.Byte = where.End.Byte - len(n.Name)
		attr := typ.Attribute(nested.To)
		name := first(nested.Reads[n.Name], nested.Rename[n.Name])
		if name == "" && attr != nil && find(attr.Nested, n.Name) != nil {
			name = n.Name
		}
		if name == "" {
			missing(a.Name + "." + n.Name)
			return
		}
		x.replace(where, name)
		return
	}
}
