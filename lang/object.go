package lang

import (
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// An attribute is one that a block sets.
type attribute struct {
	*schema.Attribute
	expr *expr
}

var objectShape = &shape{open: true, blocks: []blockShape{{name: "lifecycle"}, {name: "timeouts"}}}

var lifecycleShape = &shape{
	args:   []string{"create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by"},
	blocks: []blockShape{{name: "precondition"}, {name: "postcondition"}},
}

var timeoutsShape = &shape{args: []string{"create", "read", "update", "delete"}}

func (l *loader) objectContents(d *decl) {
	d.raw = l.contents(d.body, objectShape, d.label(), func(c *content, b *block) { l.nested(d, b) })
	d.body = nil
	d.repeated = d.raw.arg("count") != nil || d.raw.arg("for_each") != nil
}

// nested tells how a block inside of a resource is written as an attribute.
func (l *loader) nested(d *decl, b *block) {
	switch b.typ {
	case "provisioner", "connection":
		l.bad(b.header, fmt.Sprintf("%s blocks are not supported", capital(b.typ)), "cairn runs no commands on what it makes. Use user_data, or a tool that configures machines.")
		return
	case "dynamic":
		name := "rules"
		if len(b.labels) > 0 {
			name = b.labels[0]
		}
		l.bad(b.header, "Dynamic blocks are not supported", fmt.Sprintf("Resources have attributes only, so a for expression does it: %s = [for x in ... : { ... }]", name))
		return
	case "precondition", "postcondition":
		l.bad(b.header, fmt.Sprintf("%s outside of lifecycle", capital(b.typ)), "Put it into a lifecycle { } block.")
		return
	}
	if d.typ == nil {
		return
	}
	a := d.typ.Attribute(b.typ)
	if a == nil {
		l.bad(b.header, fmt.Sprintf("Unknown block %q", b.typ), fmt.Sprintf("%s has no attribute of that name, and no blocks but lifecycle and timeouts.%s",
			capital(article(d.typ.Name)), meant(b.typ, append(attributeNames(d.typ), "lifecycle", "timeouts"))))
		return
	}
	form := "{ ... }"
	if a.Nested != nil && !a.Type.IsObjectType() && !a.Type.IsMapType() {
		form = "[{ ... }]"
	} else if a.Nested == nil && a.Type.IsPrimitiveType() {
		form = "..."
	}
	l.bad(b.header, fmt.Sprintf("%s is an attribute, not a block", b.typ), fmt.Sprintf("Write it with an equals sign: %s = %s", b.typ, form))
}

// object compiles a resource or data block.
func (l *loader) object(f *folder, d *decl) {
	own := uses{count: d.raw.arg("count") != nil, each: d.raw.arg("for_each") != nil, owner: d}
	l.repetition(f, d)
	d.lifecycle = noLifecycle
	for i := range d.raw.blocks {
		switch b := &d.raw.blocks[i]; b.typ {
		case "lifecycle":
			l.lifecycle(f, d, b, own)
		case "timeouts":
			l.timeouts(d, b)
		}
	}
	d.raw.blocks = nil
	if d.typ != nil {
		d.base = maps.Clone(l.null(d.typ))
		d.attrs = make([]attribute, 0, len(d.raw.args))
	}
	for i := range d.raw.args {
		switch a := &d.raw.args[i]; a.name {
		case "count", "for_each":
		case "depends_on":
			l.dependsOn(f, &d.scope, a)
		case "provider":
			l.providerArg(a)
		default:
			l.attribute(f, d, a, own)
		}
	}
	if d.typ != nil {
		l.required(d)
	}
}

func (l *loader) null(t *schema.Type) map[string]cty.Value {
	base := l.empties[t]
	if base == nil {
		base = t.Null().AsValueMap()
		l.empties[t] = base
	}
	return base
}

func (l *loader) providerArg(a *arg) {
	t, diags := hcl.AbsTraversalForExpr(a.expr)
	if diags.HasErrors() || t.RootName() != "cairn" {
		l.bad(a.expr.Range(), "Only cairn makes resources here", "Leave provider out, or write provider = cairn.")
	}
}

// repetition compiles count or for_each.
func (l *loader) repetition(f *folder, d *decl) {
	count, each := d.raw.arg("count"), d.raw.arg("for_each")
	if count != nil && each != nil {
		l.bad(each.nameRange, "Both count and for_each", "A block has one of them. for_each keeps objects apart by name, so that taking one out leaves the others alone.")
		return
	}
	may := uses{repetition: true, owner: d}
	if count != nil {
		d.count = l.expression(f, &d.scope, count.expr, may)
	}
	if each != nil {
		d.each = l.expression(f, &d.scope, each.expr, may)
	}
}

// attribute compiles one attribute, and checks its value if that is fixed.
func (l *loader) attribute(f *folder, d *decl, x *arg, own uses) {
	if d.typ == nil {
		l.expression(f, &d.scope, x.expr, own)
		return
	}
	a := d.typ.Attribute(x.name)
	switch {
	case a == nil:
		l.bad(x.nameRange, fmt.Sprintf("Unknown attribute %q", x.name), fmt.Sprintf("%s has no such attribute.%s",
			capital(article(d.typ.Name)), meant(x.name, append(attributeNames(d.typ), "count", "for_each", "depends_on"))))
		return
	case !a.Settable:
		how := "It is told by the system"
		if a.Source == schema.Assigned {
			how = "cairn chooses it"
		}
		if d.kind == KindData {
			how = "It is found, and can't be searched for"
		}
		l.bad(x.nameRange, fmt.Sprintf("%s can't be set", x.name), how+": take it out.")
		return
	}
	before := len(l.diags)
	e := l.expression(f, &d.scope, x.expr, own)
	if a.Nested != nil {
		l.nestedNames(e.x, a, a.Type)
	}
	if len(l.diags) > before {
		d.base[a.Name] = cty.DynamicVal // complained about: nothing more to say
		return
	}
	if e.fixed == cty.NilVal {
		d.attrs = append(d.attrs, attribute{a, e})
		return
	}
	v, diags := fit(a, e, e.fixed, nil)
	if !diags.HasErrors() {
		for _, p := range a.Complain(v) {
			diags = append(diags, asDiagnostic(p, e.rng()))
		}
	}
	l.diags = append(l.diags, diags...)
	d.base[a.Name] = v
}

func asDiagnostic(p schema.Problem, at hcl.Range) *hcl.Diagnostic {
	d := problem(at, p.Summary, p.Detail)
	if p.Warning {
		d.Severity = hcl.DiagWarning
	}
	d.Extra = p
	return d
}

// required complains about what is missing, and fixes the whole object when
// nothing in it can change.
func (l *loader) required(d *decl) {
	var missing []string
	for _, a := range d.typ.Attributes {
		if a.Required && d.raw.arg(a.Name) == nil {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		verb := "is"
		if len(missing) > 1 {
			verb = "are"
		}
		l.bad(d.header, fmt.Sprintf("%s %s missing", list(missing), verb), fmt.Sprintf("%s needs %s.", capital(article(d.typ.Name)), list(missing)))
		return
	}
	if len(d.attrs) == 0 {
		d.fixed = cty.ObjectVal(d.base)
	}
}

func (l *loader) timeouts(d *decl, b *block) {
	c := l.contents(b.body, timeoutsShape, "timeouts", nil)
	for i := range c.args {
		a := &c.args[i]
		v, ok := l.literal(a, cty.String)
		if !ok {
			continue
		}
		span, err := time.ParseDuration(v.AsString())
		if err != nil || span <= 0 {
			l.bad(a.expr.Range(), fmt.Sprintf("Unsuitable value for %s", a.name), fmt.Sprintf("%q is no time span such as 90s, 10m or 1h30m.", v.AsString()))
			continue
		}
		switch a.name {
		case "create":
			d.timeouts.Create = span
		case "read":
			d.timeouts.Read = span
		case "update":
			d.timeouts.Update = span
		case "delete":
			d.timeouts.Delete = span
		}
	}
}
