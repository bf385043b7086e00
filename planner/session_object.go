package planner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
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
	if len(problems) > 0 || f.Action != schema.Update || c == nil {
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
		if p = s.astray(w, a); p != nil {
			id = p.record.ID
		}
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
	if c.Planned == cty.NilVal && p != nil && len(problems) == 0 { // as it is
		v, err := w.priors.value(p)
		if err != nil {
			return nil, schema.AsProblems(err)
		}
		c.Planned = v
	}
	if name := a.broken(c.Planned); name != "" && len(problems) == 0 {
		problems = append(problems, schema.Problem{Attribute: name, Summary: fmt.Sprintf("%s is not what the plan has shown", name),
			Detail: "What it was chosen from was changed since, perhaps by the same apply. Nothing was made of it: plan again."})
	}
	if c.Action.Replaces() && len(problems) == 0 {
		problems = append(problems, schema.Problem{Summary: "The object needs a new one in its place", Detail: fmt.Sprintf("Its %s changed since it was planned. Plan again.", quoted(c.Replaces))})
	}
	return c, problems
}

// broken names an attribute of which a plan has said something else.
func (a Asked) broken(now cty.Value) string {
	if a.Planned == cty.NilVal || a.Planned.IsNull() || now == cty.NilVal {
		return ""
	}
	return contradicts(a.Type, a.Planned, now)
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
		id = idOf(a.Prior)
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

// idOf is the id of an object, "" when it is not known.
func idOf(v cty.Value) string {
	if v.IsNull() || !v.IsKnown() || !v.Type().HasAttribute("id") {
		return ""
	}
	id := v.GetAttr("id")
	if id.IsNull() || !id.IsKnown() {
		return ""
	}
	return id.AsString()
}

// keyOf is what a front end's object is known by before it has an id: project,
// type and name. "" when its author gave it no name.
func keyOf(t *schema.Type, v cty.Value) string {
	name := textOf(t, v, "name")
	if name == "" {
		return ""
	}
	return strings.Join([]string{t.Name, textOf(t, v, "project_id"), name}, "\n")
}

func textOf(t *schema.Type, v cty.Value, attribute string) string {
	if t.Attribute(attribute) == nil {
		return ""
	}
	x := plain(v.GetAttr(attribute))
	if x.IsNull() || !x.IsKnown() || x.Type() != cty.String {
		return ""
	}
	return x.AsString()
}

// astray finds the object that an earlier call has made for the same author's
// object, and that the front end has not heard of: it is taken over if it can
// become what is asked for.
func (s *Session) astray(w *walk, a Asked) *prior {
	name := textOf(a.Type, a.Config, "name")
	if name == "" {
		return nil
	}
	project := textOf(a.Type, a.Config, "project_id")
	for o := range w.world.Where(a.Type.Go(), "name", name) {
		id := strings.Join(a.Type.Texts(o, "id"), "")
		p := w.priors.at[s.standing(a.Type, id)]
		if p == nil || !p.record.Unheard {
			continue
		}
		v, err := w.priors.value(p)
		if err != nil || project != "" && project != textOf(a.Type, v, "project_id") {
			continue
		}
		if change := a.Type.Plan(v, a.Type.Fill(a.Config)); change.Action == schema.ReplaceObject || len(change.Problems) > 0 {
			continue
		}
		return p
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

// Apply makes an object what its author wrote, and answers with it as it is then;
// null when it is gone. With an error it answers with what is there all the same.
// The error is schema.Problems where the author can do something about it.
func (s *Session) Apply(ctx context.Context, a Asked) (Object, error) {
	sub, err := ask(ctx, s, func() (*submission, error) {
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		config, err := s.w.given(a.Type, a.Config, s.opt.Given)
		if err != nil {
			return nil, err
		}
		a.Config = config
		sub, err := s.submit(ctx, a)
		if err == nil {
			s.flying++
		}
		return sub, err
	})
	none := cty.NullVal(a.Type.Object())
	if err != nil {
		return Object{ID: a.ID, Value: a.Prior}, err
	}
	defer func() {
		_ = s.do(context.WithoutCancel(ctx), func() error { s.flying--; return nil })
	}()
	made := Object{ID: sub.change.ID, Value: sub.value}
	if sub.change.Action == Create {
		made.Value = none
	}
	if len(sub.steps) == 0 {
		made.Value = sub.value
	}
	for i, st := range sub.steps {
		x := s.carryOut(ctx, st)
		if x.lost != nil {
			return made, fmt.Errorf("what was done can't be written down: %w", x.lost)
		}
		if st.change == sub.change && x.value != cty.NilVal {
			made.Value = x.value
		}
		if st.change == sub.change && st.part == partDelete && x.err == nil {
			made.Value = none
		}
		s.reads.forget(st.change.Type)
		if x.err != nil {
			s.drop(ctx, sub.steps[i+1:])
			return made, fmt.Errorf("%s %s: %w", st.part, st.change.Address.Type, x.err)
		}
	}
	return made, nil
}

// submission is one object under way.
type submission struct {
	change *Change
	steps  []*step
	value  cty.Value
}

// tries is how often another choice is looked for when somebody else was faster.
const tries = 5

// submit chooses what an object still needs and writes the intents of its steps.
func (s *Session) submit(ctx context.Context, a Asked) (*submission, error) {
	kept, err := s.reserved(ctx, a)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		w := s.w
		done := w.trying()
		w.ledger.overlook(kept)
		c, problems := s.lay(w, a, idOf(knownOf(a)))
		if len(problems) == 0 {
			problems = w.clash(c)
		}
		if len(problems) > 0 {
			pending := w.ledger.pending
			done(false)
			if gone, err := s.letGo(ctx, w, pending); gone || err != nil {
				if err != nil {
					return nil, err
				}
				continue
			}
			return nil, problems
		}
		sub, err := s.intend(ctx, w, c, kept)
		done(err == nil)
		if err == nil {
			return sub, nil
		}
		s.readLedger(w)
		var claimed *state.ClaimedError
		if !errors.As(err, &claimed) {
			return nil, err
		}
		if try == tries {
			return nil, schema.Problems{blame(a, claimed.Space, claimed.Key, claimed.Holder+" of stack "+claimed.Stack)}
		}
	}
}

func knownOf(a Asked) cty.Value {
	if a.Planned == cty.NilVal {
		return cty.NullVal(a.Type.Object())
	}
	return a.Planned
}

// intend writes the steps of a change into the journal, with what it claims.
func (s *Session) intend(ctx context.Context, w *walk, c *Change, kept *state.Reservation) (*submission, error) {
	sub := &submission{change: c, value: c.Planned}
	if p := w.priors.at[c.Address]; p != nil && c.Action != Delete {
		s.mention(p)
	}
	course, err := w.plan.course()
	if err != nil {
		return nil, err
	}
	e := s.e
	more := state.Extension{Claims: w.plan.claims(), Ends: endsOf(e.ends)}
	if kept != nil {
		more.Fulfil = []string{kept.Key}
	}
	for _, st := range course.steps {
		st.number += s.steps
		intent, err := e.intent(st)
		if err != nil {
			return nil, err
		}
		more.Steps = append(more.Steps, intent)
	}
	if len(more.Steps) == 0 {
		return sub, nil
	}
	if err := e.lease.Extend(ctx, e.run, more); err != nil {
		return nil, err
	}
	s.steps += int64(len(more.Steps))
	ends := e.ends
	e.ends = nil
	s.ended(ends, nil)
	sub.steps = course.steps
	return sub, nil
}

// clash complains about what another object of the stack has.
func (w *walk) clash(c *Change) schema.Problems {
	for _, t := range w.ledger.pending {
		if holder, err := address.Parse(t.from); err == nil && holder.Parent() == c.Address || t.from == c.name {
			continue
		}
		return schema.Problems{{Summary: fmt.Sprintf("%s %s is taken", t.space, t.key),
			Detail: fmt.Sprintf("%s has it. Leave the choice to cairn, choose another one, or let that one go first.", t.from)}}
	}
	return nil
}

// letGo gives back what objects hold that are gone in truth, although nobody has
// said so.
func (s *Session) letGo(ctx context.Context, w *walk, pending []takeover) (any bool, err error) {
	for _, t := range pending {
		addr, err := address.Parse(t.from)
		p := w.priors.at[addr]
		if err != nil || p == nil || addr.Owned != "" {
			continue
		}
		h := s.site.Systems.For(p.typ.Name)
		if h == nil || h.Kept() {
			continue
		}
		v, err := w.priors.value(p)
		if err != nil {
			return any, err
		}
		object, err := p.typ.ToGo(v)
		if err != nil {
			return any, err
		}
		look, cancel := context.WithTimeout(ctx, lookTime)
		_, err = h.Read(look, object)
		cancel()
		if !errors.Is(err, providers.ErrNotFound) {
			continue // it is there, or nobody knows
		}
		end := state.End{Remove: &state.Ref{Address: t.from}, Release: t.from}
		if err := s.e.lease.Commit(ctx, s.e.run, []state.End{end}); err != nil {
			return any, err
		}
		w.world.drop(t.from, p.typ)
		s.learn(ended{step: &step{change: &Change{Address: addr, Type: p.typ, name: t.from, ID: p.record.ID}}, end: end})
		any = true
	}
	return any, nil
}

// readLedger has the ledger read anew: it is not what was thought.
func (s *Session) readLedger(w *walk) {
	w.ledger = newLedger(w.ctx, s.site.Store, s.site.Store.CloudID(), s.opt.Stack, s.site.Keys.Stream)
}

// carryOut has a step done, and waits until its end is written.
func (s *Session) carryOut(ctx context.Context, st *step) outcome {
	answer := make(chan outcome, 1)
	var k *call
	var e *execution
	err := s.do(context.WithoutCancel(ctx), func() error {
		e = s.e
		s.waiting[st] = answer
		if s.e.inline(st) {
			s.e.here(0, st)
			return nil
		}
		r, err := s.e.request(0, st)
		if err != nil {
			s.e.failed(0, st, err, 0, nil)
			return nil
		}
		k = &r
		return nil
	})
	if err != nil {
		return outcome{lost: err}
	}
	if k != nil {
		ctx, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(e.ctx, func() { cancel(context.Cause(e.ctx)) })
		a := e.carryOut(ctx, *k)
		stop()
		cancel(nil)
		if err := s.do(context.WithoutCancel(ctx), func() error { e.answered(a); return nil }); err != nil {
			return outcome{lost: err}
		}
	}
	return <-answer
}

// drop takes back the intents that come to nothing.
func (s *Session) drop(ctx context.Context, steps []*step) {
	_ = s.do(context.WithoutCancel(ctx), func() error {
		for _, st := range steps {
			s.e.ends = append(s.e.ends, ended{step: st, end: state.End{Step: st.number, Drop: true}, err: errDropped})
		}
		return nil
	})
}

var errDropped = errors.New("an earlier step failed")

// Read answers with an object as it is, and whether it is there at all. Objects
// are read from one look at their system, as far as its driver can.
func (s *Session) Read(ctx context.Context, t *schema.Type, have Object) (now cty.Value, there bool, err error) {
	prior := have.Value
	if have.ID == "" {
		have.ID = idOf(prior)
	}
	kept, err := ask(ctx, s, func() (bool, error) {
		w, err := s.look(ctx)
		if err != nil {
			return false, err
		}
		s.spoken = true
		p := w.priors.at[s.standing(t, have.ID)]
		s.mention(p)
		return p != nil, nil
	})
	if err != nil {
		return prior, true, err
	}
	h := s.site.Systems.For(t.Name)
	if h != nil && h.Kept() {
		return prior, kept, nil
	}
	read, err := s.reads.of(ctx, s.site, t)
	if err != nil {
		return prior, true, err
	}
	object, err := t.ToGo(prior)
	if err == nil {
		object, err = read(object)
	}
	if errors.Is(err, providers.ErrNotFound) {
		return prior, false, nil
	}
	if err != nil {
		return prior, true, err
	}
	return t.FromGo(object, prior), true, nil
}

// Data reads a data source.
func (s *Session) Data(ctx context.Context, t *schema.Type, filter cty.Value) (cty.Value, error) {
	return ask(ctx, s, func() (cty.Value, error) {
		w, err := s.look(ctx)
		if err != nil {
			return cty.NilVal, err
		}
		v, problems := look(w.world, s.site.Types, t, filter)
		return v, problems.Err()
	})
}

// Objects lists what the stack has of a type, with the attributes that are asked
// for.
func (s *Session) Objects(ctx context.Context, t *schema.Type, filter map[string]string) ([]Object, error) {
	return ask(ctx, s, func() ([]Object, error) {
		w, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		var all []Object
		for _, p := range w.priors.at {
			if p.typ != t || p.addr.Owned != "" {
				continue
			}
			v, err := w.priors.value(p)
			if err != nil {
				return nil, err
			}
			if fits(t, v, filter) {
				all = append(all, Object{p.record.ID, v})
			}
		}
		slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.ID, b.ID) })
		return all, nil
	})
}

