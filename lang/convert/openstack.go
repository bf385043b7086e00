package convert

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// Options say how a foreign configuration is rewritten.
type Options struct {
	Types *schema.Types
	// Stack is the name of the stack.
	Stack string
	// Native writes stack files instead of .tf files.
	Native bool
}

const foreign = "openstack_"

// OpenStack rewrites a configuration for Terraform's OpenStack provider: files are
// its .tf files by their path below the root folder, with slashes. What can't be
// converted stays in the output as a comment, and in the report.
func OpenStack(files map[string][]byte, opt Options) (*Output, *Report, hcl.Diagnostics) {
	c := &converter{Options: opt, table: openStack(), folders: map[string]*foreignFolder{}, report: &Report{}, out: &Output{Files: map[string][]byte{}}}
	for _, name := range sortedKeys(files) {
		c.read(name, files[name])
	}
	if c.diags.HasErrors() {
		return nil, nil, c.diags
	}
	for _, dir := range sortedKeys(c.folders) {
		f := c.folders[dir]
		c.merges(f)
		for _, x := range f.files {
			for _, b := range x.body.Blocks {
				c.block(f, x, b)
			}
		}
		c.write(f)
	}
	c.report.sort()
	return c.out, c.report, c.diags
}

type converter struct {
	Options
	table   *table
	folders map[string]*foreignFolder
	report  *Report
	out     *Output
	diags   hcl.Diagnostics
}

type foreignFolder struct {
	dir      string
	files    []*foreignFile
	objects  map[string]*hclsyntax.Block // by TYPE.NAME and data.TYPE.NAME
	data     map[string]string           // data blocks that were added, by what they look up
	taken    map[string]bool             // names of data blocks
	into     map[string]*mergedBlock     // by the address of what is merged
	ours     bool                        // it has blocks of the provider
	named    bool                        // it has the block that names the stack
	requires bool                        // it says which providers it needs
}

type foreignFile struct {
	script
	name string
	body *hclsyntax.Body
}

