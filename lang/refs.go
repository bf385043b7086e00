package lang

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// reference finds what a traversal means and flattens it.
func (w *walker) reference(x *hclsyntax.ScopeTraversalExpr) {
	t := x.Traversal
	root := t.RootName()
	for _, names := range w.locals {
		if _, ok := names[root]; ok {
			return // of a for expression
		}
	}
	w.fixed = false
	flat, n := w.resolve(t, w.after[x])
	if n == 0 {
		return // it was complained about
	}
	rest := t[n-1:]
	first := hcl.TraverseRoot{Name: flat, SrcRange: hcl.RangeBetween(t[0].SourceRange(), t[n-1].SourceRange())}
	if n == 1 {
		rest = slices.Clone(rest)
	}
	rest[0] = first
	x.Traversal = rest
}

// resolve notes what a traversal mentions. It answers with the name that stands
// for its first n steps, or with 0 when it means nothing.
func (w *walker) resolve(t, after hcl.Traversal) (flat string, n int) {
	root := t.RootName()
	switch root {
	case "var":
		return w.named(t, after, "variable", w.f.vars)
	case "local":
		return w.named(t, after, "local value", w.f.locals)
	case "module":
		return w.module(t, after)
	case "data":
		return w.object(t, after, 1)
	case "resource":
		return w.object(t, after, 1)
	case "each":
		return w.word(t, w.may.each, []string{"key", "value"}, "for_each")
	case "count":
		return w.word(t, w.may.count, []string{"index"}, "count")
	case "self":
		if !w.may.self {
			w.l.bad(t.SourceRange(), "self means nothing here", "It stands for the object itself in a postcondition. Elsewhere name the attribute's own value.")
			return "", 0
		}
		w.own = true
		w.attribute(w.may.owner.typ, "self", rest(t, 1, after))
		return "self", 1
	case "path":
		return w.constant(t, map[string]string{"module": w.l.here(w.f.rel), "root": w.l.here("."), "cwd": w.l.stack.cwd})
	case "terraform", "tofu":
		return w.constant(t, map[string]string{"workspace": "default"})
	case "stack":
		if w.l.types.Resource("stack") == nil {
			if name, ok := attrStep(t, 1); ok && name == "name" {
				w.s.need(need{key: "stack.name"})
				return "stack.name", 2
			}
		}
	}
	return w.object(t, after, 0)
}

func rest(t hcl.Traversal, n int, after hcl.Traversal) hcl.Traversal {
	if len(after) == 0 {
		return t[n:]
	}
	return append(t[n:len(t):len(t)], after...)
}

func attrStep(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	a, ok := t[i].(hcl.TraverseAttr)
	return a.Name, ok
}

// named resolves var.x and local.x.
func (w *walker) named(t, after hcl.Traversal, what string, names map[string]*decl) (string, int) {
	name, ok := attrStep(t, 1)
	if !ok {
		w.l.bad(t.SourceRange(), fmt.Sprintf("%s without a name", t.RootName()), fmt.Sprintf("Write which %s is meant: %s.name", what, t.RootName()))
		return "", 0
	}
	d := names[name]
	if d == nil {
		w.l.bad(t[:2].SourceRange(), fmt.Sprintf("Unknown %s %q", what, name), w.declareIt(what, name, keys(names)))
		return "", 0
	}
	key := t.RootName() + "." + name
	w.s.need(need{key: key, decl: d})
	w.s.refs = append(w.s.refs, ref{decl: d, rng: t.SourceRange(), repetition: w.may.repetition})
	return key, 2
}

func (w *walker) declareIt(what, name string, names []string) string {
	if near := meant(name, names); near != "" {
		return "It is not declared in this module." + near
	}
	form := fmt.Sprintf("variable %q {}", name)
	if what == "local value" {
		form = fmt.Sprintf("locals { %s = ... }", name)
	}
	return fmt.Sprintf("It is not declared in this module. Declare it with %s.", form)
}