func fits(t *schema.Type, v cty.Value, filter map[string]string) bool {
	for name, text := range filter {
		if textOf(t, v, name) != text {
			return false
		}
	}
	return true
}

// reserved finds what a plan has kept for an object that is to be made.
func (s *Session) reserved(ctx context.Context, a Asked) (*state.Reservation, error) {
	if s.opt.Reserve == 0 || !a.Prior.IsNull() || a.Config.IsNull() || idOf(knownOf(a)) == "" {
		return nil, nil
	}
	return s.reservation(ctx, keyOf(a.Type, a.Config))
}

func (s *Session) reservation(ctx context.Context, key string) (*state.Reservation, error) {
	all, err := s.site.Store.Reservations(ctx, s.opt.Stack)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Key == key {
			return &all[i], nil
		}
	}
	return nil, nil
}

// reserve chooses for an object that may never be made, and keeps that for it a
// while. The same plan made again gets the same.
func (s *Session) reserve(ctx context.Context, w *walk, a Asked, f Foreseen, key string) (Foreseen, error) {
	have, err := s.reservation(ctx, key)
	if err != nil {
		return f, err
	}
	want, err := wantHash(s.site, a.Type, a.Type.Fill(a.Config))
	if err != nil {
		return f, err
	}
	if have != nil && bytes.Equal(have.Object.Want, want) {
		return s.renew(ctx, w, a, f, have)
	}
	for try := 1; ; try++ {
		done := w.trying()
		w.ledger.overlook(have)
		c, problems := s.lay(w, a, "")
		var object *state.Record
		if len(problems) == 0 {
			object, err = (&execution{site: s.site, plan: w.plan}).record(c, c.Planned)
		}
		if len(problems) > 0 || err != nil || c.record != nil {
			done(false)
			f.Problems = w.certain(c, problems)
			if c == nil || c.record == nil || len(problems) > 0 {
				return f.unchosen(a), err
			}
			return f.promised(a, c.Planned), err // one that an earlier call has made
		}
		if len(w.ledger.pending) > 0 { // what goes in the same apply has something of it
			done(false)
			return f, nil
		}
		claims := w.plan.claims()
		object.Want = want
		r := state.Reservation{Key: key, Front: s.opt.Front, Object: *object, Claims: held(claims, c.name), Expires: time.Now().Add(s.opt.Reserve)}
		err = s.site.Store.Reserve(ctx, s.opt.Stack, r)
		done(err == nil)
		if err == nil {
			return f.promised(a, c.Planned), nil
		}
		s.readLedger(w)
		var claimed *state.ClaimedError
		if !errors.As(err, &claimed) {
			return f, err
		}
		if try == tries {
			f.Problems = schema.Problems{blame(a, claimed.Space, claimed.Key, claimed.Holder+" of stack "+claimed.Stack)}
			return f.unchosen(a), nil
		}
	}
}

