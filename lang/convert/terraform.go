package convert

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// Terraform rewrites a stack, loaded without complaints, as a folder of .tf files
// that Terraform, OpenTofu and cairn read alike. Warnings tell what Terraform may
// refuse; with errors there is no output.
func Terraform(s *lang.Stack, types *schema.Types) (*Output, hcl.Diagnostics) {
	w := &writer{stack: s, types: types, bundle: s.Bundle(), folders: map[string]*stackFolder{}, out: &Output{Files: map[string][]byte{}}}
	if s.TF {
		return nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: fmt.Sprintf("%s is a folder of .tf files already", s.Dir),
			Detail: "Terraform reads it as it is."}}
	}
	w.read()
	if w.diags.HasErrors() {
		return nil, w.diags
	}
	for _, f := range w.folderOrder {
		w.rewrite(f)
	}
	all, gone := w.breakCircles()
	w.order(all, gone)
	w.foresee()
	if w.diags.HasErrors() {
		return nil, w.diags
	}
	for _, f := range w.folderOrder {
		w.write(f)
	}
	return w.out, w.diags
}

// A writer turns the folders of a stack into Terraform's.
type writer struct {
	stack       *lang.Stack
	types       *schema.Types
	bundle      *lang.Bundle
	folders     map[string]*stackFolder
	folderOrder []*stackFolder
	blocks      map[blockName]*lang.Block
	out         *Output
	diags       hcl.Diagnostics
}

// A stackFolder is the stack's folder or that of a module.
type stackFolder struct {
	dir, out string // out: below the output, with slashes; "" is the output itself
	files    []*stackFile
	modules  []*lang.Module // that are calls of it
	decls    map[string]*hclsyntax.Block
	locals   map[string]*hclsyntax.Attribute
	taken    map[string]bool // TYPE.NAME of its resources, also of those that are added
}

type stackFile struct {
	script
	name     string
	body     *hclsyntax.Body
	provides bool // it says which providers there are
}

func (w *writer) complain(at hcl.Range, summary, detail string) {
	w.diags = append(w.diags, complaint(at, summary, detail))
}

func (w *writer) remark(at hcl.Range, summary, detail string) {
	w.diags = append(w.diags, remark(at, summary, detail))
}

// read parses every folder that the stack is made of, and finds its place.
func (w *writer) read() {
	w.blocks = map[blockName]*lang.Block{}
	taken := map[string]bool{}
	for _, b := range w.stack.Blocks {
		w.blocks[nameOf(b)] = b
		f := w.folder(b.Module.Dir, taken)
		if !slices.Contains(f.modules, b.Module) {
			f.modules = append(f.modules, b.Module)
		}
	}
	w.folder(w.stack.Dir, taken)
}

func (w *writer) folder(dir string, taken map[string]bool) *stackFolder {
	if f := w.folders[dir]; f != nil {
		return f
	}
	f := &stackFolder{dir: dir, decls: map[string]*hclsyntax.Block{}, locals: map[string]*hclsyntax.Attribute{}, taken: map[string]bool{}}
	w.folders[dir] = f
	w.folderOrder = append(w.folderOrder, f)
	rel, err := filepath.Rel(w.stack.Dir, dir)
	switch {
	case err != nil, rel == "..", strings.HasPrefix(rel, ".."+string(filepath.Separator)):
		f.out = path.Join("modules", unique(taken, filepath.Base(dir)))
	case rel != ".":
		f.out = filepath.ToSlash(rel)
	}
	for _, name := range w.bundle.Folders[dir] {
		where := filepath.Join(dir, name)
		src, read := w.bundle.Files[where]
		switch {
		case strings.HasSuffix(name, ".stack.json"):
			at := hcl.Range{Filename: where, Start: hcl.InitialPos, End: hcl.InitialPos}
			w.complain(at, "Stack files in JSON are not converted", fmt.Sprintf("Write %s in HCL, as %s.", name, strings.TrimSuffix(name, ".json")+".hcl"))
		case !strings.HasSuffix(name, w.suffix()):
			w.beside(f, name)
		case read:
			file, diags := hclsyntax.ParseConfig(src, where, hcl.InitialPos)
			w.diags = append(w.diags, diags...)
			if body, ok := file.Body.(*hclsyntax.Body); ok && !diags.HasErrors() {
				x := &stackFile{script: script{src: src}, name: tfName(name), body: body}
				f.files = append(f.files, x)
				f.declare(body)
			}
		}
	}
	return f
}

