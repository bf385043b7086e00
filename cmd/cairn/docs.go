package main

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/examples"
	"github.com/cairncloud/cairn/resources/schema"
)

func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "docs [TYPE]",
		Short: "Print the manual of a resource type, or list the types",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, t := range resources.All().All() {
				names = append(names, t.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			types := resources.All()
			if len(args) == 0 {
				return a.listTypes(types)
			}
			name := strings.TrimPrefix(args[0], "cairn_")
			t := types.Resource(name)
			if t == nil {
				t = types.Data(name)
			}
			if t == nil {
				return noType(types, args[0])
			}
			a.manual(types, t)
			return nil
		},
	}
}

func noType(types *schema.Types, name string) error {
	var names []string
	for _, t := range types.All() {
		names = append(names, t.Name)
	}
	if near := schema.Nearest(name, names); near != "" {
		return fmt.Errorf("there is no resource type %q; did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no resource type %q: `cairn docs` lists them", name)
}

// listTypes lists the types by the chapters of the manual.
func (a *app) listTypes(types *schema.Types) error {
	chapters := map[string][]*schema.Type{}
	for _, t := range types.All() {
		chapters[t.Subject] = append(chapters[t.Subject], t)
	}
	s := styleOf(a.out, a.noColor)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for i, subject := range slices.Sorted(maps.Keys(chapters)) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n", s.bold(subject))
		for _, t := range chapters[subject] {
			name := t.Name
			if t.DataOnly {
				name = "data " + name
			}
			fmt.Fprintf(w, "  %s\t%s\n", name, t.Summary())
		}
	}
	return w.Flush()
}

// manual writes a type's page from its declaration.
func (a *app) manual(types *schema.Types, t *schema.Type) {
	s := styleOf(a.out, a.noColor)
	fmt.Fprintf(a.out, "%s\n\n%s\n\n%s\n\n%s", s.bold(t.Name), reflow(t.Doc(), ""), s.bold("Example"), indent(example(types, t), "  "))
	for _, part := range []struct {
		title string
		in    func(*schema.Attribute) bool
	}{
		{"Required", func(x *schema.Attribute) bool { return x.Required }},
		{"Optional", func(x *schema.Attribute) bool { return x.Settable && !x.Required }},
		{"Read-only", func(x *schema.Attribute) bool { return !x.Settable }},
	} {
		first := true
		for _, x := range t.Attributes {
			if !part.in(x) {
				continue
			}
			if first {
				fmt.Fprintf(a.out, "\n%s\n", s.bold(part.title))
				first = false
			}
			a.attribute(types, t, x, "  ")
		}
	}
	if d := types.Data(t.Name); d != nil && !t.DataOnly {
		fmt.Fprintf(a.out, "\n%s\n\n%s\n\n%s", s.bold("Data source"), reflow(d.Reading(), ""), indent(example(types, d), "  "))
	}
}

func (a *app) attribute(types *schema.Types, t *schema.Type, x *schema.Attribute, pad string) {
	s := styleOf(a.out, a.noColor)
	facts := []string{typeText(x.Type)}
	facts = append(facts, x.Facts(types)...)
	switch x.Source {
	case schema.Assigned:
		facts = append(facts, "chosen while planning")
	case schema.Computed:
		facts = append(facts, "known after apply")
	case schema.Live:
		facts = append(facts, "may move at any time")
	}
	if x.Sensitive {
		facts = append(facts, "sensitive")
	}
	fmt.Fprintf(a.out, "\n%s%s  %s\n%s\n", pad, s.bold(x.Name), s.dim("("+strings.Join(facts, "; ")+")"), reflow(t.AttributeDoc(x), pad+"  "))
	for _, n := range x.Nested {
		a.attribute(types, t, n, pad+"    ")
	}
}

func typeText(t cty.Type) string {
	switch {
	case t == cty.DynamicPseudoType:
		return "any type"
	case t.IsListType():
		return "list of " + typeText(t.ElementType())
	case t.IsSetType():
		return "set of " + typeText(t.ElementType())
	case t.IsMapType():
		return "map of " + typeText(t.ElementType())
	case t.IsObjectType():
		return "object"
	}
	return t.FriendlyName()
}

// example is the one that the provider's manual shows, as a stack file spells it.
func example(types *schema.Types, t *schema.Type) string {
	path := examples.Resource
	if t.DataOnly {
		path = examples.Data
	}
	src, err := fs.ReadFile(examples.Files(), path(lang.TerraformPrefix+t.Name))
	if err != nil {
		panic("cairn: " + err.Error()) // every type has one
	}
	return native(types, string(src))
}

// typeName is a word that begins as Terraform's names for cairn's types do.
var typeName = regexp.MustCompile(`\b` + lang.TerraformPrefix + `([a-z0-9_]+)`)

// native takes Terraform's prefix from the names of types.
func native(types *schema.Types, src string) string {
	return typeName.ReplaceAllStringFunc(src, func(word string) string {
		name := strings.TrimPrefix(word, lang.TerraformPrefix)
		if types.Resource(name) == nil && types.Data(name) == nil {
			return word
		}
		return name
	})
}

// indent puts text behind a margin, empty lines excepted.
func indent(text, pad string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return b.String()
}

// reflow sets text in lines of 80 behind a margin.
func reflow(text, pad string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			b.WriteString(pad)
			column = len(pad)
		case column+1+len(word) > 80:
			b.WriteString("\n" + pad)
			column = len(pad)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
