package planner

import (
	"context"
	"errors"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// call is what a worker is asked to do.
type call struct {
	v          int
	step       *step
	have, want any
	world      schema.World
	timeout    time.Duration
	back       func() // the world has the object again, when it could not be deleted

	system *providers.System // of a batch; nil: one call
	batch  []call
	causes map[int][]int // of its steps: those of the batch that they wait for
	broken map[int]bool  // those that failed before they were handed over
}

type answer struct {
	call
	object any
	err    error
	took   time.Duration
	batch  []answer // of a batch, in its order
}

// inline reports whether a step has no driver call, so that it takes no worker.
func (e *execution) inline(s *step) bool {
	if s.part == partRecord {
		return true
	}
	h := e.site.Systems.For(s.change.Type.Name)
	return h != nil && h.Kept()
}

func (e *execution) here(v int, s *step) {
	x := s.change
	e.event(Event{Kind: StepStarted, Change: x, Part: string(s.part), Step: s.number})
	switch {
	case s.part == partDelete:
		e.deleted(v, s, nil, 0)
	case s.part == partRecord:
		e.recorded(v, s)
	default:
		if err := e.prepare(s); err != nil {
			e.failed(v, s, err, 0, nil)
			return
		}
		e.made(v, s, x.Planned, nil, 0)
	}
}

// recorded ends a step that changes a record alone.
func (e *execution) recorded(v int, s *step) {
	x := s.change
	end := state.End{Step: s.number}
	if x.Action == Forget {
		end.Remove = &state.Ref{Address: x.name, Deposed: x.Deposed}
		end.Release = x.name
		e.ends = append(e.ends, ended{v: v, step: s, end: end, value: cty.NilVal})
		return
	}
	value := x.Planned
	if value == cty.NilVal { // only its place changes, or its order of replacement
		record := *x.record
		record.Address, record.CreateBeforeDestroy = x.name, x.cbd
		if x.want != nil {
			record.Want = x.want
		}
		end.Put = &record
		e.ends = append(e.ends, ended{v: v, step: s, end: end, value: value})
		return
	}
	record, err := e.record(x, value)
	if err != nil {
		e.failed(v, s, err, 0, nil)
		return
	}
	end.Put = record
	e.ends = append(e.ends, ended{v: v, step: s, end: end, value: value})
}

// dispatch hands a step to a worker.
func (e *execution) dispatch(v int, s *step) {
	if k, ok := e.asked(v, s); ok {
		e.busy++
		e.calls <- k
	}
}

// asked begins a step: what its driver is asked, unless it fails before.
func (e *execution) asked(v int, s *step) (k call, ok bool) {
	e.event(Event{Kind: StepStarted, Change: s.change, Part: string(s.part), Step: s.number})
	err := e.prepareFor(s)
	if err == nil {
		k, err = e.request(v, s)
	}
	if err != nil {
		e.failed(v, s, err, 0, nil)
	}
	return k, err == nil
}

func (e *execution) prepareFor(s *step) error {
	if s.part == partDelete {
		return nil
	}
	return e.prepare(s)
}

// request is what a driver is asked for a step.
func (e *execution) request(v int, s *step) (k call, err error) {
	x := s.change
	k = call{v: v, step: s, world: e.plan.world, timeout: x.timeout(s.part)}
	if s.part != partDelete {
		if k.want, err = x.Type.ToGo(x.Planned); err != nil {
			return k, err
		}
	}
	if s.part != partCreate {
		if k.have, err = x.Type.ToGo(x.Prior); err != nil {
			return k, err
		}
	}
	if s.part == partDelete && x.Action == Delete { // elsewhere its successor is at the address
		k.back = e.plan.world.drop(x.name, x.Type)
	}
	return k, nil
}

// leaseMargin is how long a lease must last for a call to begin or go on. It is
// renewed well before; when it can't be, calls under way are called off while
// nobody else can have taken the lock over yet.
const leaseMargin = 2 * time.Second

var errLease = errors.New("the lock of the stack could not be renewed in time")

// watch calls the drivers off when the lease is about to be lost.
func (e *execution) watch(cancel context.CancelCauseFunc, quit <-chan struct{}) {
	tick := time.NewTicker(leaseMargin / 4)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
			if !e.lease.Good(leaseMargin) {
				cancel(errLease)
				return
			}
		}
	}
}

func (x *Change) timeout(p part) time.Duration {
	var own, typ time.Duration
	if x.block != nil {
		own = pick(x.block.Timeouts, p)
	}
	typ = pick(x.Type.Timeouts, p)
	switch {
	case own > 0:
		return own
	case typ > 0:
		return typ
	}
	return schema.DefaultTimeout
}

func pick(t schema.Timeouts, p part) time.Duration {
	switch p {
	case partCreate:
		return t.Create
	case partUpdate:
		return t.Update
	}
	return t.Delete
}

// work calls drivers, one at a time.
func (e *execution) work() {
	for k := range e.calls {
		if k.system != nil {
			e.answers <- e.carryOutTogether(e.ctx, k)
			continue
		}
		e.answers <- e.carryOut(e.ctx, k)
	}
}