// suffix of the files that are read.
func (w *writer) suffix() string {
	if w.stack.TF {
		return ".tf"
	}
	return ".stack.hcl"
}

// tfName keeps away from the names of override files.
func tfName(name string) string {
	if strings.HasSuffix(name, ".tf") {
		return name
	}
	stem := strings.TrimSuffix(name, ".stack.hcl")
	if stem == "override" || strings.HasSuffix(stem, "_override") {
		stem += "s"
	}
	return stem + ".tf"
}

func (f *stackFolder) declare(body *hclsyntax.Body) {
	for _, b := range body.Blocks {
		switch {
		case b.Type == "locals":
			for name, a := range b.Body.Attributes {
				f.locals[name] = a
			}
		case b.Type == "resource" && len(b.Labels) == 2:
			f.taken[strings.Join(b.Labels, ".")] = true
			fallthrough
		default:
			f.decls[strings.Join(append([]string{b.Type}, b.Labels...), ".")] = b
		}
	}
}

// beside decides about a file that is no stack file.
func (w *writer) beside(f *stackFolder, name string) {
	to := name
	switch {
	case strings.HasPrefix(name, "."), f.out == "" && name == "cloud.hcl", strings.Contains(name, ".tfstate"):
		return
	case name == "cairn.tfvars" || name == "cairn.tfvars.json":
		to = strings.Replace(name, "cairn", "terraform", 1)
		if slices.Contains(w.bundle.Folders[f.dir], to) { // the earlier of the two, so that it is overruled
			to = strings.Replace(name, "cairn.", "0-cairn.auto.", 1)
		}
	case strings.HasSuffix(name, "/"):
		to = strings.TrimSuffix(name, "/")
		for dir := range w.bundle.Folders {
			if dir == filepath.Join(f.dir, to) {
				return // a module: it is written
			}
		}
	}
	w.out.Copies = append(w.out.Copies, Copy{From: filepath.Join(f.dir, strings.TrimSuffix(name, "/")), To: path.Join(f.out, to)})
}

// rewrite notes the edits of a folder's files, all but those that break circles.
func (w *writer) rewrite(f *stackFolder) {
	for _, x := range f.files {
		for _, b := range x.body.Blocks {
			w.block(f, x, b)
		}
	}
}

func (w *writer) block(f *stackFolder, x *stackFile, b *hclsyntax.Block) {
	switch b.Type {
	case "stack":
		w.stackBlock(f, x, b)
		return
	case "moved", "removed", "import":
		w.address(x, b)
		return
	case "resource", "data":
		if len(b.Labels) == 2 {
			x.replace(b.LabelRanges[0], strconv.Quote(lang.TerraformName(b.Labels[0])))
		}
	case "module":
		w.source(f, x, b)
	case "variable", "output":
		w.newer(x, b)
	}
	for _, a := range inOrder(b.Body) {
		switch a.Name {
		case "source", "providers":
			if b.Type == "module" {
				continue
			}
		case "type":
			if b.Type == "variable" {
				continue
			}
		case "provider", "ignore_changes":
			continue // words that are no references
		}
		w.expression(x, a.Expr)
	}
	for _, inner := range b.Body.Blocks {
		w.block(f, x, inner)
	}
}

// expression rewrites what an expression mentions.
func (w *writer) expression(x *stackFile, e hclsyntax.Expression) {
	r := &reader{
		ref: func(t hcl.Traversal) { w.reference(x, t) },
		call: func(c *hclsyntax.FunctionCallExpr) {
			if _, own := beyond()[c.Name]; own {
				x.replace(c.NameRange, lang.ProviderFunctions+c.Name)
			}
			w.outside(c)
		},
	}
	r.read(e)
}

