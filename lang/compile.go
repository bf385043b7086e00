package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

var callShape = &shape{open: true}

var outputShape = &shape{
	args:   []string{"value", "description", "sensitive", "depends_on", "ephemeral", "deprecated"},
	blocks: []blockShape{{name: "precondition"}},
}

var checkShape = &shape{blocks: []blockShape{{name: "assert"}, {name: "data", labels: []string{"type", "name"}}}}

// compile turns the text of a block into what is evaluated.
func (l *loader) compile(f *folder, d *decl) {
	switch d.kind {
	case KindVariable:
		l.variable(f, d)
	case KindLocal:
		d.expr = l.expression(f, &d.scope, d.value.expr, uses{})
		d.value = nil
	case KindResource, KindData:
		l.object(f, d)
	case KindOutput:
		l.output(f, d)
	case KindCall:
		l.call(f, d)
	case KindCheck:
		l.check(f, d)
	}
}

func (l *loader) output(f *folder, d *decl) {
	c := l.contents(d.body, outputShape, d.label(), nil)
	d.body = nil
	d.raw.args = c.args
	d.sensitive, _ = l.flag(&c, "sensitive")
	l.text(&c, "description")
	if on, _ := l.flag(&c, "ephemeral"); on {
		l.bad(c.arg("ephemeral").nameRange, "Ephemeral outputs are not supported", "Write sensitive = true: the value is sealed in the state.")
	}
	if a := c.arg("depends_on"); a != nil {
		l.dependsOn(f, &d.scope, a)
	}
	for i := range c.blocks {
		if cond, ok := l.condition(f, &d.scope, &c.blocks[i], uses{}); ok {
			d.pre = append(d.pre, cond)
		}
	}
	a := c.arg("value")
	if a == nil {
		l.bad(d.header, fmt.Sprintf("%s has no value", capital(d.label())), "Say what it shows: value = ...")
		return
	}
	d.expr = l.expression(f, &d.scope, a.expr, uses{})
}

func (l *loader) check(f *folder, d *decl) {
	c := l.contents(d.body, checkShape, d.label(), nil)
	d.body = nil
	for i := range c.blocks {
		b := &c.blocks[i]
		if b.typ == "data" {
			l.bad(b.header, "A data block inside of a check", "Put it beside the check, and refer to it.")
			continue
		}
		if cond, ok := l.condition(f, &d.scope, b, uses{}); ok {
			d.pre = append(d.pre, cond)
		}
	}
	if len(c.blocks) == 0 {
		l.bad(d.header, fmt.Sprintf("%s checks nothing", capital(d.label())), "Give it an assert block with condition and error_message.")
	}
}

// A callArg is one argument of a module call. It has a scope of its own: only
// the variable that it sets waits for what it mentions.
type callArg struct {
	expr  *expr
	scope scope
	rng   hcl.Range
}

var callWords = []string{"source", "version", "providers", "count", "for_each", "depends_on"}

// call compiles the call of a module that is loaded already.
func (l *loader) call(f *folder, d *decl) {
	l.repetition(f, d)
	own := uses{count: d.raw.arg("count") != nil, each: d.raw.arg("for_each") != nil, owner: d}
	d.args = make(map[string]*callArg, len(d.raw.args))
	for i := range d.raw.args {
		a := &d.raw.args[i]
		switch a.name {
		case "source", "count", "for_each":
			continue
		case "version":
			l.bad(a.nameRange, "A local folder has no version", "Take version out: the folder is used as it is.")
			continue
		case "providers":
			l.diags = append(l.diags, warning(a.nameRange, "Providers are passed over", "cairn makes resources with its own drivers. Take providers out."))
			continue
		case "depends_on":
			l.dependsOn(f, &d.scope, a)
			continue
		}
		x := &callArg{rng: a.expr.Range()}
		x.expr = l.expression(f, &x.scope, a.expr, own)
		d.args[a.name] = x
		if d.child == nil || !d.child.ok {
			continue
		}
		v := d.child.vars[a.name]
		if v == nil {
			l.bad(a.nameRange, fmt.Sprintf("Unknown argument %q", a.name), fmt.Sprintf("The module in %s has no variable of that name.%s", d.child.dir, meant(a.name, append(keys(d.child.vars), callWords...))))
			continue
		}
		if x.expr.fixed != noValue && v.variable != nil {
			// Wrong in every instance, so it is said now.
			_, diags := v.variable.accept(x.expr.fixed, x.rng)
			l.diags = append(l.diags, diags...)
			if diags.HasErrors() {
				x.expr.fixed = unknown
			}
		}
	}
	if d.child == nil || !d.child.ok {
		return
	}
	for _, v := range d.child.decls {
		if v.kind == KindVariable && v.variable != nil && v.variable.def == noValue && d.args[v.name] == nil {
			detail := fmt.Sprintf("The module in %s needs it", d.child.dir)
			if v.variable.description != "" {
				detail += ": " + strings.TrimSuffix(v.variable.description, ".")
			}
			detail += "."
			l.bad(d.header, fmt.Sprintf("Argument %q is missing", v.name), detail)
		}
	}
}

var reserved = []string{"source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"}

func isReserved(name string) bool { return slices.Contains(reserved, name) }
