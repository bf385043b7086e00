package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/examples"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/terraform-provider/provider"
)

// A manual is what pages are made from.
type manual struct {
	types    *schema.Types
	dir      fs.FS // the provider's folder, for guides
	examples fs.FS
	schemas  *tfprotov6.GetProviderSchemaResponse
	identity map[string]*tfprotov6.ResourceIdentitySchema
	files    map[string]string
	missing  []error
}

// pages makes every page of the manual, by its path in the provider's folder.
func pages(ctx context.Context, types *schema.Types, dir, shown fs.FS) (map[string]string, error) {
	server := providerserver.NewProtocol6(provider.New(types))()
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Concat(schemas.Diagnostics, identities.Diagnostics) {
		return nil, fmt.Errorf("the provider's schemas: %s: %s", d.Summary, d.Detail)
	}
	m := &manual{types: types, dir: dir, examples: shown, schemas: schemas, identity: identities.IdentitySchemas, files: map[string]string{}}
	m.index()
	for _, name := range sorted(schemas.ResourceSchemas) {
		m.resource(name, schemas.ResourceSchemas[name])
	}
	for _, name := range sorted(schemas.DataSourceSchemas) {
		m.data(name, schemas.DataSourceSchemas[name])
	}
	for _, name := range sorted(schemas.ListResourceSchemas) {
		m.list(name, schemas.ListResourceSchemas[name])
	}
	for _, name := range sorted(schemas.Functions) {
		m.function(name, schemas.Functions[name])
	}
	for what, n := range map[string]int{"ephemeral resources": len(schemas.EphemeralResourceSchemas), "actions": len(schemas.ActionSchemas), "state stores": len(schemas.StateStoreSchemas)} {
		if n > 0 {
			m.missing = append(m.missing, fmt.Errorf("the provider serves %s, and the manual has no pages of them: add some to docgen/page.go", what))
		}
	}
	return m.files, errors.Join(m.missing...)
}

func sorted[T any](all map[string]T) []string { return slices.Sorted(maps.Keys(all)) }

// head begins a page: what the registry wants to know of it, and its title.
func head(title, subject, description, heading string) string {
	return fmt.Sprintf("---\npage_title: \"%s - cairn\"\nsubcategory: %q\ndescription: |-\n  %s\n---\n\n# %s\n\n", title, subject, oneLine(description), heading)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// example shows a file of the examples, which has to be there.
func (m *manual) example(path, of string) string {
	text, err := fs.ReadFile(m.examples, path)
	if err != nil {
		m.missing = append(m.missing, fmt.Errorf("%s has no example: write resources/examples/%s", of, path))
	}
	return "## Example Usage\n\n" + block("terraform", string(text)) + "\n"
}

func block(language, text string) string {
	return "```" + language + "\n" + strings.TrimSpace(text) + "\n```\n"
}

// declared finds the type behind a name in Terraform, which has to have a subject.
func (m *manual) declared(name string, find func(string) *schema.Type) *schema.Type {
	t := find(strings.TrimPrefix(name, lang.TerraformPrefix))
	if t.Subject == "" {
		m.missing = append(m.missing, fmt.Errorf("%s is in no chapter: give it a schema.Subject in resources/resources.go", name))
	}
	return t
}

func (m *manual) resource(name string, s *tfprotov6.Schema) {
	t := m.declared(name, m.types.Resource)
	var b strings.Builder
	b.WriteString(head(name+" Resource", t.Subject, t.Summary(), name+" (Resource)"))
	fmt.Fprintf(&b, "%s\n\n", s.Block.Description)
	for _, note := range notes(t) {
		fmt.Fprintf(&b, "%s\n\n", note)
	}
	b.WriteString(m.example(examples.Resource(name), name))
	writeSchema(&b, s.Block, t)
	m.imports(&b, name, t)
	m.files["docs/resources/"+t.Name+".md"] = b.String()
}

// notes are what an author should know of a type in Terraform, by its declaration.
func notes(t *schema.Type) []string {
	var all []string
	for _, other := range t.After {
		all = append(all, fmt.Sprintf("-> **Order** It comes after each %[1]s that refers to the same objects. `cairn` sees that by itself. Terraform does not: name the %[1]s in `depends_on`.", other))
	}
	for _, other := range t.Before {
		all = append(all, fmt.Sprintf("-> **Order** It comes before each %[1]s. `cairn` sees that by itself. Terraform does not: name the %[2]s in `depends_on` of each %[1]s that hangs on it.", other, t.Name))
	}
	if t.Precious {
		all = append(all, fmt.Sprintf("~> **Data** What the %s holds goes with it. `lifecycle { prevent_destroy = true }` keeps it.", t.Name))
	}
	return all
}

func (m *manual) data(name string, s *tfprotov6.Schema) {
	t := m.declared(name, m.types.Data)
	var b strings.Builder
	b.WriteString(head(name+" Data Source", t.Subject, t.Summary(), name+" (Data Source)"))
	fmt.Fprintf(&b, "%s\n\n", s.Block.Description)
	if reading := t.Reading(); reading != "" {
		fmt.Fprintf(&b, "%s\n\n", reading)
	}
	b.WriteString(m.example(examples.Data(name), "data source "+name))
	writeSchema(&b, s.Block, t)
	m.files["docs/data-sources/"+t.Name+".md"] = b.String()
}

func (m *manual) list(name string, s *tfprotov6.Schema) {
	t := m.declared(name, m.types.Resource)
	var b strings.Builder
	b.WriteString(head(name+" List Resource", t.Subject, s.Block.Description, name+" (List Resource)"))
	fmt.Fprintf(&b, "%s What is listed can be imported: `terraform query -generate-config-out=FILE` writes the blocks. That needs Terraform 1.14.\n\n", s.Block.Description)
	narrow := ""
	if slices.ContainsFunc(s.Block.Attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == "name" }) {
		narrow = "\n  config {\n    name = \"web\"\n  }\n"
	}
	b.WriteString("## Example Usage\n\nIn a file such as `all.tfquery.hcl`:\n\n")
	b.WriteString(block("terraform", fmt.Sprintf("list %q \"all\" {\n  provider = cairn\n%s}", name, narrow)))
	b.WriteByte('\n')
	writeSchema(&b, s.Block, t)
	m.files["docs/list-resources/"+t.Name+".md"] = b.String()
}