// renew keeps for a plan what an earlier one has been shown. What somebody else
// got since it ran out is said: the plan that showed it can't be applied.
func (s *Session) renew(ctx context.Context, w *walk, a Asked, f Foreseen, have *state.Reservation) (Foreseen, error) {
	v, err := w.open(a.Type, &have.Object)
	if err != nil {
		return f, err
	}
	over := have.Expires
	have.Expires = time.Now().Add(s.opt.Reserve)
	err = s.site.Store.Reserve(ctx, s.opt.Stack, *have)
	var claimed *state.ClaimedError
	if errors.As(err, &claimed) {
		x := blame(a, claimed.Space, claimed.Key, claimed.Holder+" of stack "+claimed.Stack)
		x.Summary = fmt.Sprintf("What was reserved until %s is taken", over.Format(time.TimeOnly))
		x.Detail = fmt.Sprintf("A plan has shown %s %s for it, and %s of stack %s got it when the reservation had run out. Plan again: another one is chosen.", claimed.Space, claimed.Key, claimed.Holder, claimed.Stack)
		f.Problems = schema.Problems{x}
		return f.unchosen(a), s.site.Store.Unreserve(ctx, s.opt.Stack, have.Key)
	}
	if err != nil {
		return f, err
	}
	return f.promised(a, v), nil
}

