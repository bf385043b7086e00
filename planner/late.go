package planner

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
)

// prepare settles what was unknown in the plan of a step, and writes it into the
// intent before the driver is called. What the plan said must come true.
func (e *execution) prepare(s *step) error {
	x := s.change
	if !x.late {
		return nil
	}
	config, diags := e.plan.eval.Config(x.inst)
	if diags.HasErrors() {
		return lateError(diags)
	}
	w := &walk{ctx: e.ctx, site: e.site, conf: e.plan.conf, ledger: e.plan.ledger, world: e.plan.world, eval: e.plan.eval, plan: e.plan}
	config, err := w.given(x.Type, config, w.said())
	if err != nil {
		return err
	}
	t := x.Type
	was := cty.NullVal(t.Object())
	if x.Action == Update {
		was = x.Prior
	}
	ignore := x.block.Lifecycle.IgnoreChanges
	if x.Prior != cty.NilVal && (ignore.All || len(ignore.Paths) > 0) {
		config = ignoring(t, config, x.Prior, ignore)
	}
	want := t.Fill(config)
	if !want.IsWhollyKnown() {
		return fmt.Errorf("%s is still not known: what it hangs on did not tell", unknownIn(t, want))
	}
	for _, a := range t.Attributes {
		if p := a.Complain(want.GetAttr(a.Name)); a.Settable && len(p) > 0 {
			return p
		}
	}
	object, err := t.ToGo(want)
	if err != nil {
		return err
	}
	if c, ok := object.(schema.Checker); ok {
		if err := c.Check(); err != nil {
			return err
		}
	}
	change := t.Plan(was, want)
	if len(change.Problems) > 0 {
		return change.Problems
	}
	if x.Action == Update && change.Action == schema.ReplaceObject {
		return fmt.Errorf("%s turned out to need a new object, because %s changes: plan again", x.Address, quoted(change.Replaces))
	}
	foreseen := x.Planned
	x.late, x.Planned = false, change.Planned
	if diags := w.assign(x, change.Assign, was); len(diags) > 0 {
		return lateError(diags)
	}
	if name := contradicts(t, foreseen, x.Planned); name != "" {
		return fmt.Errorf("%s of %s is not what the plan said: plan again", name, x.Address)
	}
	if x.want, err = wantHash(e.site, t, want); err != nil {
		return err
	}
	record, err := e.record(x, x.Planned)
	if err != nil {
		return err
	}
	var claims state.Claims
	if x.claims != nil {
		claims = *x.claims
	}
	return e.lease.Ready(e.ctx, e.run, s.number, record, claims)
}

// contradicts names an attribute that the plan knew and that came out different.
func contradicts(t *schema.Type, foreseen, now cty.Value) string {
	for _, a := range t.Attributes {
		f, _ := foreseen.GetAttr(a.Name).UnmarkDeep()
		n, _ := now.GetAttr(a.Name).UnmarkDeep()
		if f.IsWhollyKnown() && !f.IsNull() && !f.RawEquals(n) {
			return a.Name
		}
	}
	return ""
}

func unknownIn(t *schema.Type, v cty.Value) string {
	for _, a := range t.Attributes {
		if !v.GetAttr(a.Name).IsWhollyKnown() {
			return a.Name
		}
	}
	return "a value"
}

func lateError(diags hcl.Diagnostics) error {
	var errs []error
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			errs = append(errs, fmt.Errorf("%s: %s", d.Summary, d.Detail))
		}
	}
	return errors.Join(errs...)
}

// redacted takes the sensitive values of an object out of an error's text.
func (e *execution) redacted(x *Change, err error) error {
	r := seal.NewRedactor()
	found := false
	for _, v := range []cty.Value{x.Prior, x.Planned} {
		if v != cty.NilVal && v.ContainsMarked() {
			found = true
			addSecrets(r, v)
		}
	}
	if !found {
		return err
	}
	text := r.Redact(err.Error())
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

func addSecrets(r *seal.Redactor, v cty.Value) {
	plain, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		secret, err := m.Path.Apply(plain)
		if err != nil {
			continue
		}
		_ = cty.Walk(secret, func(_ cty.Path, x cty.Value) (bool, error) {
			if x.Type() == cty.String && x.IsKnown() && !x.IsNull() {
				r.Add(x.AsString())
			}
			return true, nil
		})
	}
}
