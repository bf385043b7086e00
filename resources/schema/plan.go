package schema

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// An Action is what a change comes to for one object.
type Action byte

// The actions that Plan decides between.
const (
	NoOp Action = iota
	Create
	Update
	ReplaceObject
)

// A Change is what it takes to get from prior to want.
type Change struct {
	Action Action
	// Planned is the object afterwards. Assigned attributes that are still to be
	// chosen from the ledger are null and named in Assign; what only the system can
	// tell is unknown.
	Planned  cty.Value
	Assign   []string
	Changed  []string // attributes whose value changes
	Replaces []string // those of them that force a new object
	Stops    []string // those of them that stop a guest
	Problems Problems // changes that can't be made at all
}

// Fill puts the defaults of the declaration where a configuration says nothing,
// and marks what is sensitive by its declaration.
func (t *Type) Fill(config cty.Value) cty.Value {
	var vals map[string]cty.Value
	for _, a := range t.Attributes {
		if a.Default == cty.NilVal && !a.Sensitive && !a.hasNestedDefaults() {
			continue
		}
		if vals == nil {
			vals = config.AsValueMap()
		}
		vals[a.Name] = a.hide(a.fill(vals[a.Name]))
	}
	if vals == nil {
		return config
	}
	return cty.ObjectVal(vals)
}

func (a *Attribute) fill(v cty.Value) cty.Value {
	if isNull(v) {
		if a.Default != cty.NilVal {
			return a.Default
		}
		return v
	}
	if v.IsMarked() || !a.hasNestedDefaults() || !v.IsKnown() {
		return v
	}
	filled, err := cty.Transform(v, func(p cty.Path, x cty.Value) (cty.Value, error) {
		if !x.Type().IsObjectType() || !x.IsKnown() || x.IsNull() || x.IsMarked() {
			return x, nil
		}
		vals := x.AsValueMap()
		for _, n := range a.Nested {
			if nv, ok := vals[n.Name]; ok {
				vals[n.Name] = n.fill(nv)
			}
		}
		return cty.ObjectVal(vals), nil
	})
	if err != nil {
		panic("schema: " + err.Error())
	}
	return filled
}

func (a *Attribute) hasNestedDefaults() bool {
	for _, n := range a.Nested {
		if n.Default != cty.NilVal {
			return true
		}
	}
	return false
}

// Plan finds out what it takes to make prior (null: there is nothing) into what
// the author wants: an object of the type, defaults filled in, null where the
// author is silent. It is the only place where two objects are compared.
func (t *Type) Plan(prior, want cty.Value) Change {
	if prior.IsNull() {
		return t.create(want)
	}
	c := Change{Action: NoOp}
	vals := make(map[string]cty.Value, len(t.Attributes))
	var unsettled []*Attribute
	for _, a := range t.Attributes {
		was, w := prior.GetAttr(a.Name), want.GetAttr(a.Name)
		w = a.inherit(w, was)
		next := w
		switch {
		case a.Copies != "":
			next = copied(t, a, prior, want)
		case a.Source == Assigned && isNull(w):
			next = was
			if isNull(was) {
				c.Assign = append(c.Assign, a.Name)
			}
		case a.Source == Computed, a.Source == Live:
			next = was
			if isNull(was) {
				unsettled = append(unsettled, a)
			}
		}
		if a.equal(was, next) {
			vals[a.Name] = was
			continue
		}
		vals[a.Name] = next
		c.Changed = append(c.Changed, a.Name)
		switch a.Change {
		case Replace:
			c.Replaces = append(c.Replaces, a.Name)
		case Stop:
			c.Stops = append(c.Stops, a.Name)
		case Grow:
			if p, ok := shrinks(a, was, next); ok {
				c.Problems = append(c.Problems, p)
			}
		}
	}
	c.Planned = cty.ObjectVal(vals)
	if implements[Replacer](t.goType) && (len(c.Changed) > 0 || implements[Fingerprinter](t.goType)) {
		c.Replaces = append(c.Replaces, t.replaces(prior, c.Planned)...)
	}
	if len(c.Changed) == 0 && len(c.Replaces) == 0 {
		return c
	}
	c.Action = Update
	if len(c.Replaces) > 0 {
		again := t.create(want)
		again.Action = ReplaceObject
		again.Changed, again.Replaces = c.Changed, c.Replaces
		return again
	}
	if len(unsettled) > 0 { // what the system has not told yet, it may tell now
		for _, a := range unsettled {
			vals[a.Name] = cty.UnknownVal(a.plain())
		}
		c.Planned = cty.ObjectVal(vals)
	}
	return c
}