func (m *manual) function(name string, f *tfprotov6.Function) {
	var b strings.Builder
	b.WriteString(head(name+" function", "", f.Summary, "function: "+name))
	fmt.Fprintf(&b, "%s\n\n", f.Description)
	b.WriteString(m.example(examples.Function(name), "function "+name))
	var parameters, arguments []string
	for _, p := range f.Parameters {
		parameters = append(parameters, p.Name+" "+strings.ToLower(typeText(p.Type)))
		arguments = append(arguments, fmt.Sprintf("1. `%s` (%s) %s\n", p.Name, typeText(p.Type), oneLine(p.Description)))
	}
	if p := f.VariadicParameter; p != nil {
		parameters = append(parameters, p.Name+" "+strings.ToLower(typeText(p.Type))+"...")
		arguments = append(arguments, fmt.Sprintf("1. `%s` (Variadic, %s) %s\n", p.Name, typeText(p.Type), oneLine(p.Description)))
	}
	fmt.Fprintf(&b, "## Signature\n\n%s\n", block("text", name+"("+strings.Join(parameters, ", ")+") "+strings.ToLower(typeText(f.Return.Type))))
	fmt.Fprintf(&b, "## Arguments\n\n%s", strings.Join(arguments, ""))
	m.files["docs/functions/"+name+".md"] = b.String()
}

// index is the first page: the provider block, the guides and what there is.
func (m *manual) index() {
	s := m.schemas.Provider
	var b strings.Builder
	b.WriteString(head("cairn Provider", "", s.Block.Description, "cairn Provider"))
	fmt.Fprintf(&b, "%s\n\n", s.Block.Description)
	b.WriteString(m.guides())
	b.WriteString(m.example(examples.Provider, "the provider"))
	writeSchema(&b, s.Block, nil)
	b.WriteString("\n## What there is\n")
	chapters := map[string][]string{}
	for _, t := range m.types.All() {
		var at []string
		if m.schemas.ResourceSchemas[lang.TerraformPrefix+t.Name] != nil {
			at = append(at, "[resource](resources/"+t.Name+".md)")
		}
		if m.schemas.DataSourceSchemas[lang.TerraformPrefix+t.Name] != nil {
			at = append(at, "[data source](data-sources/"+t.Name+".md)")
		}
		chapters[t.Subject] = append(chapters[t.Subject], fmt.Sprintf("- `%s%s`: %s", lang.TerraformPrefix, t.Name, strings.Join(at, ", ")))
	}
	for _, subject := range sorted(chapters) {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", subject, strings.Join(chapters[subject], "\n"))
	}
	b.WriteString("\n### Functions\n\n")
	for _, name := range sorted(m.schemas.Functions) {
		fmt.Fprintf(&b, "- [`%s%s`](functions/%s.md): %s\n", lang.ProviderFunctions, name, name, oneLine(m.schemas.Functions[name].Summary))
	}
	m.files["docs/index.md"] = b.String()
}

// guides lists the guides by their own first lines.
func (m *manual) guides() string {
	names, err := fs.Glob(m.dir, "docs/guides/*.md")
	if err != nil || len(names) == 0 {
		m.missing = append(m.missing, errors.Join(err, errors.New("there are no guides in docs/guides")))
	}
	var b strings.Builder
	b.WriteString("## Guides\n\n")
	for _, name := range names {
		text, err := fs.ReadFile(m.dir, name)
		_, after, titled := strings.Cut(string(text), "page_title: \"")
		title, rest, _ := strings.Cut(after, "\"\n")
		_, after, described := strings.Cut(rest, "description: |-\n  ")
		description, _, _ := strings.Cut(after, "\n")
		if err != nil || !titled || !described {
			m.missing = append(m.missing, fmt.Errorf("%s does not begin with a page_title and a description: |-", name))
		}
		fmt.Fprintf(&b, "- [%s](%s): %s\n", title, strings.TrimPrefix(name, "docs/"), description)
	}
	b.WriteByte('\n')
	return b.String()
}
