package lang

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// A loader reads folders, each once, and grows the tree of module calls.
type loader struct {
	stack   *Stack
	types   *schema.Types
	folders map[string]*folder
	bare    *hcl.EvalContext // functions, no names
	empties map[*schema.Type]map[string]cty.Value
	diags   hcl.Diagnostics
	grown   []*Module // parents before children
	calls   int
}

func (l *loader) bad(at hcl.Range, summary, detail string) {
	l.diags = append(l.diags, problem(at, summary, detail))
}

// A folder is compiled once, however many calls use it.
type folder struct {
	dir, rel string // rel: from the stack's folder, as path.module
	tf       bool
	ok       bool // every file could be parsed

	decls   []*decl
	vars    map[string]*decl
	locals  map[string]*decl
	outputs map[string]*decl
	calls   map[string]*decl
	objects map[object]*decl
	checks  map[string]*decl

	stackName  string
	stackRange hcl.Range
	provider   Provider
	moved      []movedBlock
	removed    []removedBlock
	imports    []*importBlock
}

// An object names a resource or data block inside of a folder.
type object struct {
	data      bool
	typ, name string
}

// A decl is one block of a folder, or one local value.
type decl struct {
	kind   Kind
	index  int // in the folder, and of the block in every module
	name   string
	header hcl.Range
	raw    content
	body   hcl.Body
	value  *arg // of a local

	scope scope
	// Resources, data and calls.
	repeated    bool // has count or for_each
	count, each *expr
	// Resources and data.
	typ       *schema.Type
	word      string // the type as written
	attrs     []attribute
	base      map[string]cty.Value // every attribute: fixed values and nulls
	fixed     cty.Value            // the whole object, when nothing in it can change
	lifecycle *Lifecycle
	timeouts  schema.Timeouts
	pre, post []condition
	triggers  []trigger
	imports   []*importBlock
	// Variables.
	variable *variable
	// Locals and outputs.
	expr      *expr
	sensitive bool
	// Calls.
	child *folder
	args  map[string]*callArg
}

var fileShape = &shape{blocks: []blockShape{
	{name: "stack", labels: []string{"name"}},
	{name: "variable", labels: []string{"name"}},
	{name: "locals"},
	{name: "resource", labels: []string{"type", "name"}},
	{name: "data", labels: []string{"type", "name"}},
	{name: "output", labels: []string{"name"}},
	{name: "module", labels: []string{"name"}},
	{name: "check", labels: []string{"name"}},
	{name: "moved"}, {name: "import"}, {name: "removed"},
	{name: "terraform"},
	{name: "provider", labels: []string{"name"}},
}}

// folder loads the folder at dir; chain is the folders that lead to it.
func (l *loader) folder(dir, rel string, chain []string, from *hcl.Range) *folder {
	if f := l.folders[dir]; f != nil {
		return f
	}
	f := &folder{dir: dir, rel: rel, vars: map[string]*decl{}, locals: map[string]*decl{}, outputs: map[string]*decl{},
		calls: map[string]*decl{}, objects: map[object]*decl{}, checks: map[string]*decl{}}
	l.folders[dir] = f
	before := len(l.diags)
	sources, tf, ok := l.sources(dir)
	f.tf, f.ok = tf, ok
	if len(sources) == 0 {
		f.ok = false
		if len(l.diags) == before {
			l.empty(dir, from)
		} else if from != nil && l.diags[before].Subject == nil {
			l.diags[before].Subject = from
		}
		return f
	}
	for _, s := range sources {
		for _, body := range s.bodies {
			l.declare(f, body)
		}
	}
	chain = append(slices.Clone(chain), dir)
	for _, d := range f.decls {
		if d.kind == KindCall {
			l.source(f, d, chain)
		}
	}
	if f.ok {
		for _, d := range f.decls {
			l.compile(f, d)
		}
		l.compileImports(f)
	}
	return f
}

func (l *loader) empty(dir string, from *hcl.Range) {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Subject: from, Summary: fmt.Sprintf("No stack files in %s", dir),
		Detail: "A stack is a folder with files named *.stack.hcl, such as main.stack.hcl:\n\n" +
			"  resource \"network\" \"erp\" {\n    name = \"erp\"\n  }\n\n`cairn init` writes a first one into an empty folder."}
	if from != nil {
		d.Detail = "A module is a folder with files named *.stack.hcl or *.tf."
	}
	l.diags = append(l.diags, d)
}

