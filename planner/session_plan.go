package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// Plan foresees what an object comes to. It changes nothing but reservations.
func (s *Session) Plan(ctx context.Context, a Asked) (Foreseen, error) {
	return ask(ctx, s, func() (Foreseen, error) {
		w, err := s.look(ctx)
		if err != nil {
			return Foreseen{}, err
		}
		s.spoken = true
		a.Prior, a.Config = a.Type.Guarded(a.Prior), a.Type.Guarded(a.Config)
		if a.Config, err = w.given(a.Type, a.Config, s.opt.Given); err != nil {
			f := ForeseePurely(a)
			f.Problems = schema.AsProblems(err)
			return f, nil
		}
		return s.foresee(ctx, w, a)
	})
}

func (s *Session) foresee(ctx context.Context, w *walk, a Asked) (Foreseen, error) {
	f := ForeseePurely(a)
	if f.Action == schema.NoOp || f.Action == schema.ReplaceObject || len(f.Problems) > 0 || !a.Config.IsWhollyKnown() {
		return f, nil // of a replacement, the new object is planned in a call of its own
	}
	key := ""
	if s.opt.Reserve > 0 && a.Prior.IsNull() {
		key = keyOf(a.Type, a.Config)
	}
	if key != "" {
		return s.reserve(ctx, w, a, f, key)
	}
	done := w.trying()
	c, problems := s.lay(w, a, "")
	done(false)
	f.Problems = w.certain(c, problems)
	if serious(problems) || f.Action != schema.Update || c == nil {
		return f.unchosen(a), nil
	}
	// What the update keeps of what cairn chose is known; what it chooses anew is not
	// before it is made.
	f.Planned = c.Planned
	f.Changed = c.Changed
	return f.unchosen(a), nil
}

// ForeseePurely is Plan without a cloud: what the declaration alone says.
func ForeseePurely(a Asked) Foreseen {
	f := Foreseen{Change: a.Type.Plan(a.Prior, a.Type.Fill(a.Config))}
	f.Problems = f.Change.Problems
	return f.unchosen(a)
}

// trying has what is laid from now on undone, unless it is said to be kept.
func (w *walk) trying() (done func(keep bool)) {
	undo := &cleanup{}
	w.undo, w.ledger.undo, w.ledger.refused = undo, undo, nil
	return func(keep bool) {
		if !keep {
			undo.run()
		}
		w.undo, w.ledger.undo = nil, nil
	}
}

// certain makes warnings of what may be otherwise when the object's turn comes:
// what stands in its way now may go before it in the same apply. What another
// stack has does not, and values that no object can have stay so.
func (w *walk) certain(c *Change, problems schema.Problems) schema.Problems {
	if c == nil || c.Planned == cty.NilVal || len(w.ledger.refused) > 0 {
		return problems
	}
	for i := range problems {
		problems[i].Warning = true
	}
	return problems
}

// unchosen hides what an apply may still choose otherwise: what the author leaves
// to cairn and the object does not have yet.
func (f Foreseen) unchosen(a Asked) Foreseen {
	t := a.Type
	vals := f.Planned.AsValueMap()
	fresh := f.Action == schema.Create || f.Action == schema.ReplaceObject
	for _, x := range t.Attributes {
		v, was := vals[x.Name], cty.NilVal
		if !a.Prior.IsNull() && !fresh {
			was = a.Prior.GetAttr(x.Name)
		}
		switch {
		case x.Source == schema.Live && f.Action == schema.Update:
			vals[x.Name] = cty.UnknownVal(v.Type())
		case x.Source == schema.Assigned && x.Copies != "":
			vals[x.Name] = vals[x.Copies]
		case x.Source == schema.Assigned && (!x.Settable || a.Config.GetAttr(x.Name).IsNull()):
			if was == cty.NilVal || f.Action == schema.Update && !same(plain(v), plain(was)) {
				vals[x.Name] = cty.UnknownVal(v.Type())
			}
		case f.Action != schema.NoOp:
			vals[x.Name] = x.Unchosen(v, was)
		}
	}
	for _, x := range t.Attributes { // a copy of what has just become unknown
		if x.Copies != "" {
			vals[x.Name] = vals[x.Copies]
		}
	}
	f.Planned = cty.ObjectVal(vals)
	return f
}