// promised shows of a reservation what the apply is bound by: the id, and what an
// author could have written. The rest is unknown, as in every plan.
func (f Foreseen) promised(a Asked, chosen cty.Value) Foreseen {
	f.Chosen = true
	vals := f.Planned.AsValueMap()
	for _, x := range a.Type.Attributes {
		if x.Settable || x.Name == "id" {
			vals[x.Name] = chosen.GetAttr(x.Name)
		}
	}
	for _, x := range a.Type.Attributes {
		if x.Copies != "" {
			vals[x.Name] = vals[x.Copies]
		}
	}
	f.Planned = cty.ObjectVal(vals)
	return f
}

// held are claims as the address that reserves holds them. Limits are no part of
// a plan that may never be applied.
func held(c state.Claims, address string) state.Claims {
	all := state.Claims{Take: slices.Clone(c.Take), Ranges: slices.Clone(c.Ranges)}
	for i := range all.Take {
		all.Take[i].Address, all.Take[i].From = address, ""
	}
	for i := range all.Ranges {
		all.Ranges[i].Address, all.Ranges[i].From = address, ""
	}
	sums := map[[2]string]int{}
	all.Shares = nil
	for _, x := range c.Shares {
		k := [2]string{x.Space, x.Key}
		if i, ok := sums[k]; ok {
			all.Shares[i].Amount += x.Amount
			continue
		}
		x.Address = address
		sums[k] = len(all.Shares)
		all.Shares = append(all.Shares, x)
	}
	return all
}