// read parses a file, if lang could read it.
func (c *converter) read(name string, src []byte) {
	at := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if strings.HasSuffix(name, ".json") {
		c.report.add(at, Item{Status: Left, Block: path.Base(name), Detail: "files in JSON are not converted: write it in HCL"})
		return
	}
	if diags := legible(name, src); diags.HasErrors() {
		c.diags = append(c.diags, diags...)
		return
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	c.diags = append(c.diags, diags...)
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || diags.HasErrors() {
		return
	}
	dir := path.Dir(name)
	f := c.folders[dir]
	if f == nil {
		f = &foreignFolder{dir: dir, objects: map[string]*hclsyntax.Block{}, data: map[string]string{}, taken: map[string]bool{}, into: map[string]*mergedBlock{}}
		c.folders[dir] = f
	}
	f.files = append(f.files, &foreignFile{script: script{src: src}, name: name, body: body})
	for _, b := range body.Blocks {
		if address := objectAddress(b); address != "" {
			f.objects[address] = b
			f.ours = f.ours || strings.HasPrefix(b.Labels[0], foreign)
			if r, _ := c.table.of(b.Labels[0], b.Type == "data"); r != nil && b.Type == "data" {
				f.taken[r.To+"."+b.Labels[1]] = true
			}
		}
	}
}

// legible lets lang refuse what the parser could not take.
func legible(name string, src []byte) hcl.Diagnostics {
	const dir = "converted"
	file := dir + "/x.tf"
	b := &lang.Bundle{Dir: dir, Cwd: "/", Files: map[string][]byte{file: src}, Folders: map[string][]string{dir: {"x.tf"}}}
	s, diags := lang.Load(dir, lang.Options{Types: schema.NewTypes(), Files: b, Values: map[string]cty.Value{}})
	if f := s.Sources[file]; f == nil || f.Body != nil || f.Nav != nil {
		return nil
	}
	for _, d := range diags {
		d.Summary = strings.ReplaceAll(d.Summary, file, name)
		if d.Subject != nil {
			d.Subject.Filename = name
		}
	}
	return diags
}

func objectAddress(b *hclsyntax.Block) string {
	if len(b.Labels) != 2 {
		return ""
	}
	switch b.Type {
	case "resource":
		return b.Labels[0] + "." + b.Labels[1]
	case "data":
		return "data." + b.Labels[0] + "." + b.Labels[1]
	}
	return ""
}

// typeName is how the output spells a type of cairn.
func (c *converter) typeName(name string) string {
	if c.Native {
		return name
	}
	return lang.TerraformName(name)
}

func (c *converter) block(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	switch b.Type {
	case "resource", "data":
		c.object(f, x, b)
	case "provider":
		c.provider(f, x, b)
	case "terraform":
		c.settings(f, x, b)
	case "moved", "removed", "import":
		c.address(f, x, b)
	case "module":
		c.module(f, x, b)
	case "variable":
		if a := b.Body.Attributes["type"]; a != nil {
			if v, diags := a.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && !v.IsNull() && v.IsKnown() { // of Terraform 0.11
				if word := map[string]string{"string": "string", "list": "list(any)", "map": "map(any)"}[v.AsString()]; word != "" {
					x.replace(a.Expr.Range(), word)
				}
			}
		}
		c.rest(f, x, b, "type")
	default:
		c.rest(f, x, b)
	}
}

// rest rewrites what a block mentions.
func (c *converter) rest(f *foreignFolder, x *foreignFile, b *hclsyntax.Block, but ...string) {
	s := &scope{folder: f, file: x, block: b, about: Item{Block: strings.Join(append([]string{b.Type}, b.Labels...), ".")}}
	c.restOf(s, b.Body, but)
}

func (c *converter) restOf(s *scope, body *hclsyntax.Body, but []string) {
	for _, a := range inOrder(body) {
		switch {
		case slices.Contains(but, a.Name):
		case a.Name == "depends_on":
			c.dependsOn(s, a)
		default:
			c.expression(s, a.Expr)
		}
	}
	for _, inner := range body.Blocks {
		c.restOf(s, inner.Body, nil)
	}
}

// comment turns a piece of text into a comment that says why.
func (x *foreignFile) comment(r hcl.Range, why string) {
	lines := strings.Split(strings.TrimRight(string(x.src[r.Start.Byte:r.End.Byte]), "\n"), "\n")
	margin := lineBefore(x.src, r.Start.Byte)
	for i, l := range lines {
		l = strings.TrimPrefix(l, margin)
		lines[i] = strings.TrimRight("# "+strings.TrimRight(l, "\r"), " ")
	}
	text := "# Not converted: " + why + ".\n" + strings.Join(lines, "\n")
	if end := r.End.Byte; end < len(x.src) && x.src[end] != '\n' && x.src[end] != '\r' {
		text += "\n"
	}
	if start := r.Start.Byte; start > 0 && strings.Trim(lineBefore(x.src, start), " \t") != "" {
		text = "\n" + text
	}
	x.replace(r, text)
}

func lineBefore(src []byte, at int) string {
	line := string(src[:at])
	return line[strings.LastIndexByte(line, '\n')+1:]
}

// remove takes a piece of text out, with its lines if it has them to itself.
func (x *foreignFile) remove(r hcl.Range) {
	x.put(lineOf(x.src, r.Start.Byte, r.End.Byte, ""))
}

// provider names the stack, and leaves out how to reach OpenStack.
func (c *converter) provider(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	if len(b.Labels) == 0 || b.Labels[0] != "openstack" {
		if c.Native {
			x.comment(b.Range(), "cairn makes resources with its own drivers")
		}
		return
	}
	if b.Body.Attributes["alias"] != nil || f.named || f.dir != "." {
		x.comment(b.Range(), "there is one provider of cairn, in the stack's folder")
		c.report.add(b.DefRange(), Item{Status: Left, Block: `provider "openstack"`, Detail: "a stack has one cloud and one project: write project_id into the resources of other projects, and put what is on another cloud into a stack of its own"})
		return
	}
	f.named = true
	var lines, out []string
	for _, a := range inOrder(b.Body) {
		v, diags := a.Expr.Value(nil)
		literal := !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String
		word := map[string]string{"tenant_name": "project", "tenant_id": "project", "project_name": "project", "project_id": "project", "region": "region"}[a.Name]
		switch {
		case word != "" && literal && !c.Native && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  "+word) }):
			lines = append(lines, fmt.Sprintf("  %s = %s\n", word, quoted(v.AsString())))
		case word != "" && !literal:
			out = append(out, a.Name)
			c.report.add(a.NameRange, Item{Status: Left, Block: `provider "openstack"`, Argument: a.Name, Detail: "it is read before variables are: write it out, as " + word})
		default:
			out = append(out, a.Name)
			c.report.add(a.NameRange, Item{Status: Dropped, Block: `provider "openstack"`, Argument: a.Name, Detail: "cloud.hcl says where the cloud is"})
		}
	}
	text := ""
	if len(out) > 0 {
		text = fmt.Sprintf("# Where the cloud is, cloud.hcl says. Left out: %s.\n", strings.Join(out, ", "))
	}
	if c.Native {
		text += fmt.Sprintf("stack %q {}", c.Stack)
	} else {
		text += fmt.Sprintf("provider \"cairn\" {\n  stack = %q\n%s}", c.Stack, strings.Join(lines, ""))
	}
	x.replace(b.Range(), text)
}

// settings puts cairn's provider in the place of OpenStack's.
func (c *converter) settings(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	if c.Native {
		x.comment(b.Range(), "cairn needs no settings for Terraform")
		return
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type != "required_providers" {
			continue
		}
		if f.requires {
			continue
		}
		const entry = "cairn = {\n source = \"cairncloud/cairn\"\n}"
		if a := inner.Body.Attributes["openstack"]; a != nil {
			x.replace(a.SrcRange, entry)
			f.requires = true
		}
	}
}

// address rewrites a moved, removed or import block.
func (c *converter) address(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	s := &scope{folder: f, file: x, block: b}
	for _, a := range inOrder(b.Body) {
		if a.Name != "from" && a.Name != "to" {
			c.expression(s, a.Expr)
			continue
		}
		e := hclsyntax.Expression(a.Expr)
		if i, ok := e.(*hclsyntax.IndexExpr); ok {
			c.expression(s, i.Key)
			e = i.Collection
		}
		ref, ok := e.(*hclsyntax.ScopeTraversalExpr)
		if !ok {
			continue
		}
		i := addressStep(ref.Traversal)
		name, r, ok := nameRange(ref.Traversal, max(i, 0))
		if i < 0 || !ok || !strings.HasPrefix(name, foreign) {
			continue
		}
		to, why := c.table.of(name, false)
		if to == nil {
			x.comment(b.Range(), why)
			c.report.add(b.DefRange(), Item{Status: Left, Block: b.Type, Type: name, Detail: why})
			return
		}
		x.replace(r, c.typeName(to.To))
	}
}

func (c *converter) module(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	if a := b.Body.Attributes["source"]; a != nil {
		if v, diags := a.Expr.Value(nil); !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			src := v.AsString()
			where := path.Join(f.dir, src)
			why := ""
			switch {
			case !strings.HasPrefix(src, "./") && !strings.HasPrefix(src, "../"):
				why = fmt.Sprintf("the module %q is not in a folder here: copy it into one, and convert that", src)
			case c.folders[where] == nil:
				why = fmt.Sprintf("the module %q is not below the folder that was converted: convert a folder that holds both", src)
			}
			if why != "" {
				x.comment(b.Range(), why)
				c.report.add(b.DefRange(), Item{Status: Left, Block: "module." + strings.Join(b.Labels, "."), Detail: why})
				return
			}
		}
	}
	if a := b.Body.Attributes["providers"]; a != nil {
		x.remove(a.SrcRange)
		c.report.add(a.NameRange, Item{Status: Dropped, Block: "module." + strings.Join(b.Labels, "."), Argument: "providers", Detail: "there is one provider of cairn"})
	}
	c.rest(f, x, b, "source", "providers")
}

