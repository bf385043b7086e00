package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

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
	var name string
	var where hcl.Range
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
