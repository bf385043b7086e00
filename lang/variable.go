package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/cairncloud/cairn/resources/schema"
)

var (
	noValue = cty.NilVal
	unknown = cty.DynamicVal
)

// A variable is the declaration of one.
type variable struct {
	name        string
	typ         cty.Type // with optional attributes
	typed       bool     // the author gave a type
	defaults    *typeexpr.Defaults
	def         cty.Value // NilVal: none
	nullable    bool
	sensitive   bool
	description string
	checks      []condition
	header      hcl.Range
}

var variableShape = &shape{
	args:   []string{"type", "default", "description", "sensitive", "nullable", "ephemeral", "deprecated", "const"},
	blocks: []blockShape{{name: "validation"}},
}

// variable compiles a variable block.
func (l *loader) variable(f *folder, d *decl) {
	c := l.contents(d.body, variableShape, d.label(), nil)
	d.body = nil
	d.raw.args = c.args
	v := &variable{name: d.name, typ: cty.DynamicPseudoType, def: noValue, nullable: true, header: d.header}
	d.variable = v
	if isReserved(d.name) {
		l.bad(d.header, fmt.Sprintf("%q can't be the name of a variable", d.name), "The word has a meaning in module blocks. Choose another one.")
	}
	if a := c.arg("type"); a != nil {
		v.typ, v.defaults = l.typeConstraint(a)
		v.typed = true
	}
	v.description = l.text(&c, "description")
	v.sensitive, _ = l.flag(&c, "sensitive")
	if on, _ := l.flag(&c, "ephemeral"); on {
		v.sensitive = true // nothing of it is kept in the clear
	}
	if value, set := l.flag(&c, "nullable"); set {
		v.nullable = value
	}
	if a := c.arg("default"); a != nil {
		l.defaultValue(v, a)
	}
	for i := range c.blocks {
		if cond, ok := l.condition(f, &d.scope, &c.blocks[i], uses{}); ok {
			v.checks = append(v.checks, cond)
		}
	}
}

func (l *loader) defaultValue(v *variable, a *arg) {
	val, diags := l.native(a.expr).Value(nil)
	if diags.HasErrors() {
		for _, d := range diags {
			d.Detail = "A default must be written out: it can't call functions or refer to anything. Use a local value that falls back on an expression."
		}
		l.diags = append(l.diags, diags...)
		v.def = unknown
		return
	}
	if val.IsNull() && !v.nullable {
		l.bad(a.expr.Range(), "The default is null", fmt.Sprintf("Variable %q is not nullable. Take the default out to require a value.", v.name))
		v.def = unknown
		return
	}
	v.def = unknown
	out, diags := v.fit(val, a.expr.Range())
	l.diags = append(l.diags, diags...)
	if !diags.HasErrors() {
		v.def = out
	}
}

// fit makes a value into one of the variable's type.
func (v *variable) fit(val cty.Value, from hcl.Range) (cty.Value, hcl.Diagnostics) {
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	out, err := convert.Convert(val, v.typ)
	if err != nil {
		return unknown, hcl.Diagnostics{problem(from, fmt.Sprintf("Unsuitable value for variable %q", v.name),
			fmt.Sprintf("%s. It is declared at %s.", capital(convertError(err)), at(v.header)))}
	}
	return out, nil
}

// accept is fit with the rules about null and secrets.
func (v *variable) accept(val cty.Value, from hcl.Range) (cty.Value, hcl.Diagnostics) {
	out, diags := v.fit(val, from)
	if diags.HasErrors() {
		return unknown, diags
	}
	if plain, _ := out.Unmark(); plain.IsNull() && !v.nullable {
		if v.def == noValue {
			return unknown, hcl.Diagnostics{problem(from, fmt.Sprintf("Variable %q is null", v.name),
				fmt.Sprintf("It is declared as not nullable at %s. Give it a value.", at(v.header)))}
		}
		out = v.def
	}
	return v.mark(out), nil
}

func (v *variable) mark(val cty.Value) cty.Value {
	if v.sensitive {
		return val.Mark(schema.Sensitive)
	}
	return val
}