// blame finds the attribute that asks for what somebody else has.
func blame(a Asked, space, key, holder string) schema.Problem {
	x := schema.Problem{Summary: fmt.Sprintf("%s %s is taken", space, key), Detail: holder + " has it. Leave the choice to cairn, or choose another one."}
	for _, attribute := range a.Type.Attributes {
		v := plain(a.Config.GetAttr(attribute.Name))
		_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
			if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && v.AsString() == key && x.Attribute == "" {
				x.Attribute = attribute.Name
			}
			return true, nil
		})
	}
	return x
}

// Import finds an object for the front end: one of its own stack by id or name,
// else one that nobody keeps, which then belongs to the stack.
func (s *Session) Import(ctx context.Context, t *schema.Type, word string) (Object, error) {
	have, err := ask(ctx, s, func() (have Object, err error) {
		w, err := s.look(ctx)
		if err != nil {
			return have, err
		}
		p, err := s.own(w, t, word)
		if p != nil && err == nil {
			have.ID = p.record.ID
			have.Value, err = w.priors.value(p)
		}
		return have, err
	})
	if err != nil {
		return have, err
	}
	if have.Value != cty.NilVal {
		now, there, err := s.Read(ctx, t, have)
		if err == nil && !there {
			err = schema.Problem{Attribute: "id", Summary: fmt.Sprintf("The %s is gone", t.Name), Detail: "cairn has made it, and its system has it no more."}
		}
		return Object{have.ID, now}, err
	}
	h := s.site.Systems.For(t.Name)
	if h == nil {
		return have, fmt.Errorf("nothing in this cloud makes a %s: name a system that does in its cloud file", t.Name)
	}
	object, err := h.Import(ctx, word)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return have, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("There is no %s %q", t.Name, word), Detail: "It lives in cairn's state alone, and the stack has none of this id or name."}
	case err != nil:
		return have, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("There is no %s %q", t.Name, word), Detail: "No object of the stack has that id or name, and none in the cloud answers to it: " + err.Error() + "."}
	}
	v := t.FromGo(object, cty.NilVal)
	return s.Apply(ctx, Asked{Type: t, Prior: v, Config: t.Configured(v), Adopts: word})
}