func (w *walker) word(t hcl.Traversal, allowed bool, words []string, argument string) (string, int) {
	root := t.RootName()
	name, ok := attrStep(t, 1)
	if !ok || !slices.Contains(words, name) {
		w.l.bad(t.SourceRange(), fmt.Sprintf("%s has no such word", root), fmt.Sprintf("Write %s.%s.%s", root, words[0], meant(name, words)))
		return "", 0
	}
	if !allowed {
		detail := fmt.Sprintf("%s.%s is known only in a block that has %s.", root, name, argument)
		if w.may.repetition {
			detail = fmt.Sprintf("%s.%s is what %s makes of the block, so it can't be used to say what that is.", root, name, argument)
		}
		w.l.bad(t[:2].SourceRange(), fmt.Sprintf("%s.%s without %s", root, name, argument), detail)
		return "", 0
	}
	w.own = true
	return root + "." + name, 2
}

func (w *walker) constant(t hcl.Traversal, words map[string]string) (string, int) {
	root := t.RootName()
	name, ok := attrStep(t, 1)
	v, known := words[name]
	if !ok || !known {
		w.l.bad(t.SourceRange(), fmt.Sprintf("%s has no such word", root), fmt.Sprintf("It has %s.%s", list(keys(words)), meant(name, keys(words))))
		return "", 0
	}
	key := root + "." + name
	w.s.need(need{key: key, fix: cty.StringVal(v)})
	return key, 2
}

// module resolves module.x and module.x.out.
func (w *walker) module(t, after hcl.Traversal) (string, int) {
	name, ok := attrStep(t, 1)
	if !ok {
		w.l.bad(t.SourceRange(), "Module without a name", "Write which module is meant: module.NAME.OUTPUT")
		return "", 0
	}
	d := w.f.calls[name]
	if d == nil {
		w.l.bad(t[:2].SourceRange(), fmt.Sprintf("Unknown module %q", name), fmt.Sprintf("This folder calls no module of that name.%s", meant(name, keys(w.f.calls))))
		return "", 0
	}
	key := "module." + name
	steps, ok := w.instance(d, key, t[:2].SourceRange(), rest(t, 2, after), "output")
	if !ok || d.child == nil || !d.child.ok {
		return "", 0
	}
	r := ref{call: d, rng: t.SourceRange(), repetition: w.may.repetition}
	out := ""
	if len(steps) > 0 {
		switch s := steps[0].(type) {
		case hcl.TraverseAttr:
			out = s.Name
		case hcl.TraverseIndex:
			if s.Key.IsKnown() && !s.Key.IsNull() && s.Key.Type() == cty.String {
				out = s.Key.AsString()
			}
		}
	}
	if out != "" {
		if r.out = d.child.outputs[out]; r.out == nil {
			w.l.bad(t.SourceRange(), fmt.Sprintf("Unknown output %q", out), fmt.Sprintf("The module in %s has no such output.%s", d.child.dir, meant(out, keys(d.child.outputs))))
			return "", 0
		}
	}
	w.s.refs = append(w.s.refs, r)
	if _, ok := attrStep(t, 2); ok && !d.repeated {
		key += "." + out
		w.s.need(need{key: key, decl: r.out, call: d})
		return key, 3
	}
	_, met := w.s.byKey[key]
	i := w.s.need(need{key: key, call: d})
	n := &w.s.needs[i]
	switch {
	case r.out == nil:
		n.outs = nil
	case !met:
		n.outs = []*decl{r.out}
	case n.outs != nil && !slices.Contains(n.outs, r.out):
		n.outs = append(n.outs, r.out)
	}
	return key, 2
}

func list(words []string) string {
	switch len(words) {
	case 0:
		return "none"
	case 1:
		return words[0]
	}
	out := words[0]
	for _, x := range words[1 : len(words)-1] {
		out += ", " + x
	}
	return out + " and " + words[len(words)-1]
}

// here is a path below the stack's folder as whoever works in the working folder
// finds it: an image is opened by its path long after the language is done. Where
// the two are one, it stays as it is written.
func (l *loader) here(rel string) string {
	b := l.stack.files.record
	if filepath.IsAbs(rel) || b.abs() == b.Cwd {
		return rel
	}
	return filepath.ToSlash(filepath.Join(b.abs(), rel))
}
