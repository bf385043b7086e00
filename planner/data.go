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

// findData reads a data source: facts of the cloud, or the one object that has
// everything that its block says.
func findData(w *world, types *schema.Types, i lang.Instance, filter cty.Value) (cty.Value, hcl.Diagnostics) {
	t := i.Block.Type
	if !filter.IsWhollyKnown() {
		return cty.UnknownVal(t.Object()), nil
	}
	if t.Lookup() {
		object, err := t.ToGo(filter)
		if err == nil {
			err = object.(schema.Lookuper).Lookup(w)
		}
		var diags hcl.Diagnostics
		for _, x := range schema.AsProblems(err) {
			at := i.Block.AttributeRange(x.Attribute)
			diags = append(diags, problem(x.Summary, x.Detail, &at))
		}
		if diags != nil {
			return cty.UnknownVal(t.Object()), diags
		}
		return t.FromGo(object, filter), nil
	}
	resource := types.Resource(t.Name)
	wanted := map[string][]string{}
	object, err := t.ToGo(filter)
	if err != nil {
		at := i.Block.Range
		return cty.UnknownVal(t.Object()), hcl.Diagnostics{problem("Unsuitable filter", err.Error(), &at)}
	}
	for _, a := range t.Attributes {
		if v := filter.GetAttr(a.Name); a.Settable && !v.IsNull() {
			wanted[a.Name] = t.Texts(object, a.Name)
		}
	}
	var found []any
	var names []string
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
	if len(found) == 1 {
		return t.FromGo(found[0], cty.NilVal), nil
	}
	at := i.Block.Range
	text := filterText(t, wanted)
	if len(found) > 1 {
		for _, o := range found {
			names = append(names, strings.Join(resource.Texts(o, "id"), ""))
		}
		return cty.UnknownVal(t.Object()), hcl.Diagnostics{problem(fmt.Sprintf("%d objects match", len(found)),
			fmt.Sprintf("A data block finds exactly one %s, and %s fits %s. Add a filter, or use the id.", t.Name, text, strings.Join(names, ", ")), &at)}
	}
	for o := range w.All(t.Go()) {
		names = append(names, resource.Texts(o, "name")...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	detail := fmt.Sprintf("No %s has %s.", t.Name, text)
	if len(wanted["name"]) == 1 {
		if near := schema.Nearest(wanted["name"][0], names); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
	}
	if n := len(names); n > 0 {
		detail += " There are: " + strings.Join(names[:min(n, 10)], ", ")
		if n > 10 {
			detail += fmt.Sprintf(" and %d more", n-10)
		}
		detail += "."
	} else {
		detail += " There is none at all."
	}
	return cty.UnknownVal(t.Object()), hcl.Diagnostics{problem(fmt.Sprintf("No such %s", t.Name), detail, &at)}
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
