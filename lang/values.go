package lang

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A VarArg is one -var or -var-file: exactly one of the two is set.
type VarArg struct {
	Assign string // name=value
	File   string
}

// A Variable is a root variable with its final value.
type Variable struct {
	Value       cty.Value // marked when it is sensitive; NilVal when there is none
	Type        string    // as HCL writes it
	Description string
	Sensitive   bool
	Required    bool // it has no default
	Range       hcl.Range
}

// VarMissing is the Extra of the complaint about a variable without a value, so
// that a terminal can ask for it.
type VarMissing struct {
	Name, Description, Type string
	Sensitive               bool
}

// given is a value from outside, before it is fitted to the variable's type.
type given struct {
	value cty.Value
	text  string // of env and -var: what it means hangs on the type
	raw   bool
	from  hcl.Range
	where string
}

// values settles the root variables.
func (l *loader) values(root *folder, opt Options) {
	s := l.stack
	s.Variables = make(map[string]Variable, len(root.vars))
	if !root.ok {
		return
	}
	found := map[string]given{}
	if opt.Values == nil {
		l.fromEnv(root, opt.Env, found)
		l.fromFiles(root, found)
		for _, v := range opt.Vars {
			if v.File != "" {
				l.fromFile(root, v.File, found, true)
			} else {
				l.fromArg(root, v.Assign, found)
			}
		}
	}
	for _, d := range root.decls {
		if d.kind != KindVariable {
			continue
		}
		v := d.variable
		out := Variable{Value: noValue, Type: typeexpr.TypeString(v.typ), Description: v.description, Sensitive: v.sensitive, Required: v.def == noValue, Range: d.header}
		if opt.Values != nil {
			if val, ok := opt.Values[d.name]; ok {
				out.Value = v.mark(val)
			}
		} else if g, ok := found[d.name]; ok {
			out.Value = l.settle(v, g)
		}
		if out.Value == noValue && v.def != noValue {
			out.Value = v.mark(v.def)
		}
		if out.Value == noValue {
			l.missing(v, out)
			out.Value = v.mark(cty.UnknownVal(v.typ.WithoutOptionalAttributesDeep()))
		}
		s.Variables[d.name] = out
	}
}

func (l *loader) missing(v *variable, out Variable) {
	detail := ""
	if v.description != "" {
		detail = capital(strings.TrimSuffix(v.description, ".")) + ".\n\n"
	}
	detail += fmt.Sprintf("Give it with -var '%s=...', in cairn.tfvars, or in the environment as CAIRN_VAR_%s. A default in the block makes it optional.", v.name, v.name)
	d := problem(v.header, fmt.Sprintf("Variable %q has no value", v.name), detail)
	d.Extra = VarMissing{Name: v.name, Description: v.description, Type: out.Type, Sensitive: v.sensitive}
	l.diags = append(l.diags, d)
}

// settle fits a given value to the variable.
func (l *loader) settle(v *variable, g given) cty.Value {
	val := g.value
	if g.raw {
		var diags hcl.Diagnostics
		if val, diags = v.read(g); diags.HasErrors() {
			l.diags = append(l.diags, diags...)
			return unknown
		}
	}
	out, diags := v.accept(val, g.from)
	if diags.HasErrors() {
		if v.sensitive {
			for _, d := range diags { // the words of a conversion may repeat the value
				d.Detail = fmt.Sprintf("It must be %s. It is declared at %s.", article(typeexpr.TypeString(v.typ)), at(v.header))
			}
		}
		for _, d := range diags {
			if d.Subject.Filename == "" || g.raw {
				d.Subject = &v.header
				d.Detail += fmt.Sprintf(" The value comes from %s.", g.where)
			}
		}
		l.diags = append(l.diags, diags...)
	}
	return out
}