func (w *writer) reference(x *stackFile, t hcl.Traversal) {
	if t.RootName() == "tofu" {
		x.replace(t[0].SourceRange(), "terraform")
	}
	i := typeStep(t)
	if i < 0 {
		return
	}
	name, r, ok := nameRange(t, i)
	if !ok {
		return
	}
	if w.types.Resource(name) == nil && w.types.Data(name) == nil {
		if step, _, _ := nameRange(t, 1); name == "stack" && step == "name" {
			x.replace(hcl.RangeBetween(t[0].SourceRange(), t[1].SourceRange()), strconv.Quote(w.stack.Name))
		}
		return
	}
	x.replace(r, lang.TerraformName(name))
}

// outside tells of files that the output leaves behind.
func (w *writer) outside(c *hclsyntax.FunctionCallExpr) {
	if len(c.Args) == 0 || c.Name != "templatefile" && !strings.HasPrefix(c.Name, "file") {
		return
	}
	t, ok := c.Args[0].(*hclsyntax.TemplateExpr)
	if !ok {
		return
	}
	for _, p := range t.Parts {
		l, ok := p.(*hclsyntax.LiteralValueExpr)
		if ok && l.Val.Type() == cty.String && slices.Contains(strings.Split(l.Val.AsString(), "/"), "..") {
			w.remark(t.SrcRange, "A file outside of the stack is read", "It was not copied. Copy it to where the path leads to from the new folder, or into the stack's folder.")
			return
		}
	}
}

// address rewrites a moved, removed or import block.
func (w *writer) address(x *stackFile, b *hclsyntax.Block) {
	for _, a := range inOrder(b.Body) {
		if a.Name != "from" && a.Name != "to" {
			w.expression(x, a.Expr)
			continue
		}
		e := hclsyntax.Expression(a.Expr)
		if i, ok := e.(*hclsyntax.IndexExpr); ok { // import.to with each.key
			w.expression(x, i.Key)
			e = i.Collection
		}
		ref, ok := e.(*hclsyntax.ScopeTraversalExpr)
		if !ok {
			continue
		}
		i := addressStep(ref.Traversal)
		if i < 0 {
			continue
		}
		name, r, ok := nameRange(ref.Traversal, i)
		if !ok {
			continue
		}
		x.replace(r, lang.TerraformName(name))
		w.movable(b, a, ref.Traversal, i)
	}
}

// movable refuses addresses that Terraform's blocks can't have.
func (w *writer) movable(b *hclsyntax.Block, a *hclsyntax.Attribute, t hcl.Traversal, i int) {
	if step, _, _ := nameRange(t, max(i-1, 0)); step == "data" && i > 0 {
		w.complain(a.Expr.Range(), fmt.Sprintf("A data source in a %s block", b.Type), "Terraform keeps nothing of a data source: take the block out.")
		return
	}
	if b.Type != "removed" {
		return
	}
	for _, step := range t {
		if _, ok := step.(hcl.TraverseIndex); ok {
			w.complain(a.Expr.Range(), "One instance in a removed block", "In Terraform a removed block is about all instances of a resource. Apply this one with cairn first and take it out, or use `terraform state rm`.")
			return
		}
	}
}

// stackBlock becomes the provider's block, and in a module nothing.
func (w *writer) stackBlock(f *stackFolder, x *stackFile, b *hclsyntax.Block) {
	x.provides = true
	end := b.CloseBraceRange.End.Byte
	if f.out != "" {
		x.put(b.TypeRange.Start.Byte, end, strings.TrimSuffix(requiredProviders, "\n"))
		return
	}
	x.put(b.TypeRange.Start.Byte, b.OpenBraceRange.Start.Byte, requiredProviders+"\nprovider \"cairn\" ")
	inner := fmt.Sprintf("\n  stack = %q\n", w.stack.Name)
	if a := b.Body.Attributes["description"]; a != nil {
		text := "  # " + strings.ReplaceAll(strings.TrimSpace(string(x.src[a.SrcRange.Start.Byte:a.SrcRange.End.Byte])), "\n", "\n  # ")
		x.replace(a.SrcRange, text+"\n")
	} else if strings.TrimSpace(string(x.src[b.OpenBraceRange.End.Byte:b.CloseBraceRange.Start.Byte])) == "" {
		x.put(b.OpenBraceRange.End.Byte, b.CloseBraceRange.Start.Byte, inner)
		return
	}
	x.put(b.OpenBraceRange.End.Byte, b.OpenBraceRange.End.Byte, inner)
}