// write formats the files of a folder, and adds what names the stack.
func (c *converter) write(f *foreignFolder) {
	c.gather(f)
	names := map[string]bool{}
	for _, x := range f.files {
		name := x.name
		if c.Native {
			name = strings.TrimSuffix(name, ".tf") + ".stack.hcl"
		}
		c.out.Files[name] = hclwrite.Format([]byte(x.text(0, len(x.src))))
		names[strings.TrimSuffix(path.Base(x.name), ".tf")] = true
	}
	text := ""
	switch {
	case c.Native && f.dir == "." && !f.named:
		text = fmt.Sprintf("stack %q {}\n", c.Stack)
	case !c.Native && f.ours && !f.requires:
		text = requiredProviders
	}
	if !c.Native && f.dir == "." && !f.named {
		if text != "" {
			text += "\n"
		}
		text += fmt.Sprintf("provider \"cairn\" {\n  stack = %q\n}\n", c.Stack)
	}
	if text == "" {
		return
	}
	name := path.Join(f.dir, unique(names, "cairn"))
	if c.Native {
		c.out.Files[name+".stack.hcl"] = []byte(text)
		return
	}
	c.out.Files[name+".tf"] = []byte(text)
}

// A mergedBlock is several blocks of OpenStack that are one of cairn's.
type mergedBlock struct {
	file  *foreignFile
	block *hclsyntax.Block
	from  []*hclsyntax.Block // the others
	files []*foreignFile
}