// declare notes the blocks of a file by their names.
func (l *loader) declare(f *folder, body hcl.Body) {
	c := l.contents(body, fileShape, "a stack file", l.strange)
	for i := range c.blocks {
		b := &c.blocks[i]
		name := ""
		if n := len(b.labels); n > 0 {
			name = b.labels[n-1]
			if b.typ != "stack" && b.typ != "provider" && !hclName(name) {
				l.bad(b.labelRanges[n-1], fmt.Sprintf("%q can't be a name", name), "A name begins with a letter and has letters, digits, - and _.")
				continue
			}
		}
		switch b.typ {
		case "stack":
			l.stackBlock(f, b)
		case "terraform":
			l.terraformBlock(f, b)
		case "provider":
			l.providerBlock(f, b)
		case "locals":
			l.localsBlock(f, b)
		case "variable":
			declareIn(l, f, f.vars, name, &decl{kind: KindVariable, name: name, header: b.header, body: b.body})
		case "output":
			declareIn(l, f, f.outputs, name, &decl{kind: KindOutput, name: name, header: b.header, body: b.body})
		case "module":
			declareIn(l, f, f.calls, name, &decl{kind: KindCall, name: name, header: b.header, body: b.body})
		case "check":
			declareIn(l, f, f.checks, name, &decl{kind: KindCheck, name: name, header: b.header, body: b.body})
		case "resource", "data":
			l.declareObject(f, b)
		case "moved":
			l.movedBlock(f, b)
		case "removed":
			l.removedBlock(f, b)
		case "import":
			l.importBlock(f, b)
		}
	}
}

// declareIn adds a block, unless one of its kind has the name already.
func declareIn[K comparable](l *loader, f *folder, names map[K]*decl, key K, d *decl) {
	if first := names[key]; first != nil {
		x := problem(d.header, fmt.Sprintf("%s is declared twice", capital(d.label())),
			fmt.Sprintf("The first one is at %s. Rename one of them, or take one out.", at(first.header)))
		l.diags = append(l.diags, x)
		return
	}
	names[key] = d
	d.index = len(f.decls)
	f.decls = append(f.decls, d)
}

// label is what the author calls a block: variable "x", local.x, network.erp.
func (d *decl) label() string {
	switch d.kind {
	case KindVariable:
		return fmt.Sprintf("variable %q", d.name)
	case KindOutput:
		return fmt.Sprintf("output %q", d.name)
	case KindCall:
		return fmt.Sprintf("module %q", d.name)
	case KindCheck:
		return fmt.Sprintf("check %q", d.name)
	case KindLocal:
		return "local." + d.name
	case KindData:
		return "data." + d.word + "." + d.name
	}
	return d.word + "." + d.name
}

func (l *loader) declareObject(f *folder, b *block) {
	word, name := b.labels[0], b.labels[1]
	d := &decl{kind: KindResource, name: name, header: b.header, body: b.body, word: word}
	if b.typ == "data" {
		d.kind = KindData
	}
	typ := f.typeName(word)
	if typ == "" {
		l.bad(b.labelRanges[0], fmt.Sprintf("Unknown type %q", word), l.unknownType(f, d.kind, word))
		typ = word
	} else if d.typ = l.typed(d.kind, typ); d.typ == nil {
		l.bad(b.labelRanges[0], fmt.Sprintf("Unknown type %q", word), l.unknownType(f, d.kind, word))
	}
	l.objectContents(d)
	declareIn(l, f, f.objects, object{data: d.kind == KindData, typ: typ, name: name}, d)
}

func (l *loader) typed(k Kind, name string) *schema.Type {
	if k == KindData {
		return l.types.Data(name)
	}
	return l.types.Resource(name)
}

// typeName is cairn's name of a type as a folder spells it, or "". Terraform
// knows cairn's types by their prefix, and a few by the names that other
// providers gave them.
func (f *folder) typeName(word string) string {
	if !f.tf {
		return word
	}
	if name, ok := strings.CutPrefix(word, TerraformPrefix); ok {
		return name
	}
	if strings.HasPrefix(word, "random_") || word == terraformData {
		return word
	}
	return ""
}

