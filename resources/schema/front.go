package schema

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// What follows is for front ends that plan one object a call and have to say
// which values an apply may still choose.

// Unchosen is a planned value with everything unknown in its nested objects that
// cairn chooses and was not there before: what an apply chooses may be another
// than a plan would.
func (a *Attribute) Unchosen(v, was cty.Value) cty.Value {
	if !a.chooses() || v.IsMarked() || !v.IsKnown() || v.IsNull() {
		return v
	}
	if was != cty.NilVal && was.RawEquals(v) {
		return v
	}
	return a.eachNested(v, func(n *Attribute, x cty.Value, i int) cty.Value {
		if n.Source != Assigned || !isNull(x) {
			return x
		}
		return cty.UnknownVal(x.Type())
	})
}

// Pinned is what the author wrote, with what a plan has said of the rest.
func (a *Attribute) Pinned(config, planned cty.Value) cty.Value {
	switch {
	case !a.Settable || planned.IsNull() || !planned.IsWhollyKnown():
		return config
	case a.Source == Assigned && isNull(config):
		return planned
	case !a.chooses() || isNull(config) || !config.IsKnown() || !config.Type().IsListType() || config.LengthInt() != planned.LengthInt():
		return config
	}
	said := planned.AsValueSlice()
	return a.eachNested(config, func(n *Attribute, x cty.Value, i int) cty.Value {
		if n.Source == Assigned && isNull(x) {
			return said[i].GetAttr(n.Name)
		}
		return x
	})
}

// chooses reports whether cairn chooses anything inside the attribute's objects.
func (a *Attribute) chooses() bool {
	return slices.ContainsFunc(a.Nested, func(n *Attribute) bool { return n.Source == Assigned })
}

// eachNested changes the attributes of the objects in a list.
func (a *Attribute) eachNested(v cty.Value, f func(n *Attribute, x cty.Value, i int) cty.Value) cty.Value {
	if !v.Type().IsListType() || v.LengthInt() == 0 {
		return v
	}
	elements := v.AsValueSlice()
	for i, e := range elements {
		if !e.IsKnown() || isNull(e) || e.IsMarked() {
			continue
		}
		vals := e.AsValueMap()
		for _, n := range a.Nested {
			vals[n.Name] = f(n, vals[n.Name], i)
		}
		elements[i] = cty.ObjectVal(vals)
	}
	return cty.ListVal(elements)
}

// Guarded marks what may hide a secret as sensitive: its front end does not say
// which values are.
func (t *Type) Guarded(v cty.Value) cty.Value {
	var vals map[string]cty.Value
	for _, a := range t.Attributes {
		if !a.MayHide && !a.Sensitive || v.IsNull() {
			continue
		}
		if vals == nil {
			vals = v.AsValueMap()
		}
		if x := vals[a.Name]; !x.IsNull() {
			vals[a.Name] = x.Mark(Sensitive)
		}
	}
	if vals == nil {
		return v
	}
	return cty.ObjectVal(vals)
}

// Configured is what an author would have written for an object to come out like
// this: its attributes that can be set.
func (t *Type) Configured(v cty.Value) cty.Value {
	vals := v.AsValueMap()
	for _, a := range t.Attributes {
		if !a.Settable {
			vals[a.Name] = cty.NullVal(a.plain())
		}
	}
	return cty.ObjectVal(vals)
}

// Text is an attribute of an object that is a text, "" when there is none or it is
// not known.
func Text(object cty.Value, attribute string) string {
	if object.IsNull() || !object.IsKnown() || !object.Type().HasAttribute(attribute) {
		return ""
	}
	x, _ := object.GetAttr(attribute).Unmark()
	if x.IsNull() || !x.IsKnown() || x.Type() != cty.String {
		return ""
	}
	return x.AsString()
}
