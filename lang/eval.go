package lang

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/cairncloud/cairn/resources/schema"
)

// Eval evaluates a variable, a local value, an output, the call of a module or a
// check, in every instance of its module, and keeps the result. It may be called
// again once what the block mentions is set to something else.
func (e *Evaluator) Eval(b *Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if b.Kind == KindCall {
		return e.expandCall(b)
	}
	for _, i := range e.of(b.Module) {
		var v cty.Value
		var d hcl.Diagnostics
		switch b.Kind {
		case KindVariable:
			v, d = e.variable(i, b)
		case KindLocal:
			v, d = e.local(i, b)
		case KindOutput:
			v, d = e.output(i, b)
		case KindCheck:
			d = e.check(i, b)
			diags = append(diags, e.about(i, d)...)
			continue
		default:
			return nil
		}
		diags = append(diags, e.about(i, d)...)
		if d.HasErrors() && v == noValue {
			v = unknown
		}
		e.keep(i, b, v)
	}
	return diags
}

// keep stores the value of a block, and lets go of what was made from the old one.
func (e *Evaluator) keep(i *moduleInstance, b *Block, v cty.Value) {
	s := &i.slots[b.decl.index]
	if s.value != noValue {
		e.epoch++
	}
	s.value = v
	if b.Kind == KindOutput && i.parent != nil {
		i.parent.slots[i.module.Call.decl.index].many.outs = nil
	}
}

func (e *Evaluator) local(i *moduleInstance, b *Block) (cty.Value, hcl.Diagnostics) {
	x := b.decl.expr
	if x.fixed != noValue {
		return x.fixed, nil
	}
	v, diags := x.eval(e.context(i, &b.decl.scope))
	if diags.HasErrors() {
		return unknown, diags
	}
	return v, diags
}

func (e *Evaluator) variable(i *moduleInstance, b *Block) (cty.Value, hcl.Diagnostics) {
	v := b.decl.variable
	var out cty.Value
	var diags hcl.Diagnostics
	switch {
	case i.parent == nil:
		out = known(e.s.Variables[b.Name].Value)
	default:
		a := i.module.Call.decl.args[b.Name]
		if a == nil {
			out = v.mark(known(v.def))
			break
		}
		val := a.expr.fixed
		if val == noValue {
			ctx := e.argContext(i, a)
			val, diags = a.expr.eval(ctx)
		}
		if diags.HasErrors() {
			return v.mark(unknown), diags
		}
		var d hcl.Diagnostics
		out, d = v.accept(val, a.rng)
		diags = append(diags, d...)
		if d.HasErrors() {
			return v.mark(unknown), diags
		}
	}
	if len(v.checks) == 0 {
		return out, diags
	}
	i.slots[b.decl.index].value = out
	ctx := e.context(i, &b.decl.scope)
	for _, c := range v.checks {
		if d := c.test(ctx); d != nil {
			d.Summary = fmt.Sprintf("Unsuitable value for variable %q", b.Name)
			if a := e.given(i, b); a != nil {
				d.Subject = a
				d.Detail += fmt.Sprintf("\n\nThe rule is at %s.", at(c.holds.rng()))
			}
			diags = append(diags, d)
		}
	}
	return out, diags
}

// given is where a module call sets a variable.
func (e *Evaluator) given(i *moduleInstance, b *Block) *hcl.Range {
	if i.parent == nil {
		return nil
	}
	if a := i.module.Call.decl.args[b.Name]; a != nil {
		return &a.rng
	}
	return nil
}

// argContext is the context of one argument of the call that made the instance.
func (e *Evaluator) argContext(i *moduleInstance, a *callArg) *hcl.EvalContext {
	m := i.parent.slots[i.module.Call.decl.index].many
	ctx := m.argContext(e, i.parent, a)
	if a.expr.own {
		ctx = i.own.with(ctx)
	}
	return ctx
}

func (m *many) argContext(e *Evaluator, parent *moduleInstance, a *callArg) *hcl.EvalContext {
	if len(m.modules) < 2 {
		return e.context(parent, &a.scope)
	}
	if m.arg != a || m.context == nil || m.epoch != e.epoch {
		m.arg, m.context, m.epoch = a, e.context(parent, &a.scope), e.epoch
	}
	return m.context
}

