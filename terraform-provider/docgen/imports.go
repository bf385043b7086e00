package main

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/examples"
	"github.com/cairncloud/cairn/resources/schema"
)

// someID is an id as cairn chooses them.
const someID = "5e1c6d0e-8f0b-5c52-9c7a-3f2d1b0a4c68"

// imports writes how an object of the type is imported.
func (m *manual) imports(b *strings.Builder, name string, t *schema.Type) {
	label, word := m.shown(name)
	by := ""
	if t.Attribute("name") != nil {
		by = ", or by its name if it is the only one of that name"
	}
	if word == "" {
		word = someID
	}
	to := name + "." + label
	byID := fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", to, word)
	byIdentity := fmt.Sprintf("import {\n  to = %s\n  identity = {\n    id = %q\n  }\n}\n", to, word)
	command := fmt.Sprintf("terraform import %s %s\n", to, word)
	fmt.Fprintf(b, "\n## Import\n\nAn object that the stack has in the cloud's ledger is imported by its id%s. One that no stack keeps is imported by its id, if its system has it.\n", by)
	fmt.Fprintf(b, "\nWith an `import` block, in Terraform 1.5 or newer, and OpenTofu:\n\n%s", block("terraform", byID))
	fmt.Fprintf(b, "\nBy identity, in Terraform 1.12 and OpenTofu 1.12 or newer:\n\n%s\n### Identity Schema\n", block("terraform", byIdentity))
	for _, part := range []struct {
		title    string
		required bool
	}{{"Required", true}, {"Optional", false}} {
		var lines strings.Builder
		for _, a := range m.identity[name].IdentityAttributes {
			if a.RequiredForImport == part.required {
				fmt.Fprintf(&lines, "- `%s` (%s) %s\n", a.Name, typeText(a.Type), oneLine(a.Description))
			}
		}
		if lines.Len() > 0 {
			fmt.Fprintf(b, "\n#### %s\n\n%s", part.title, lines.String())
		}
	}
	fmt.Fprintf(b, "\nWith the command:\n\n%s", block("shell", command))
}

// shown finds the first block of a type in its example: its label and its name,
// "" where none is written down.
func (m *manual) shown(name string) (label, called string) {
	path := examples.Resource(name)
	src, err := fs.ReadFile(m.examples, path)
	if err != nil {
		return "example", "" // that it is missing has been said
	}
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if !diags.HasErrors() {
		for _, x := range file.Body.(*hclsyntax.Body).Blocks {
			if x.Type != "resource" || len(x.Labels) != 2 || x.Labels[0] != name {
				continue
			}
			if a := x.Body.Attributes["name"]; a != nil {
				if v, diags := a.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String {
					called = v.AsString()
				}
			}
			return x.Labels[1], called
		}
		diags = hcl.Diagnostics{{Summary: path + " has no resource " + name}}
	}
	m.missing = append(m.missing, diags)
	return "example", ""
}
