package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cairncloud/cairn/resources/schema"
)

// An item is an attribute or a block, wherever it is in a schema.
type item struct {
	name, text         string // text: its types and what it is
	required, settable bool
	items              []item // of what nests in it
	anchor             string // how its nested schema is reached, such as nestedatt
}

// writeSchema writes the schema section of a page, in the registry's form.
func writeSchema(b *strings.Builder, s *tfprotov6.SchemaBlock, t *schema.Type) {
	b.WriteString("## Schema\n")
	items := itemsOf(s, t)
	if len(items) == 0 {
		b.WriteString("\nThere is nothing to say.\n")
		return
	}
	writeItems(b, items, "", "### %s\n")
	writeNested(b, items, "")
}

func writeItems(b *strings.Builder, items []item, path, heading string) {
	for _, part := range []struct {
		title string
		in    func(item) bool
	}{
		{"Required", func(x item) bool { return x.required }},
		{"Optional", func(x item) bool { return x.settable && !x.required }},
		{"Read-Only", func(x item) bool { return !x.settable }},
	} {
		var lines []string
		for _, x := range items {
			if !part.in(x) {
				continue
			}
			line := fmt.Sprintf("- `%s` %s", x.name, x.text)
			if x.items != nil {
				line += fmt.Sprintf(" (see [below for nested schema](#%s))", anchor(x, path))
			}
			lines = append(lines, line+"\n")
		}
		if lines != nil {
			fmt.Fprintf(b, "\n"+heading+"\n%s", part.title, strings.Join(lines, ""))
		}
	}
}

func anchor(x item, path string) string {
	return x.anchor + "--" + strings.ReplaceAll(path+x.name, ".", "--")
}

func writeNested(b *strings.Builder, items []item, path string) {
	for _, x := range items {
		if x.items == nil {
			continue
		}
		fmt.Fprintf(b, "\n<a id=%q></a>\n### Nested Schema for `%s%s`\n", anchor(x, path), path, x.name)
		writeItems(b, x.items, path+x.name+".", "%s:\n")
		writeNested(b, x.items, path+x.name+".")
	}
}

// itemsOf lists the attributes and blocks of a schema by name.
func itemsOf(s *tfprotov6.SchemaBlock, t *schema.Type) []item {
	items := attributes(s.Attributes)
	for _, n := range s.BlockTypes {
		x := item{name: n.TypeName, settable: true, anchor: "nestedblock", items: itemsOf(n.Block, t),
			text: "(Block) " + oneLine(n.Block.Description)}
		items = append(items, x)
	}
	slices.SortFunc(items, func(x, y item) int { return strings.Compare(x.name, y.name) })
	return items
}

func attributes(all []*tfprotov6.SchemaAttribute) []item {
	var items []item
	for _, a := range all {
		x := item{name: a.Name, required: a.Required, settable: a.Required || a.Optional, anchor: "nestedatt"}
		var words []string
		if a.NestedType != nil {
			x.items = attributes(a.NestedType.Attributes)
			words = []string{map[tfprotov6.SchemaObjectNestingMode]string{
				tfprotov6.SchemaObjectNestingModeSingle: "Attributes", tfprotov6.SchemaObjectNestingModeList: "Attributes List",
				tfprotov6.SchemaObjectNestingModeSet: "Attributes Set", tfprotov6.SchemaObjectNestingModeMap: "Attributes Map"}[a.NestedType.Nesting]}
		} else {
			words = []string{typeText(a.Type)}
			if object, ok := objectOf(a.Type); ok {
				x.items = members(object)
			}
		}
		if a.Sensitive {
			words = append(words, "Sensitive")
		}
		if a.WriteOnly {
			words = append(words, "Write-only")
		}
		if a.Deprecated {
			words = append(words, "Deprecated")
		}
		x.text = strings.TrimSpace("(" + strings.Join(words, ", ") + ") " + oneLine(a.Description))
		items = append(items, x)
	}
	return items
}

// members are the attributes of an object that is told as one value.
func members(object tftypes.Object) []item {
	var items []item
	for _, name := range sorted(object.AttributeTypes) {
		x := item{name: name, anchor: "nestedobjatt", text: "(" + typeText(object.AttributeTypes[name]) + ")"}
		if inner, ok := objectOf(object.AttributeTypes[name]); ok {
			x.items = members(inner)
		}
		items = append(items, x)
	}
	return items
}

// objectOf finds the object in a type, or in a collection of them.
func objectOf(t tftypes.Type) (tftypes.Object, bool) {
	switch t := t.(type) {
	case tftypes.Object:
		return t, true
	case tftypes.List:
		return objectOf(t.ElementType)
	case tftypes.Set:
		return objectOf(t.ElementType)
	case tftypes.Map:
		return objectOf(t.ElementType)
	}
	return tftypes.Object{}, false
}

// typeText is a type as the registry writes it.
func typeText(t tftypes.Type) string {
	switch t := t.(type) {
	case tftypes.Object:
		return "Object"
	case tftypes.List:
		return "List of " + typeText(t.ElementType)
	case tftypes.Set:
		return "Set of " + typeText(t.ElementType)
	case tftypes.Map:
		return "Map of " + typeText(t.ElementType)
	}
	switch {
	case t.Is(tftypes.String):
		return "String"
	case t.Is(tftypes.Number):
		return "Number"
	case t.Is(tftypes.Bool):
		return "Boolean"
	}
	return "Dynamic"
}
