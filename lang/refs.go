package lang

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
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
		return w.constant(t, map[string]string{"module": w.f.rel, "root": ".", "cwd": w.l.stack.cwd})
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

// object resolves network.erp, data.network.erp and resource.network.erp.
func (w *walker) object(t, after hcl.Traversal, skip int) (string, int) {
	root := t.RootName()
	o := object{data: root == "data"}
	word, isWord := root, true
	if skip == 1 {
		word, isWord = attrStep(t, 1)
	}
	name, ok := attrStep(t, skip+1)
	if !ok || !isWord {
		w.strange(t, root, skip)
		return "", 0
	}
	o.typ, o.name = w.f.typeName(word), name
	d := w.f.objects[o]
	if d == nil {
		w.undeclared(t, word, o)
		return "", 0
	}
	key := d.label()
	w.s.need(need{key: key, decl: d})
	n := skip + 2
	r := ref{decl: d, rng: t.SourceRange(), repetition: w.may.repetition}
	steps, ok := w.instance(d, key, t[:n].SourceRange(), rest(t, n, after), "id")
	if !ok {
		return "", 0
	}
	r.attr, ok = w.attribute(d.typ, key, steps)
	if !ok {
		return "", 0
	}
	w.s.refs = append(w.s.refs, r)
	return key, n
}

// strange says what to make of a word that is no reference.
func (w *walker) strange(t hcl.Traversal, root string, skip int) {
	switch {
	case skip == 1:
		w.l.bad(t.SourceRange(), "An incomplete reference", fmt.Sprintf("Write %s.TYPE.NAME.", root))
	case w.l.types.Resource(w.f.typeName(root)) != nil:
		w.l.bad(t.SourceRange(), "An incomplete reference", fmt.Sprintf("Write which %s is meant: %s.NAME.", root, root))
	case len(t) == 1:
		w.l.bad(t.SourceRange(), fmt.Sprintf("Unknown name %q", root), fmt.Sprintf("To write a text, put it in quotes: %q.%s", root, meant(root, w.roots())))
	default:
		w.l.bad(t.SourceRange(), fmt.Sprintf("Unknown name %q", root), fmt.Sprintf("A reference begins with a resource type, var, local, module, data, each, count or path.%s", meant(root, w.roots())))
	}
}

func (w *walker) roots() []string {
	names := []string{"var", "local", "module", "data", "path", "each", "count", "self", "terraform"}
	for _, t := range w.l.types.All() {
		names = append(names, w.f.spelled(t.Name))
	}
	return names
}

func (w *walker) undeclared(t hcl.Traversal, word string, o object) {
	var sameType, sameName []string
	for x, d := range w.f.objects {
		if x.data != o.data {
			continue
		}
		if x.typ == o.typ {
			sameType = append(sameType, x.name)
		}
		if x.name == o.name {
			sameName = append(sameName, d.label())
		}
	}
	what, label := "resource", word+"."+o.name
	types := w.l.types.Resource
	if o.data {
		what, label, types = "data source", "data."+label, w.l.types.Data
	}
	if o.typ == "" || types(o.typ) == nil {
		if !o.data {
			w.strange(t, word, 0)
			return
		}
		w.l.bad(t.SourceRange(), fmt.Sprintf("Unknown type %q", word), w.l.unknownType(w.f, KindData, word))
		return
	}
	detail := fmt.Sprintf("This module declares no %s %q %q.", what, word, o.name)
	if near := schema.Nearest(o.name, sorted(sameType)); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	} else if len(sameName) > 0 {
		detail += fmt.Sprintf(" There is %s.", list(sorted(sameName)))
	}
	w.l.bad(t.SourceRange(), fmt.Sprintf("%s is not declared", label), detail)
}

// instance makes sure that a reference to a block that repeats chooses one
// instance, and gives the steps that follow.
func (w *walker) instance(d *decl, key string, at hcl.Range, steps hcl.Traversal, example string) (hcl.Traversal, bool) {
	if len(steps) == 0 {
		return nil, true
	}
	switch step := steps[0].(type) {
	case hcl.TraverseAttr:
		if !d.repeated {
			return steps, true
		}
		index, why := `"..."`, "for_each"
		switch count := d.raw.arg("count") != nil; {
		case count && w.may.count:
			index, why = "count.index", "count"
		case count:
			index, why = "0", "count"
		case w.may.each:
			index = "each.key"
		}
		if d.kind == KindCall {
			example = step.Name
		}
		w.l.bad(at, fmt.Sprintf("%s is not one object", key), fmt.Sprintf("It has %s, so say which of its objects is meant: %s[%s].%s, or all of them: %s[*].%s.", why, key, index, example, key, example))
		return nil, false
	case hcl.TraverseIndex:
		if d.repeated {
			return steps[1:], true
		}
		if step.Key.IsKnown() && step.Key.Type() == cty.String {
			return steps, true // network.erp["id"] is an attribute, too
		}
		if step.Key.IsKnown() {
			w.l.bad(at, fmt.Sprintf("%s is one object", key), "It has neither count nor for_each: leave the index out.")
			return nil, false
		}
		return nil, true
	case hcl.TraverseSplat:
		return steps[1:], true
	}
	return nil, true
}

// attribute checks the step that reads an attribute of a type, and names it.
func (w *walker) attribute(t *schema.Type, key string, steps hcl.Traversal) (string, bool) {
	if len(steps) == 0 || t == nil {
		return "", true
	}
	name, where := "", hcl.Range{}
	switch s := steps[0].(type) {
	case hcl.TraverseAttr:
		name, where = s.Name, s.SrcRange
	case hcl.TraverseIndex:
		if !s.Key.IsKnown() || s.Key.IsNull() || s.Key.Type() != cty.String {
			return "", true
		}
		name, where = s.Key.AsString(), s.SrcRange
	default:
		return "", true
	}
	if t.Attribute(name) != nil {
		return name, true
	}
	w.l.bad(where, fmt.Sprintf("Unknown attribute %q", name), fmt.Sprintf("%s is %s, which has no such attribute.%s", key, article(t.Name), meant(name, attributeNames(t))))
	return "", false
}

func attributeNames(t *schema.Type) []string {
	names := make([]string, len(t.Attributes))
	for i, a := range t.Attributes {
		names[i] = a.Name
	}
	return names
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
