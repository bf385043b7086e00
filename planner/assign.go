package planner

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// assign asks the ledger for what cairn chooses. An object whose configuration
// is not known yet gets its id now and the rest in apply.
func (w *walk) assign(c *Change, assign []string, was cty.Value) hcl.Diagnostics {
	t := c.Type
	vals := c.Planned.AsValueMap()
	chosen := w.ledger.object(c.name, c.ID)
	empty := t.New()
	_, claims := empty.(schema.Claimer)
	_, owns := empty.(schema.Owner)
	_, placed := empty.(schema.Placer)
	if a := t.Attribute("id"); a != nil && slices.Contains(assign, "id") && a.Copies == "" {
		vals["id"] = cty.StringVal(c.ID)
	}
	if c.late && (claims || owns || placed) {
		c.Planned = unchosen(t, cty.ObjectVal(vals), assign)
		delete(w.ledger.settled, c.name)
		return nil
	}
	c.Planned = cty.ObjectVal(vals)
	if claims || owns || placed {
		object, err := t.ToGo(c.Planned)
		if owns && err == nil {
			if diags := w.own(c, object.(schema.Owner), chosen); diags.HasErrors() {
				return diags
			}
		}
		if placed && err == nil {
			err = w.place(c, object.(schema.Placer))
		}
		if claims && err == nil {
			err = object.(schema.Claimer).Claims(w.world, chosen)
		}
		if errors.Is(err, errUnplaced) {
			c.Planned = unchosen(t, c.Planned, assign)
			return nil
		}
		if err != nil {
			return w.abouts(c, err)
		}
		if s, ok := object.(schema.Stopper); ok && len(c.Stops) > 0 && !was.IsNull() {
			prior, err := t.ToGo(was)
			if err != nil {
				return w.abouts(c, err)
			}
			c.Stops = s.Stops(w.world, prior, c.Stops)
		}
		c.Planned = stillUnknown(t, c.Planned, t.FromGo(object, c.Planned))
	}
	c.Planned = t.Settle(c.Planned)
	c.claims, c.exclusive = chosen.claims, chosen.exclusive()
	for _, x := range t.Attributes {
		if x.Source == schema.Assigned && !slices.Contains(c.Changed, x.Name) && !was.IsNull() && !same(was.GetAttr(x.Name), c.Planned.GetAttr(x.Name)) {
			c.Changed = append(c.Changed, x.Name)
		}
	}
	return nil
}

// unchosen is an object with all but its id still to be chosen.
func unchosen(t *schema.Type, v cty.Value, assign []string) cty.Value {
	vals := v.AsValueMap()
	for _, name := range assign {
		if name != "id" {
			vals[name] = cty.UnknownVal(t.Attribute(name).Type.WithoutOptionalAttributesDeep())
		}
	}
	return cty.ObjectVal(vals)
}

// own plans the objects that one brings along, before it.
func (w *walk) own(c *Change, o schema.Owner, l schema.Ledger) hcl.Diagnostics {
	owned, err := o.Owned(w.world, l)
	if err != nil {
		return w.abouts(c, err)
	}
	var diags hcl.Diagnostics
	for _, x := range owned {
		t := w.site.Types.ByGo(reflect.TypeOf(x.Object).Elem())
		child := &Change{Address: c.Address, Type: t, Range: c.Range, block: c.block, parent: c}
		child.Address.Owned = x.Role
		child.name = child.Address.String()
		child.ID = strings.Join(t.Texts(x.Object, "id"), "")
		p := w.priors.at[child.Address]
		if p != nil {
			p.met = true
			child.record, child.Moved = p.record, p.moved
		}
		diags = append(diags, w.decide(child, p, t.FromGo(x.Object, cty.NilVal))...)
	}
	return diags
}

// stillUnknown puts back what only the system can tell: a struct has no unknown.
func stillUnknown(t *schema.Type, planned, claimed cty.Value) cty.Value {
	vals := claimed.AsValueMap()
	for _, a := range t.Attributes {
		if v := planned.GetAttr(a.Name); !v.IsWhollyKnown() {
			vals[a.Name] = v
		}
	}
	return cty.ObjectVal(vals)
}

// valid reports values that no object of the type can have.
func (w *walk) valid(c *Change, want cty.Value) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range c.Type.Attributes {
		if !a.Settable {
			continue
		}
		for _, x := range a.Complain(want.GetAttr(a.Name)) {
			diags = append(diags, w.about(c, x))
		}
	}
	if len(diags) > 0 || c.late {
		return diags
	}
	object, err := c.Type.ToGo(want)
	if err != nil {
		return w.abouts(c, err)
	}
	if checker, ok := object.(schema.Checker); ok {
		return w.abouts(c, checker.Check())
	}
	return nil
}

// importing finds the object that an import block names for an address.
func (w *walk) importing(c *Change) (*prior, hcl.Diagnostics) {
	m, ok := w.adoption(c)
	if !ok {
		return nil, nil
	}
	h := w.site.Systems.For(c.Type.Name)
	object, err := h.Import(w.ctx, m.ID)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, hcl.Diagnostics{problem(fmt.Sprintf("A %s can't be imported", c.Type.Name), "It lives in cairn's state alone. Remove the import block: it is created as the configuration says.", &m.Range)}
	}
	if err != nil {
		return nil, hcl.Diagnostics{problem(fmt.Sprintf("%s can't be imported", c.Address), fmt.Sprintf("No object answers to the id %q: %s.", m.ID, err), &m.Range)}
	}
	c.Imported, c.untold = m.ID, h.Untold()
	v := c.Type.FromGo(object, cty.NilVal)
	id := m.ID
	if x := c.Type.Attribute("id"); x != nil {
		if iv := v.GetAttr("id"); iv.IsKnown() && !iv.IsNull() {
			id = iv.AsString()
		}
	}
	return &prior{addr: c.Address, typ: c.Type, actual: v, record: &state.Record{Address: c.name, Type: c.Type.Name, ID: id}}, nil
}

// adoption is the object that is to be brought under an address.
func (w *walk) adoption(c *Change) (lang.Adoption, bool) {
	for _, x := range w.opt.Adopt {
		if x.To == c.Address {
			return lang.Adoption{To: x.To, ID: x.ID, Range: c.Range}, true
		}
	}
	all := w.eval.Imports()
	if w.imports == nil || len(all) < w.adopted { // a block that was expanded again
		w.imports, w.adopted = map[address.Object]lang.Adoption{}, 0
	}
	for ; w.adopted < len(all); w.adopted++ {
		w.imports[all[w.adopted].To] = all[w.adopted]
	}
	m, ok := w.imports[c.Address]
	return m, ok
}
