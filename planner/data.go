package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// findData reads a data source for the block that asks.
func findData(w *world, types *schema.Types, i lang.Instance, filter cty.Value) (cty.Value, hcl.Diagnostics) {
	v, problems := look(w, types, i.Block.Type, filter)
	var diags hcl.Diagnostics
	for _, x := range problems {
		at := i.Block.AttributeRange(x.Attribute)
		diags = append(diags, problem(x.Summary, x.Detail, &at))
	}
	return v, diags
}

// look reads facts of the cloud, or the one object that has all that is asked
// for. What is not known yet can't be looked for.
func look(w *world, types *schema.Types, t *schema.Type, filter cty.Value) (cty.Value, schema.Problems) {
	unknown := cty.UnknownVal(t.Object())
	if !filter.IsWhollyKnown() {
		return unknown, nil
	}
	object, err := t.ToGo(filter)
	if t.Lookup() {
		if err == nil {
			err = object.(schema.Lookuper).Lookup(w)
		}
		if err != nil {
			return unknown, schema.AsProblems(err)
		}
		return t.FromGo(object, filter), nil
	}
	if err != nil {
		return unknown, schema.AsProblems(err)
	}
	resource := types.Resource(t.Name)
	wanted := map[string][]string{}
	for _, a := range t.Attributes {
		if v := filter.GetAttr(a.Name); a.Settable && !v.IsNull() {
			wanted[a.Name] = t.Texts(object, a.Name)
		}
	}
	var found []any
	candidates := w.All(t.Go())
	for _, key := range []string{"id", "name"} {
		if len(wanted[key]) == 1 {
			candidates = w.Where(t.Go(), key, wanted[key][0])
			break
		}
	}
	for o := range candidates {
		if matches(resource, o, wanted) {
			found = append(found, o)
		}
	}
	text := filterText(t, wanted)
	switch len(found) {
	case 0:
		return unknown, schema.Problems{{Summary: fmt.Sprintf("No such %s", t.Name), Detail: fmt.Sprintf("No %s has %s.", t.Name, text) + nearNames(w, resource, wanted["name"])}}
	case 1:
		return t.FromGo(found[0], cty.NilVal), nil
	}
	var ids []string
	for _, o := range found {
		ids = append(ids, resource.Texts(o, "id")...)
	}
	return unknown, schema.Problems{{Summary: fmt.Sprintf("%d objects match", len(found)),
		Detail: fmt.Sprintf("A data block finds exactly one %s, and %s fits %s. Add a filter, or use the id.", t.Name, text, strings.Join(ids, ", "))}}
}

// nearNames says what there is in the place of what was not found.
func nearNames(w *world, t *schema.Type, wanted []string) string {
	var names []string
	for o := range w.All(t.Go()) {
		names = append(names, t.Texts(o, "name")...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return " There is none at all."
	}
	text := ""
	if len(wanted) == 1 {
		if near := schema.Nearest(wanted[0], names); near != "" {
			text = fmt.Sprintf(" Did you mean %q?", near)
		}
	}
	n := len(names)
	text += " There are: " + strings.Join(names[:min(n, 10)], ", ")
	if n > 10 {
		text += fmt.Sprintf(" and %d more", n-10)
	}
	return text + "."
}

func matches(t *schema.Type, o any, wanted map[string][]string) bool {
	for name, texts := range wanted {
		have := t.Texts(o, name)
		for _, x := range texts {
			if !slices.Contains(have, x) {
				return false
			}
		}
	}
	return true
}

func filterText(t *schema.Type, wanted map[string][]string) string {
	var parts []string
	for _, a := range t.Attributes {
		if x := wanted[a.Name]; x != nil {
			parts = append(parts, a.Name+" "+strings.Join(x, ", "))
		}
	}
	if len(parts) == 0 {
		return "no filter at all"
	}
	return strings.Join(parts, " and ")
}