func (t *Type) create(want cty.Value) Change {
	c := Change{Action: Create}
	vals := make(map[string]cty.Value, len(t.Attributes))
	for _, a := range t.Attributes {
		v := want.GetAttr(a.Name)
		switch {
		case a.Copies != "":
			v = copied(t, a, cty.NilVal, want)
			if isNull(v) && t.byName[a.Copies].Source == Assigned {
				c.Assign = append(c.Assign, a.Name)
			}
		case a.Source == Assigned && isNull(v):
			c.Assign = append(c.Assign, a.Name)
		case a.Source == Computed, a.Source == Live:
			v = cty.UnknownVal(a.plain())
			if a.Sensitive {
				v = v.Mark(Sensitive)
			}
		}
		vals[a.Name] = v
		if !isNull(v) {
			c.Changed = append(c.Changed, a.Name)
		}
	}
	c.Planned = cty.ObjectVal(vals)
	return c
}

// inherit fills what cairn chose inside the objects of a list from the object at
// the same place before, where the author is silent about it.
func (a *Attribute) inherit(want, was cty.Value) cty.Value {
	if !slices.ContainsFunc(a.Nested, func(n *Attribute) bool { return n.Source == Assigned }) ||
		isNull(want) || isNull(was) || !want.IsKnown() || want.IsMarked() || was.IsMarked() || !want.Type().IsListType() {
		return want
	}
	before, after := was.AsValueSlice(), want.AsValueSlice()
	for i := range min(len(before), len(after)) {
		if !after[i].IsKnown() || isNull(after[i]) || after[i].IsMarked() || !a.sameBesides(before[i], after[i]) {
			continue
		}
		vals := after[i].AsValueMap()
		for _, n := range a.Nested {
			if n.Source == Assigned && isNull(vals[n.Name]) {
				vals[n.Name] = before[i].GetAttr(n.Name)
			}
		}
		after[i] = cty.ObjectVal(vals)
	}
	if len(after) == 0 {
		return want
	}
	return cty.ListVal(after)
}

// sameBesides reports whether a nested object has, as it was, all that the
// author says of it now: otherwise the one is not the other's successor, and what
// cairn chose for the one need not fit the other.
func (a *Attribute) sameBesides(was, want cty.Value) bool {
	for _, n := range a.Nested {
		if n.Source == Assigned && isNull(want.GetAttr(n.Name)) {
			continue
		}
		if !n.equal(was.GetAttr(n.Name), want.GetAttr(n.Name)) {
			return false
		}
	}
	return true
}

// copied is the value of an attribute that copies another one, as far as that is
// known before the ledger was asked.
func copied(t *Type, a *Attribute, prior, want cty.Value) cty.Value {
	v := want.GetAttr(a.Copies)
	if isNull(v) && t.byName[a.Copies].Source == Assigned && prior != cty.NilVal {
		return prior.GetAttr(a.Copies)
	}
	return v
}

// Settle gives the attributes that copy another one its value, once the ledger
// has answered.
func (t *Type) Settle(planned cty.Value) cty.Value {
	var vals map[string]cty.Value
	for _, a := range t.Attributes {
		if a.Copies == "" || !isNull(planned.GetAttr(a.Name)) {
			continue
		}
		if vals == nil {
			vals = planned.AsValueMap()
		}
		vals[a.Name] = planned.GetAttr(a.Copies)
	}
	if vals == nil {
		return planned
	}
	return cty.ObjectVal(vals)
}

func (t *Type) replaces(prior, planned cty.Value) []string {
	for _, a := range t.Attributes { // of what is not known yet, nothing can be said
		if a.Settable && !planned.GetAttr(a.Name).IsWhollyKnown() {
			return nil
		}
	}
	was, err1 := t.ToGo(prior)
	now, err2 := t.ToGo(planned)
	if err1 != nil || err2 != nil {
		return nil // the check of the values says it better
	}
	return now.(Replacer).Replaces(was)
}

func isNull(v cty.Value) bool {
	v, _ = v.Unmark()
	return v.IsNull()
}

// equal compares as the Go type does, which knows that two spellings of an
// address are one.
func (a *Attribute) equal(was, next cty.Value) bool {
	w, _ := was.UnmarkDeep()
	n, _ := next.UnmarkDeep()
	if w.RawEquals(n) {
		return true
	}
	if a.Type == cty.DynamicPseudoType || !w.IsWhollyKnown() || !n.IsWhollyKnown() || w.IsNull() != n.IsNull() {
		return false
	}
	g, ok1 := a.goValue(w)
	h, ok2 := a.goValue(n)
	return ok1 && ok2 && same(g, h)
}

func shrinks(a *Attribute, was, next cty.Value) (Problem, bool) {
	w, _ := was.Unmark()
	n, _ := next.Unmark()
	if w.IsNull() || !w.IsKnown() || !n.IsKnown() || n.IsNull() || w.Type() != cty.Number || !n.LessThan(w).True() {
		return Problem{}, false
	}
	return Problem{
		Attribute: a.Name,
		Summary:   fmt.Sprintf("%s can only grow", a.Name),
		Detail:    fmt.Sprintf("It is %s and can't become %s. Make a new object with the smaller size and copy what it holds.", w.AsBigFloat().Text('f', -1), n.AsBigFloat().Text('f', -1)),
	}, true
}