// source points a module call to where its folder is in the output.
func (w *writer) source(f *stackFolder, x *stackFile, b *hclsyntax.Block) {
	if a := b.Body.Attributes["providers"]; a != nil {
		x.replace(a.SrcRange, "") // cairn passes it over, and Terraform would not
	}
	a := b.Body.Attributes["source"]
	if a == nil || len(b.Labels) == 0 {
		return
	}
	v, _ := a.Expr.Value(nil)
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return
	}
	dir := filepath.Join(f.dir, v.AsString())
	if filepath.IsAbs(v.AsString()) {
		dir = filepath.Clean(v.AsString())
	}
	child := w.folders[dir]
	if child == nil {
		return
	}
	rel, err := filepath.Rel("/"+f.out, "/"+child.out)
	if err != nil {
		return
	}
	if rel = filepath.ToSlash(rel); rel != ".." && !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	if path.Clean(v.AsString()) != path.Clean(rel) || !strings.HasPrefix(v.AsString(), ".") || v.AsString() == "." || v.AsString() == ".." {
		x.replace(a.Expr.Range(), strconv.Quote(rel))
	}
}

// newer rewrites arguments that Terraform does not have, or not in this sense.
func (w *writer) newer(x *stackFile, b *hclsyntax.Block) {
	for _, name := range []string{"deprecated", "const"} {
		if a := b.Body.Attributes[name]; a != nil {
			w.remark(a.NameRange, fmt.Sprintf("%s is new in Terraform", name), "Older versions refuse it: take it out for them.")
		}
	}
	a := b.Body.Attributes["ephemeral"]
	if a == nil {
		return
	}
	text := "sensitive"
	if b.Body.Attributes["sensitive"] != nil {
		x.replace(a.SrcRange, "")
	} else {
		x.replace(a.NameRange, text)
	}
	w.remark(a.NameRange, "An ephemeral variable was made a sensitive one", "That is what it is to cairn. Terraform would not let resources use an ephemeral value.")
}

// write puts the folder's files into the output.
func (w *writer) write(f *stackFolder) {
	provides := false
	names := map[string]bool{}
	for _, x := range f.files {
		w.out.Files[path.Join(f.out, x.name)] = x.whole()
		names[strings.TrimSuffix(x.name, ".tf")] = true
		provides = provides || x.provides
	}
	if provides {
		return
	}
	text := requiredProviders
	if f.out == "" {
		text += fmt.Sprintf("\nprovider \"cairn\" {\n  stack = %q\n}\n", w.stack.Name)
	}
	w.out.Files[path.Join(f.out, unique(names, "versions")+".tf")] = []byte(text)
}

// A blockName finds a block of the stack.
type blockName struct {
	module, typ, name string
	kind              lang.Kind
}

func nameOf(b *lang.Block) blockName {
	n := blockName{module: b.Module.Path, kind: b.Kind, name: b.Name}
	if b.Kind == lang.KindResource || b.Kind == lang.KindData {
		n.typ = b.Addr.Type
	}
	return n
}

// mentioned finds the block that a reference in a module leads to, or nil.
func (w *writer) mentioned(m *lang.Module, t hcl.Traversal) *lang.Block {
	n := blockName{module: m.Path}
	step := func(i int) string {
		name, _, _ := nameRange(t, i)
		return name
	}
	switch root := t.RootName(); {
	case root == "var":
		n.kind, n.name = lang.KindVariable, step(1)
	case root == "local":
		n.kind, n.name = lang.KindLocal, step(1)
	case root == "module":
		n.module = address.Child(m.Path, step(1), address.NoKey)
		n.kind = lang.KindOutput
		for i := 2; i < len(t) && n.name == ""; i++ {
			n.name = step(i)
		}
		if b := w.blocks[n]; b != nil {
			return b
		}
		n = blockName{module: m.Path, kind: lang.KindCall, name: step(1)}
	default:
		i := typeStep(t)
		if i < 0 {
			return nil
		}
		n.kind, n.typ, n.name = lang.KindResource, step(i), step(i+1)
		if root == "data" {
			n.kind = lang.KindData
		}
	}
	return w.blocks[n]
}
