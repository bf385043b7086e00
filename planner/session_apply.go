package planner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// Apply makes an object what its author wrote, and answers with it as it is then;
// null when it is gone. With an error it answers with what is there all the same.
// The error is schema.Problems where the author can do something about it.
func (s *Session) Apply(ctx context.Context, a Asked) (Object, error) {
	a.Prior, a.Config = a.Type.Guarded(a.Prior), a.Type.Guarded(a.Config)
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
	switch { // until a step has said otherwise, it is as it was
	case len(sub.steps) == 0:
	case sub.change.Action == Create:
		made.Value = none
	case sub.change.Prior != cty.NilVal:
		made.Value = sub.change.Prior
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
		s.reads.forget(s.site, st.change.Type)
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
	fresh := false
	for try := 1; ; try++ {
		w := s.w
		done := w.trying()
		w.ledger.overlook(kept)
		c, problems := s.lay(w, a, schema.Text(knownOf(a), "id"))
		if !serious(problems) {
			problems = w.clash(c)
		}
		if serious(problems) && !fresh {
			fresh = true
			done(false)
			s.readLedger(w) // somebody may have let go of it since it was read
			continue
		}
		if serious(problems) {
			pending := w.ledger.pending
			done(false)
			if p := s.blocking(w, a, pending); p != nil && a.takes == nil {
				a.takes = p
				continue
			}
			if gone, err := s.letGo(ctx, w, pending); gone || err != nil {
				if err != nil {
					return nil, err
				}
				continue
			}
			return nil, s.outright(w, a, kept, pending, problems)
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
	if kept != nil {
		delete(s.promises, kept.Key)
	}
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
		remedy := "Leave the choice to cairn, choose another one, or let that one go first."
		if holder, err := address.Parse(t.from); err == nil && w.adrift(w.priors.at[holder]) {
			remedy = "It was made by an apply that was killed: `cairn gc` removes it."
		}
		return schema.Problems{{Summary: fmt.Sprintf("%s %s is taken", t.space, t.key), Detail: fmt.Sprintf("%s has it. %s", t.from, remedy)}}
	}
	return nil
}

// outright is what a declaration says of things that others of the stack have, and
// keep: it knows the attribute that is to blame.
func (s *Session) outright(w *walk, a Asked, kept *state.Reservation, pending []takeover, problems schema.Problems) schema.Problems {
	done := w.trying()
	defer done(false)
	for _, t := range pending {
		if holder, err := address.Parse(t.from); err != nil || w.adrift(w.priors.at[holder]) {
			return problems
		}
		replace(w.undo, w.ledger.kept, t.from, true)
	}
	w.ledger.overlook(kept)
	if _, said := s.lay(w, a, schema.Text(knownOf(a), "id")); serious(said) {
		return said
	}
	return problems
}

// blocking finds the lost object that has what another one is to have, and can
// become that one.
func (s *Session) blocking(w *walk, a Asked, pending []takeover) *prior {
	if !a.Prior.IsNull() || a.Config.IsNull() {
		return nil
	}
	for _, t := range pending {
		if holder, err := address.Parse(t.from); err == nil && w.becomes(w.priors.at[holder], a) {
			return w.priors.at[holder]
		}
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
		_, err = h.Read(look, w.world, object)
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
		if errors.Is(a.err, providers.ErrInUse) {
			a = s.release(ctx, e, *k, a)
		}
		stop()
		cancel(nil)
		if err := s.do(context.WithoutCancel(ctx), func() error { e.answered(a); return nil }); err != nil {
			return outcome{lost: err}
		}
	}
	return <-answer
}

// patience is how long a deletion waits for what uses the object, while nothing
// else moves: the front end may be about to delete that.
const patience = 2 * time.Second

// release tries a deletion again for as long as what uses the object may be going:
// a front end orders deletions by what it knows of, which is not all that there is.
func (s *Session) release(ctx context.Context, e *execution, k call, a answer) answer {
	until := time.Now().Add(k.timeout)
	began := time.Now()
	wait := func(n int) error { return s.do(context.WithoutCancel(ctx), func() error { s.stuck += n; return nil }) }
	if wait(1) != nil {
		return a
	}
	defer func() { _ = wait(-1) }()
	for errors.Is(a.err, providers.ErrInUse) && time.Now().Before(until) {
		select {
		case <-ctx.Done():
			return a
		case <-time.After(100 * time.Millisecond):
		}
		moving, err := ask(ctx, s, func() (bool, error) {
			return s.flying > s.stuck || time.Since(s.moved) < patience || time.Since(began) < patience, nil
		})
		if err != nil || !moving {
			return a
		}
		a = e.carryOut(ctx, k)
	}
	return a
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
// are read from one look at their system, as far as its driver can. A
// providers.DiffersError comes with the object.
func (s *Session) Read(ctx context.Context, t *schema.Type, have Object) (now cty.Value, there bool, err error) {
	prior := have.Value
	if have.ID == "" {
		have.ID = schema.Text(prior, "id")
	}
	var known *world
	kept, err := ask(ctx, s, func() (bool, error) {
		w, err := s.look(ctx)
		if err != nil {
			return false, err
		}
		known, s.spoken = w.world, true
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
	read, err := s.reads.of(ctx, s.site, known, t)
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
	var differs *providers.DiffersError
	if err != nil && !errors.As(err, &differs) {
		return prior, true, err
	}
	return t.FromGo(object, prior), true, err
}

// Delete removes an object.
func (s *Session) Delete(ctx context.Context, t *schema.Type, o Object) error {
	_, err := s.Apply(ctx, Asked{Type: t, ID: o.ID, Prior: o.Value, Config: cty.NullVal(t.Object()), unheard: true})
	return err
}