// merges finds the blocks that say parts of one object.
func (c *converter) merges(f *foreignFolder) {
	groups := map[string]*mergedBlock{}
	for _, x := range f.files {
		for _, b := range x.body.Blocks {
			address := objectAddress(b)
			if address == "" || b.Type != "resource" {
				continue
			}
			r, _ := c.table.of(b.Labels[0], false)
			if r == nil || r.Merge == "" {
				continue
			}
			key := r.To
			for _, word := range []string{"count", "for_each", r.Merge, "tenant_id"} {
				if a := b.Body.Attributes[word]; a != nil {
					key += " " + string(x.src[a.Expr.Range().Start.Byte:a.Expr.Range().End.Byte])
				}
			}
			m := groups[key]
			if m == nil {
				m = &mergedBlock{file: x, block: b}
				groups[key] = m
			} else {
				m.from, m.files = append(m.from, b), append(m.files, x)
			}
			f.into[address] = m
		}
	}
}

// gather moves the arguments of merged blocks into the first one.
func (c *converter) gather(f *foreignFolder) {
	done := map[*mergedBlock]bool{}
	for _, address := range sortedKeys(f.into) {
		m := f.into[address]
		if done[m] {
			continue
		}
		done[m] = true
		r, _ := c.table.of(m.block.Labels[0], false)
		text := ""
		for i, b := range m.from {
			x := m.files[i]
			for _, a := range inOrder(b.Body) {
				switch a.Name {
				case r.Merge, "tenant_id", "count", "for_each":
					continue
				}
				if t := strings.TrimSpace(x.text(a.SrcRange.Start.Byte, a.SrcRange.End.Byte)); t != "" {
					text += "\n" + t
				}
			}
			x.replace(b.Range(), fmt.Sprintf("# %s is part of %s.%s.", objectAddress(b), c.typeName(r.To), m.block.Labels[1]))
		}
		if text != "" {
			at := m.block.CloseBraceRange.Start.Byte
			m.file.put(at, at, strings.TrimPrefix(text, "\n")+"\n")
		}
	}
}

// lookUp adds a data block, once for what it looks up, and names it.
func (c *converter) lookUp(s *scope, typ *schema.Type, by, name, value string, repeat string) string {
	f := s.folder
	key := typ.Name + " " + by + " " + value + " " + repeat
	if known := f.data[key]; known != "" {
		return known
	}
	taken := map[string]bool{}
	for n := range f.taken {
		if n, ok := strings.CutPrefix(n, typ.Name+"."); ok {
			taken[n] = true
		}
	}
	name = unique(taken, identifier(name))
	f.taken[typ.Name+"."+name] = true
	text := fmt.Sprintf("\n\ndata %q %q {\n%s%s = %s\n}", c.typeName(typ.Name), name, repeat, by, value)
	end := s.block.CloseBraceRange.End.Byte
	s.file.put(end, end, text)
	f.data[key] = "data." + c.typeName(typ.Name) + "." + name
	return f.data[key]
}

// identifier makes a name of a text.
func identifier(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	out := strings.Trim(b.String(), "_")
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		out = "x_" + out
	}
	return strings.TrimSuffix(out, "_")
}

func sortedKeys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