func plain(v cty.Value) cty.Value {
	v, _ = v.UnmarkDeep()
	return v
}

// lay finds out which changes an object takes: its own, and those of what it
// brings along. id is the one of a new object; "" for any. Nothing to do: nil.
func (s *Session) lay(w *walk, a Asked, id string) (*Change, schema.Problems) {
	w.plan = s.blank()
	w.changed, w.replaced = map[*lang.Block][]*Change{}, map[*lang.Block]bool{}
	w.placing.wants, w.placing.failed, w.placing.solved = nil, false, nil
	w.ledger.pending = nil
	block := &lang.Block{Type: a.Type, Timeouts: a.Timeouts, Lifecycle: &lang.Lifecycle{}}
	p := s.known(w, a)
	if a.Config.IsNull() {
		return s.layDown(w, a, p, block)
	}
	if p == nil {
		p = s.astray(w, a)
	}
	c := &Change{Type: a.Type, block: block, unkept: a.Once, ID: id, Imported: a.Adopts}
	switch {
	case p != nil:
		c.Address, c.record, c.ID = p.addr, p.record, p.record.ID
	case c.ID == "":
		c.ID = uuid.NewString()
		fallthrough
	default:
		c.Address = s.standing(a.Type, c.ID)
	}
	c.name = c.Address.String()
	for _, o := range w.priors.owned[c.Address] {
		o.met = false
	}
	diags := w.decide(c, p, pinned(a))
	if w.placing.failed {
		_, d := w.batch()
		diags = append(diags, d...)
	}
	for _, k := range w.ledger.over() {
		if d := w.overdrawn(c, k); d != nil {
			diags = append(diags, d)
		}
	}
	if !diags.HasErrors() {
		for _, x := range w.plan.Changes {
			diags = append(diags, w.among(x)...)
		}
	}
	for _, o := range w.priors.owned[c.Address] {
		if !o.met && !diags.HasErrors() {
			d, err := w.deletion(o)
			if err != nil {
				return nil, schema.AsProblems(err)
			}
			w.plan.Changes = append(w.plan.Changes, d)
		}
	}
	problems := problemsOf(diags)
	if c.Planned == cty.NilVal && p != nil && !serious(problems) { // as it is
		v, err := w.priors.value(p)
		if err != nil {
			return nil, schema.AsProblems(err)
		}
		c.Planned = v
	}
	if name := a.broken(c.Planned); name != "" && !serious(problems) {
		problems = append(problems, schema.Problem{Attribute: name, Summary: fmt.Sprintf("%s is not what the plan has shown", name),
			Detail: "What it was chosen from was changed since, perhaps by the same apply, or it was left empty for cairn to choose. Nothing was made of it: plan again, and leave out what cairn is to choose."})
	}
	if c.Action.Replaces() && !serious(problems) {
		problems = append(problems, schema.Problem{Summary: "The object needs a new one in its place", Detail: fmt.Sprintf("Its %s changed since it was planned. Plan again.", quoted(c.Replaces))})
	}
	return c, problems
}

// broken names an attribute of which a plan has said something else.
func (a Asked) broken(now cty.Value) string {
	if a.Planned == cty.NilVal || a.Planned.IsNull() || now == cty.NilVal {
		return ""
	}
	planned, now := plain(a.Planned), plain(now)
	for _, x := range a.Type.Attributes {
		if !slices.Contains(a.Once, x.Name) && !keeps(planned.GetAttr(x.Name), now.GetAttr(x.Name)) {
			return x.Name
		}
	}
	return ""
}

// keeps reports whether a value is as a plan has said, as far as it has.
func keeps(said, now cty.Value) bool {
	switch {
	case !said.IsKnown() || !now.IsKnown() && said.IsNull():
		return true
	case said.IsNull() || !now.IsKnown() || now.IsNull():
		return said.IsNull() && now.IsNull()
	case said.IsWhollyKnown():
		return said.RawEquals(now)
	case said.Type().IsObjectType():
		for name := range said.Type().AttributeTypes() {
			if !keeps(said.GetAttr(name), now.GetAttr(name)) {
				return false
			}
		}
	case said.Type().IsListType() || said.Type().IsTupleType():
		a, b := said.AsValueSlice(), now.AsValueSlice()
		return len(a) == len(b) && slices.EqualFunc(a, b, keeps)
	}
	return true
}