// read takes text from the command line or the environment: as it is for what
// is written as one word, as an expression for the rest.
func (v *variable) read(g given) (cty.Value, hcl.Diagnostics) {
	if !v.typed || v.typ.IsPrimitiveType() {
		return cty.StringVal(g.text), nil
	}
	unreadable := func(why string) hcl.Diagnostics {
		return hcl.Diagnostics{problem(v.header, fmt.Sprintf("Unsuitable value for variable %q", v.name),
			fmt.Sprintf("The value from %s must be an expression of type %s: %s", g.where, typeexpr.TypeString(v.typ), why))}
	}
	if why, _ := excess(g.text, false); why != "" {
		return unknown, unreadable("it has " + why + ".")
	}
	x, diags := hclsyntax.ParseExpression([]byte(g.text), g.where, hcl.InitialPos)
	if diags.HasErrors() {
		return unknown, unreadable(lower(diags[0].Summary) + ".")
	}
	val, diags := x.Value(nil)
	if diags.HasErrors() {
		return unknown, unreadable(lower(diags[0].Summary) + ". Quote texts, also inside of lists.")
	}
	return val, nil
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func (l *loader) fromEnv(root *folder, env []string, found map[string]given) {
	for _, prefix := range []string{"TF_VAR_", "CAIRN_VAR_"} {
		for _, e := range env {
			name, text, ok := strings.Cut(e, "=")
			short, mine := strings.CutPrefix(name, prefix)
			if ok && mine && root.vars[short] != nil {
				found[short] = given{text: text, raw: true, where: "the environment's " + name}
			}
		}
	}
}

// fromFiles reads the variable files that are read without being named.
func (l *loader) fromFiles(root *folder, found map[string]given) {
	listed, err := l.stack.files.list(root.dir)
	if err != nil {
		return // it was listed before
	}
	var names []string
	for _, n := range []string{"terraform.tfvars", "cairn.tfvars", "terraform.tfvars.json", "cairn.tfvars.json"} {
		if slices.Contains(listed, n) {
			names = append(names, n)
		}
	}
	for _, n := range listed {
		if strings.HasSuffix(n, ".auto.tfvars") || strings.HasSuffix(n, ".auto.tfvars.json") {
			names = append(names, n)
		}
	}
	for _, n := range names {
		l.fromFile(root, filepath.Join(root.dir, n), found, false)
	}
}

func (l *loader) fromFile(root *folder, path string, found map[string]given, named bool) {
	b, err := l.stack.files.peek(path)
	if err != nil {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError,
			Summary: fmt.Sprintf("The variable file %s can't be read", path), Detail: capital(err.Error()) + "."})
		return
	}
	file, diags := parseFile(path, b)
	l.stack.Sources[path] = file
	l.diags = append(l.diags, diags...)
	if diags.HasErrors() || file.Body == nil {
		return
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok && len(body.Blocks) > 0 {
		l.bad(body.Blocks[0].DefRange(), "A block in a variable file", "It has lines such as name = value only. Declare variables in the stack's files.")
		return
	}
	attrs, diags := file.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, name := range keys(attrs) {
		a := attrs[name]
		if root.vars[name] == nil {
			l.diags = append(l.diags, warning(a.NameRange, fmt.Sprintf("Undeclared variable %q", name), fmt.Sprintf("The stack has no such variable, so the value is passed over.%s", meant(name, keys(root.vars)))))
			continue
		}
		before := len(l.diags)
		val, diags := l.native(a.Expr).Value(nil)
		l.diags = append(l.diags, diags...)
		if len(l.diags) == before {
			found[name] = given{value: val, from: a.Expr.Range(), where: path}
		}
	}
}

func (l *loader) fromArg(root *folder, text string, found map[string]given) {
	name, value, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("-var %q sets nothing", text), Detail: "Write -var 'name=value'."})
		return
	}
	if root.vars[name] == nil {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("Undeclared variable %q", name),
			Detail: fmt.Sprintf("The stack has no such variable to set with -var.%s", meant(name, keys(root.vars)))})
		return
	}
	found[name] = given{text: value, raw: true, where: "-var " + name}
}