func (e *Evaluator) output(i *moduleInstance, b *Block) (cty.Value, hcl.Diagnostics) {
	d := b.decl
	var ctx *hcl.EvalContext
	if d.expr.fixed == noValue || len(d.pre) > 0 {
		ctx = e.context(i, &d.scope)
	}
	var diags hcl.Diagnostics
	for _, c := range d.pre {
		if x := c.test(ctx); x != nil {
			x.Summary = fmt.Sprintf("The precondition of output %q does not hold", b.Name)
			diags = append(diags, x)
		}
	}
	if diags.HasErrors() {
		return unknown, diags
	}
	v, more := d.expr.eval(ctx)
	diags = append(diags, more...)
	if more.HasErrors() {
		return unknown, diags
	}
	if d.sensitive {
		return v.Mark(schema.Sensitive), diags
	}
	if i.parent == nil && v.ContainsMarked() {
		diags = append(diags, problem(d.expr.rng(), fmt.Sprintf("Output %q shows a sensitive value", b.Name),
			"Write sensitive = true into the output to keep it hidden, or nonsensitive(...) around what may be seen."))
		return v.Mark(schema.Sensitive), diags
	}
	return v, diags
}

// check evaluates a check block. What does not hold is a warning.
func (e *Evaluator) check(i *moduleInstance, b *Block) hcl.Diagnostics {
	ctx := e.context(i, &b.decl.scope)
	var diags hcl.Diagnostics
	for _, c := range b.decl.pre {
		if d := c.test(ctx); d != nil {
			d.Severity = hcl.DiagWarning
			d.Summary = fmt.Sprintf("Check %q does not hold", b.Name)
			diags = append(diags, d)
		}
	}
	return diags
}

// test is nil when the condition holds, or is not known yet.
func (c *condition) test(ctx *hcl.EvalContext) *hcl.Diagnostic {
	v, diags := c.holds.eval(ctx)
	if diags.HasErrors() {
		return diags[0]
	}
	v, _ = v.UnmarkDeep()
	wrong := func(how string) *hcl.Diagnostic {
		return inContext(problem(c.holds.rng(), "Unsuitable condition", how), c.holds.x, ctx)
	}
	if !v.IsKnown() {
		return nil
	}
	if v.IsNull() {
		return wrong("It is null. It must be true or false.")
	}
	v, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return wrong("It must be true or false, for example length(var.name) > 0.")
	}
	if v.True() {
		return nil
	}
	return inContext(problem(c.holds.rng(), "A condition does not hold", c.explain(ctx)), c.holds.x, ctx)
}

// explain is the author's own message.
func (c *condition) explain(ctx *hcl.EvalContext) string {
	v, diags := c.message.eval(ctx)
	if diags.HasErrors() {
		return "Its error_message can't be evaluated: " + lower(diags[0].Summary) + "."
	}
	if v.ContainsMarked() {
		return "Its error_message has sensitive values in it and is not shown."
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || !v.IsKnown() || v.IsNull() {
		return "Its error_message is not known yet."
	}
	return strings.TrimSpace(v.AsString())
}

// Conditions tests the preconditions of an instance, or with post its
// postconditions, for which the instance must be set. What is not known yet is
// passed over.
func (e *Evaluator) Conditions(i Instance, post bool) hcl.Diagnostics {
	d := i.Block.decl
	all, what := d.pre, "precondition"
	if post {
		all, what = d.post, "postcondition"
	}
	if len(all) == 0 {
		return nil
	}
	ctx := i.own.with(e.blockContext(i.in, d))
	if post {
		if ctx.Variables == nil {
			ctx.Variables = map[string]cty.Value{}
		}
		ctx.Variables["self"] = e.value(i)
	}
	var diags hcl.Diagnostics
	for _, c := range all {
		if x := c.test(ctx); x != nil {
			x.Summary = fmt.Sprintf("The %s of %s does not hold", what, i.Addr)
			diags = append(diags, x)
		}
	}
	return diags
}

// value is what an instance was set to.
func (e *Evaluator) value(i Instance) cty.Value {
	s := &i.in.slots[i.Block.decl.index]
	v := s.value
	if s.many != nil {
		v = s.many.values[i.n]
	}
	if v == noValue {
		return cty.UnknownVal(i.Block.Type.Object())
	}
	return v
}