// terraformData is the one type that every Terraform has built in.
const terraformData = "terraform_data"

// TerraformPrefix begins the names of cairn's types in Terraform.
const TerraformPrefix = "cairn_"

// TerraformName is what a type of cairn is called in Terraform: with cairn's
// prefix, but for the one that Terraform has built in.
func TerraformName(name string) string {
	if name == terraformData {
		return name
	}
	return TerraformPrefix + name
}

// spelled is the folder's word for a type.
func (f *folder) spelled(name string) string {
	if f.tf {
		return TerraformName(name)
	}
	return name
}

func (l *loader) unknownType(f *folder, k Kind, word string) string {
	var names []string
	for _, t := range l.types.All() {
		if l.typed(k, t.Name) != nil {
			names = append(names, f.spelled(t.Name))
		}
	}
	plain := strings.TrimPrefix(word, TerraformPrefix)
	switch {
	case l.typed(k, plain) != nil && f.tf:
		return fmt.Sprintf("In a folder of .tf files it is %q.", f.spelled(plain))
	case l.typed(k, plain) != nil:
		return fmt.Sprintf("In stack files it is %q.", plain)
	case k == KindData && l.types.Resource(plain) != nil:
		return fmt.Sprintf("%s can be made by a resource block, but not be looked up.", capital(article(plain)))
	case k == KindResource && l.types.Data(plain) != nil:
		return fmt.Sprintf("%s can only be looked up: write data %q.", capital(article(plain)), f.spelled(plain))
	}
	return fmt.Sprintf("cairn has no such type.%s `cairn docs` lists them.", meant(word, names))
}

func (l *loader) localsBlock(f *folder, b *block) {
	c := l.contents(b.body, &shape{open: true}, "locals", nil)
	for i := range c.args {
		x := &c.args[i]
		declareIn(l, f, f.locals, x.name, &decl{kind: KindLocal, name: x.name, header: x.nameRange, value: x})
	}
}

// source loads the folder that a module call names.
func (l *loader) source(f *folder, d *decl, chain []string) {
	d.raw = l.contents(d.body, callShape, fmt.Sprintf("module %q", d.name), nil)
	d.body = nil
	d.repeated = d.raw.arg("count") != nil || d.raw.arg("for_each") != nil
	a := d.raw.arg("source")
	if a == nil {
		l.bad(d.header, fmt.Sprintf("module %q has no source", d.name), `Say which folder it is: source = "./folder".`)
		return
	}
	v, ok := l.literal(a, cty.String)
	if !ok {
		return
	}
	src := v.AsString()
	local := src == "." || src == ".." || strings.HasPrefix(src, "./") || strings.HasPrefix(src, "../") || filepath.IsAbs(src)
	if !local {
		l.bad(a.expr.Range(), "Only local folders can be modules", fmt.Sprintf("%q is no path that begins with ./ or ../. Copy the module into a folder of the repository and name that.", src))
		return
	}
	dir, rel := filepath.Join(f.dir, src), filepath.Join(f.rel, src)
	if filepath.IsAbs(src) {
		dir, rel = filepath.Clean(src), filepath.Clean(src)
	}
	if i := slices.Index(chain, dir); i >= 0 {
		l.bad(a.expr.Range(), "A module that includes itself", fmt.Sprintf("Each of these folders calls the next one: %s.", strings.Join(append(slices.Clone(chain[i:]), dir), " -> ")))
		return
	}
	if len(chain) > 100 {
		l.bad(a.expr.Range(), "Modules are nested too deep", "More than 100 folders call each other in a row.")
		return
	}
	r := a.expr.Range()
	d.child = l.folder(dir, rel, chain, &r)
}

// typeConstraint reads the type of a variable.
func (l *loader) typeConstraint(a *arg) (cty.Type, *typeexpr.Defaults) {
	if v, diags := a.expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		if why, _ := excess(v.AsString(), false); why != "" {
			l.bad(a.expr.Range(), "The type is too deep", "It has "+why+".")
			return cty.DynamicPseudoType, nil
		}
	}
	if hcl.ExprAsKeyword(a.expr) == "any" {
		return cty.DynamicPseudoType, nil
	}
	t, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.expr)
	l.diags = append(l.diags, diags...)
	return t, defaults
}