// layDown finds out what it takes to delete an object.
func (s *Session) layDown(w *walk, a Asked, p *prior, block *lang.Block) (*Change, schema.Problems) {
	for _, x := range append([]*prior{p}, w.priors.owned[p.addr]...) {
		d, err := w.deletion(x)
		if err != nil {
			return nil, schema.AsProblems(err)
		}
		d.block = block
		w.plan.Changes = append(w.plan.Changes, d)
	}
	return w.plan.Changes[0], nil
}

// known is an object as the front end has it.
func (s *Session) known(w *walk, a Asked) *prior {
	if a.Prior.IsNull() {
		return nil
	}
	id := a.ID
	if id == "" {
		id = schema.Text(a.Prior, "id")
	}
	addr := s.standing(a.Type, id)
	p := &prior{addr: addr, typ: a.Type, actual: a.Prior}
	if have := w.priors.at[addr]; have != nil {
		if !a.unheard {
			s.mention(have)
		}
		p.record = have.record
	} else {
		p.record = &state.Record{Address: addr.String(), Type: a.Type.Name, ID: id, SchemaVersion: a.Type.Version}
	}
	return p
}

// keyOf is what a front end's object is known by before it has an id: project,
// type and name. "" when its author gave it no name.
func keyOf(t *schema.Type, v cty.Value) string {
	name := schema.Text(v, "name")
	if name == "" {
		return ""
	}
	return strings.Join([]string{t.Name, schema.Text(v, "project_id"), name}, "\n")
}

// adrift reports that the front end does not know of an object that it has had made:
// it has not mentioned it when it was heard last, after the run that made it.
func (w *walk) adrift(p *prior) bool {
	return p != nil && p.record.Unheard && p.record.Run <= w.snap.Heard
}

// becomes reports whether a lost object can become what is asked for.
func (w *walk) becomes(p *prior, a Asked) bool {
	if !w.adrift(p) || p.typ != a.Type {
		return false
	}
	v, err := w.priors.value(p)
	if err != nil {
		return false
	}
	change := a.Type.Plan(v, a.Type.Fill(a.Config))
	return change.Action != schema.ReplaceObject && len(change.Problems) == 0
}

// astray finds the lost object that was made for the same author's object: it is
// taken over.
func (s *Session) astray(w *walk, a Asked) *prior {
	if a.takes != nil {
		return a.takes
	}
	name := schema.Text(a.Config, "name")
	if name == "" {
		return nil
	}
	project := schema.Text(a.Config, "project_id")
	for o := range w.world.Where(a.Type.Go(), "name", name) {
		id := strings.Join(a.Type.Texts(o, "id"), "")
		p := w.priors.at[s.standing(a.Type, id)]
		if !w.becomes(p, a) {
			continue
		}
		if v, err := w.priors.value(p); err == nil && (project == "" || project == schema.Text(v, "project_id")) {
			return p
		}
	}
	return nil
}

// pinned is a configuration with what its plan has promised.
func pinned(a Asked) cty.Value {
	if a.Planned == cty.NilVal || a.Planned.IsNull() {
		return a.Config
	}
	vals := a.Config.AsValueMap()
	for _, x := range a.Type.Attributes {
		vals[x.Name] = x.Pinned(vals[x.Name], a.Planned.GetAttr(x.Name))
	}
	return cty.ObjectVal(vals)
}

// serious reports a problem that is more than a warning.
func serious(all schema.Problems) bool {
	return slices.ContainsFunc(all, func(x schema.Problem) bool { return !x.Warning })
}

func problemsOf(diags hcl.Diagnostics) schema.Problems {
	var all schema.Problems
	for _, d := range diags {
		x, ok := d.Extra.(schema.Problem)
		if !ok {
			x = schema.Problem{Summary: d.Summary, Detail: d.Detail}
		}
		all = append(all, x)
	}
	return all
}