// own finds an object of the stack by id or name; nil: it has none. What
// another stack has is not to be had.
func (s *Session) own(w *walk, t *schema.Type, word string) (*prior, error) {
	if p := w.priors.at[s.standing(t, word)]; p != nil {
		return p, nil
	}
	var found []*prior
	if t.Attribute("name") != nil {
		for o := range w.world.Where(t.Go(), "name", word) {
			id := strings.Join(t.Texts(o, "id"), "")
			if p := w.priors.at[s.standing(t, id)]; p != nil {
				found = append(found, p)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("%d are named %q", len(found), word), Detail: "Import it by its id."}
	}
	if w.world.Find(t.Go(), word) != nil {
		return nil, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("The %s is not this stack's", t.Name),
			Detail: fmt.Sprintf("%s has it. An object belongs to one stack: look it up with a data block, or have that stack let go of it first (`cairn state rm`).", w.world.called(word))}
	}
	return nil, nil
}

// An UnheardObject is one that the front end has had made and not mentioned since.
type UnheardObject struct {
	Type *schema.Type
	Object
}

// Unheard lists what the front end does not know of, once what a killed run has
// left is done: what a run has made that was killed (every: any run), and the
// front end has not mentioned when it was heard last. Of others it may still be
// heard: how many they are.
func (s *Session) Unheard(ctx context.Context, every bool) (lost []UnheardObject, doubtful int, err error) {
	lost, err = ask(ctx, s, func() ([]UnheardObject, error) {
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		killed := map[int64]bool{}
		runs, err := s.site.Store.Runs(ctx, s.opt.Stack, 0)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			killed[r.ID] = r.Status == state.RunInterrupted
		}
		var all []UnheardObject
		for _, p := range s.w.priors.at {
			if !p.record.Unheard || !every && !killed[p.record.Run] {
				continue
			}
			if p.record.Run > s.w.snap.Heard {
				doubtful++
				continue
			}
			v, err := s.w.priors.value(p)
			if err != nil {
				return nil, err
			}
			all = append(all, UnheardObject{p.typ, Object{p.record.ID, v}})
		}
		slices.SortFunc(all, func(a, b UnheardObject) int {
			return strings.Compare(a.Type.Name+a.ID, b.Type.Name+b.ID)
		})
		return all, nil
	})
	return lost, doubtful, err
}

// Delete removes an object.
func (s *Session) Delete(ctx context.Context, t *schema.Type, o Object) error {
	_, err := s.Apply(ctx, Asked{Type: t, ID: o.ID, Prior: o.Value, Config: cty.NullVal(t.Object()), unheard: true})
	return err
}