// lookTime bounds the look at what a failed call has left.
const lookTime = 30 * time.Second

// carryOut calls a driver.
func (e *execution) carryOut(ctx context.Context, k call) answer {
	a := answer{call: k}
	if !e.lease.Good(leaseMargin) { // asked here, so that nothing comes between
		a.err = errLease
		return a
	}
	h := e.site.Systems.For(k.step.change.Type.Name)
	bounded, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	began := time.Now()
	bounded = providers.Hearing(bounded, func(text string) {
		select {
		case e.told <- told{k.step, text, time.Since(began)}:
		default: // whoever shows it is busy: the next one will do
		}
	})
	switch k.step.part {
	case partCreate:
		a.object, a.err = h.Create(bounded, k.world, k.want)
	case partUpdate:
		a.object, a.err = h.Update(bounded, k.world, k.have, k.want)
	case partDelete:
		a.err = h.Delete(bounded, k.world, k.have)
	}
	a.took = time.Since(began)
	e.look(ctx, &a)
	return a
}

// look finds out what a call that failed has left.
func (e *execution) look(ctx context.Context, a *answer) {
	part := a.step.part
	if a.err == nil || part == partDelete {
		return
	}
	expected := a.want
	if part == partUpdate && !errors.Is(a.err, providers.ErrUnrealised) {
		expected = a.have
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer done()
	object, err := e.site.Systems.For(a.step.change.Type.Name).Read(ctx, a.world, expected)
	a.object = nil
	switch {
	case stands(err):
		a.object = object
	case part == partCreate && !errors.Is(err, providers.ErrNotFound):
		a.object = a.want // not known: it may be there
	}
}

func (e *execution) answered(a answer) {
	x := a.step.change
	switch {
	case a.step.part == partDelete:
		if a.err != nil && a.back != nil && !errors.Is(a.err, providers.ErrUnrealised) {
			a.back()
		}
		e.deleted(a.v, a.step, a.err, a.took)
	case a.err != nil:
		e.failed(a.v, a.step, a.err, a.took, a.object)
	default:
		e.made(a.v, a.step, x.Type.FromGo(a.object, x.Planned), nil, a.took)
	}
}

// made ends a step that left an object standing.
func (e *execution) made(v int, s *step, value cty.Value, failure error, took time.Duration) {
	x := s.change
	end := state.End{Step: s.number}
	value = x.kept(value)
	record, err := e.record(x, value)
	if err != nil {
		e.failed(v, s, err, took, nil)
		return
	}
	if s.part == partCreate && x.Action == CreateDelete {
		end.Move = &state.Move{From: state.Ref{Address: x.name}, To: state.Ref{Address: x.name, Deposed: deposedMark(x.record)}}
	}
	if failure != nil {
		end.Err = failure.Error()
		record.Tainted = s.part == partCreate && !errors.Is(failure, providers.ErrUnrealised)
		record.Want = nil
		if s.part == partUpdate {
			record.Tainted = x.record.Tainted
		}
	} else if x.claims != nil {
		end.Keep = &state.Kept{Address: x.name, Claims: *x.claims}
	}
	end.Put = record
	e.ends = append(e.ends, ended{v: v, step: s, end: end, err: failure, took: took, value: value})
}

// kept is an object without what no record keeps.
func (x *Change) kept(v cty.Value) cty.Value {
	if len(x.unkept) == 0 {
		return v
	}
	vals := v.AsValueMap()
	for _, name := range x.unkept {
		vals[name] = cty.NullVal(vals[name].Type())
	}
	return cty.ObjectVal(vals)
}

func deposedMark(r *state.Record) string { return r.ID[:min(8, len(r.ID))] }

func (e *execution) deleted(v int, s *step, err error, took time.Duration) {
	x := s.change
	end := state.End{Step: s.number}
	if err != nil {
		gone := errors.Is(err, providers.ErrUnrealised)
		err = e.redacted(x, err)
		end.Err = err.Error()
		if !gone {
			e.ends = append(e.ends, ended{v: v, step: s, end: end, err: err, took: took})
			return
		}
	}
	end.Remove = &state.Ref{Address: x.name, Deposed: x.Deposed}
	if x.Action == CreateDelete {
		end.Remove.Deposed = deposedMark(x.record)
	}
	if x.Action == Delete {
		end.Release = x.name
	}
	e.ends = append(e.ends, ended{v: v, step: s, end: end, err: err, took: took, value: cty.NilVal})
}

// failed ends a step that failed. object is what stands there now; nil: nothing
// that was not there before.
func (e *execution) failed(v int, s *step, err error, took time.Duration, object any) {
	err = e.redacted(s.change, err)
	if object != nil {
		e.made(v, s, s.change.Type.FromGo(object, s.change.Planned), err, took)
		return
	}
	e.ends = append(e.ends, ended{v: v, step: s, end: state.End{Step: s.number, Err: err.Error()}, err: err, took: took})
}
