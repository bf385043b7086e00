package planner

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// ApplyOptions are how to carry out a plan.
type ApplyOptions struct {
	Command     string
	Sources     []byte // the configuration, for the history
	Parallelism int    // driver calls at once; 0: 10
	// Stop, when closed, starts no more steps and waits for those under way. The
	// context's end does not wait for them either.
	Stop <-chan struct{}
	// Events hears of each step, from one goroutine, in order.
	Events func(Event)
}

// An Event is one thing that happened in an apply.
type Event struct {
	Kind    EventKind
	Change  *Change
	Part    string // "create", "update", "delete", "record"
	Step    int64
	Err     error
	Elapsed time.Duration
	Done    int // steps that have ended
	Total   int
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	StepStarted EventKind = "started"
	StepDone    EventKind = "done"
	StepFailed  EventKind = "failed"
	StepSkipped EventKind = "skipped"
)

// An Outcome is what an apply came to.
type Outcome struct {
	Run                             int64
	Created, Changed, Deleted, Kept int
	Skipped                         int
	Failures                        []Failure
	Interrupted                     bool
	Outputs                         []OutputChange
}

// A Failure is one step that failed.
type Failure struct {
	Change *Change
	Part   string
	Err    error
}

// Err is nil when everything was done.
func (o *Outcome) Err() error {
	switch {
	case len(o.Failures) > 0:
		f := o.Failures[0]
		err := fmt.Errorf("%s %s: %w", f.Part, f.Change.Address, f.Err)
		if n := len(o.Failures); n > 1 {
			err = fmt.Errorf("%d steps failed, the first: %w", n, err)
		}
		return err
	case o.Interrupted:
		return errInterrupted
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// Apply carries out a plan under its stack's lease: claims and an intent for
// every step first, in one transaction; then each step when what it waits for
// is durably done.
func (p *Plan) Apply(ctx context.Context, lease state.Lease, opt ApplyOptions) (*Outcome, error) {
	c, err := p.course()
	if err != nil {
		return nil, err
	}
	e := &execution{course: c, plan: p, site: p.site, lease: lease, opt: opt, out: &Outcome{}, ctx: ctx}
	if e.opt.Parallelism <= 0 {
		e.opt.Parallelism = 10
	}
	if e.opt.Events == nil {
		e.opt.Events = func(Event) {}
	}
	begin, err := e.begin()
	if err != nil {
		return nil, err
	}
	if e.run, err = lease.Begin(ctx, begin); err != nil {
		return nil, err
	}
	e.out.Run = e.run
	p.eval.Applying(time.Now())
	if err := e.loop(); err != nil {
		return e.out, err // the next command finds the intents
	}
	return e.out, e.finish()
}

// execution is one apply under way. All of it belongs to one goroutine; workers
// only call drivers.
type execution struct {
	*course
	plan  *Plan
	site  *Site
	lease state.Lease
	opt   ApplyOptions
	out   *Outcome
	ctx   context.Context
	run   int64

	next     [][]int
	waits    []int
	ready    queue
	idle     []int // steps that are ready and wait for a worker
	poisoned map[int]bool
	revised  map[*lang.Block]bool
	calls    chan call
	answers  chan answer
	busy     int
	open     int // vertices without an end
	ends     []ended
	halted   bool
	shown    int
}

// call is what a worker is asked to do.
type call struct {
	v          int
	step       *step
	have, want any
	world      schema.World
	timeout    time.Duration
}

type answer struct {
	call
	object any
	err    error
	took   time.Duration
}

// ended is a step whose end waits to be written.
type ended struct {
	v    int
	end  state.End
	err  error
	took time.Duration
	// value of the object afterwards; NilVal when it is gone
	value cty.Value
}

func (e *execution) begin() (state.NewRun, error) {
	r := state.NewRun{Serial: e.plan.Serial, Command: e.opt.Command, Sources: e.opt.Sources}
	for _, m := range e.plan.priors.moves {
		r.Moves = append(r.Moves, state.Move{From: state.Ref{Address: m[0]}, To: state.Ref{Address: m[1]}})
	}
	r.Steps = make([]state.Step, 0, len(e.steps))
	for _, s := range e.steps {
		x := s.change
		j := state.Step{Step: s.number, Action: string(s.part), Address: x.name, Deposed: x.Deposed, Type: x.Type.Name, ID: x.ID, Ready: true,
			Last: x.Action == Delete || x.Action == Forget}
		if s.part == partDelete && x.record != nil {
			j.ID = x.record.ID
		}
		if x.record != nil {
			j.Before = x.record.Seen
		}
		if s.part == partCreate || s.part == partUpdate {
			j.Ready = !x.late
			record, err := e.record(x, x.Planned)
			if err != nil {
				return r, err
			}
			j.Put = record
		}
		r.Steps = append(r.Steps, j)
	}
	for _, x := range e.plan.Changes {
		if x.claims == nil {
			continue
		}
		r.Claims.Take = append(r.Claims.Take, x.claims.Take...)
		r.Claims.Ranges = append(r.Claims.Ranges, x.claims.Ranges...)
		r.Claims.Shares = append(r.Claims.Shares, x.claims.Shares...)
		r.Claims.Limits = append(r.Claims.Limits, x.claims.Limits...)
	}
	return r, nil
}

// record is what the state keeps of an object.
func (e *execution) record(x *Change, v cty.Value) (*state.Record, error) {
	clear, secret, err := encode(e.site, x.Type, x.ID, v)
	if err != nil {
		return nil, err
	}
	r := &state.Record{Address: x.name, Type: x.Type.Name, ID: x.ID, SchemaVersion: x.Type.Version, CreateBeforeDestroy: x.cbd,
		Want: x.want, Attrs: clear, Secret: secret, Serial: e.plan.Serial}
	if x.block != nil {
		r.Deps = e.deps(x.block)
		if len(x.follows) > 0 {
			r.Deps = e.followed(x, r.Deps)
		}
	} else if x.record != nil {
		r.Deps, r.Want, r.CreateBeforeDestroy = x.record.Deps, x.record.Want, x.record.CreateBeforeDestroy
	}
	if h := e.site.Systems.For(x.Type.Name); h != nil && !h.Kept() && v.IsWhollyKnown() {
		r.Seen = hashOf(e.site, x.Type, x.Type.Stable(v))
	}
	return r, nil
}

// followed adds the blocks of what a step comes after, so that what it made goes
// before them.
func (e *execution) followed(x *Change, deps []string) []string {
	all := slices.Clone(deps)
	for _, id := range x.follows {
		for _, k := range e.plan.world.kinds {
			if f := k.byID[id]; f != nil && f.stack == "" {
				if o, err := address.Parse(f.address); err == nil {
					all = append(all, o.Block().String())
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (e *execution) deps(b *lang.Block) []string {
	if d, ok := e.plan.deps[b]; ok {
		return d
	}
	if e.plan.deps == nil {
		e.plan.deps = map[*lang.Block][]string{}
	}
	d := e.plan.dependencies(b)
	e.plan.deps[b] = d
	return d
}

func (e *execution) loop() error {
	e.next, e.waits = e.links()
	e.poisoned, e.revised = map[int]bool{}, map[*lang.Block]bool{}
	e.calls, e.answers = make(chan call), make(chan answer, e.opt.Parallelism)
	defer close(e.calls)
	quit := make(chan struct{})
	defer close(quit)
	ctx, cancel := context.WithCancelCause(e.ctx)
	defer cancel(nil)
	e.ctx = ctx
	go e.watch(cancel, quit)
	for range min(e.opt.Parallelism, len(e.steps)) {
		go e.work()
	}
	e.open = e.n
	for v := range e.n {
		if e.waits[v] == 0 {
			heap.Push(&e.ready, v)
		}
	}
	for e.open > 0 {
		e.halted = e.halted || stopped(e.opt.Stop) || e.ctx.Err() != nil
		if err := e.advance(); err != nil {
			return err
		}
		switch {
		case len(e.ends) > 0:
			if err := e.commit(); err != nil {
				return err
			}
		case e.busy > 0:
			if err := e.listen(); err != nil {
				return err
			}
		case e.open > 0 && e.ready.Len() == 0 && len(e.idle) == 0:
			return errors.New("steps are left that nothing leads to")
		}
	}
	return nil
}

func stopped(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// group bounds how many steps end in one transaction.
const group = 512

// advance does whatever can be done without waiting.
func (e *execution) advance() error {
	for len(e.ends) < group {
		e.collect()
		var v int
		switch {
		case len(e.idle) > 0 && (e.busy < e.opt.Parallelism || e.halted):
			v, e.idle = e.idle[0], e.idle[1:]
		case e.ready.Len() > 0:
			v = heap.Pop(&e.ready).(int)
		default:
			return nil
		}
		x := e.vertices[v]
		switch {
		case x.step == nil:
			e.joint(v, x.block)
		case e.poisoned[v] || e.halted:
			e.skip(v, x.step)
		case e.inline(x.step):
			e.here(v, x.step)
		case e.busy >= e.opt.Parallelism:
			e.idle = append(e.idle, v)
			if e.ready.Len() == 0 {
				return nil
			}
		default:
			e.dispatch(v, x.step)
		}
	}
	return nil
}

// collect takes the answers that are there already.
func (e *execution) collect() {
	for {
		select {
		case a := <-e.answers:
			e.busy--
			e.answered(a)
		default:
			return
		}
	}
}

// listen waits for one answer, or for the word to stop.
func (e *execution) listen() error {
	stop := e.opt.Stop
	if e.halted {
		stop = nil
	}
	select {
	case a := <-e.answers:
		e.busy--
		e.answered(a)
	case <-stop:
		e.halted = true
	case <-e.ctx.Done():
		// The drivers' calls end with the context; what they made, the next command finds.
		e.halted = true
		select {
		case a := <-e.answers:
			e.busy--
			e.answered(a)
		case <-time.After(5 * time.Second):
			return errors.New("interrupted while steps were under way: the next command finds what they made")
		}
	}
	return nil
}

func (e *execution) complete(v int, poison bool) {
	e.open--
	for _, u := range e.next[v] {
		if poison {
			e.poisoned[u] = true
		}
		if e.waits[u]--; e.waits[u] == 0 {
			heap.Push(&e.ready, u)
		}
	}
}

func (e *execution) skip(v int, s *step) {
	e.out.Skipped++
	if e.halted {
		e.out.Interrupted = true
	}
	e.event(Event{Kind: StepSkipped, Change: s.change, Part: string(s.part), Step: s.number})
	e.complete(v, true)
}

// joint is passed: what mentions something that became known is evaluated again.
func (e *execution) joint(v int, b *lang.Block) {
	if b != nil && !e.poisoned[v] && b.Kind != lang.KindResource && e.affected(b) {
		if b.Kind == lang.KindData {
			e.readAgain(b)
		} else {
			e.plan.eval.Eval(b) // what is wrong with it shows where it is used
		}
		e.revised[b] = true
	}
	e.complete(v, e.poisoned[v])
}

func (e *execution) affected(b *lang.Block) bool {
	if len(e.revised) == 0 {
		return false
	}
	for _, m := range b.Mentions {
		if e.revised[m.Block] {
			return true
		}
	}
	return false
}

func (e *execution) readAgain(b *lang.Block) {
	instances, _ := e.plan.eval.Expand(b)
	for _, i := range instances {
		config, diags := e.plan.eval.Config(i)
		if diags.HasErrors() {
			continue
		}
		v, _ := findData(e.plan.world, e.site.Types, i, config)
		e.plan.eval.Set(i, v)
	}
	e.plan.eval.Done(b)
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
		e.ends = append(e.ends, ended{v: v, end: end, value: cty.NilVal})
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
		e.ends = append(e.ends, ended{v: v, end: end, value: value})
		return
	}
	record, err := e.record(x, value)
	if err != nil {
		e.failed(v, s, err, 0, nil)
		return
	}
	end.Put = record
	e.ends = append(e.ends, ended{v: v, end: end, value: value})
}

// dispatch hands a step to a worker.
func (e *execution) dispatch(v int, s *step) {
	x := s.change
	e.event(Event{Kind: StepStarted, Change: x, Part: string(s.part), Step: s.number})
	k := call{v: v, step: s, world: e.plan.world, timeout: x.timeout(s.part)}
	err := func() (err error) {
		if s.part != partDelete {
			if err = e.prepare(s); err != nil {
				return err
			}
			if k.want, err = x.Type.ToGo(x.Planned); err != nil {
				return err
			}
		}
		if s.part != partCreate {
			k.have, err = x.Type.ToGo(x.Prior)
		}
		return err
	}()
	if err != nil {
		e.failed(v, s, err, 0, nil)
		return
	}
	e.busy++
	e.calls <- k
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
		h := e.site.Systems.For(k.step.change.Type.Name)
		ctx, cancel := context.WithTimeout(e.ctx, k.timeout)
		began := time.Now()
		a := answer{call: k}
		if !e.lease.Good(leaseMargin) { // asked here, so that nothing comes between
			a.err = errLease
			cancel()
			e.answers <- a
			continue
		}
		switch k.step.part {
		case partCreate:
			a.object, a.err = h.Create(ctx, k.world, k.want)
			if a.err != nil { // was anything made?
				look, done := context.WithTimeout(context.WithoutCancel(e.ctx), 30*time.Second)
				object, err := h.Read(look, k.want)
				done()
				switch {
				case err == nil:
					a.object = object
				case errors.Is(err, providers.ErrNotFound):
					a.object = nil
				default:
					a.object = k.want // not known: it may be there
				}
			}
		case partUpdate:
			a.object, a.err = h.Update(ctx, k.world, k.have, k.want)
			if a.err != nil {
				look, done := context.WithTimeout(context.WithoutCancel(e.ctx), 30*time.Second)
				object, err := h.Read(look, k.have)
				done()
				a.object = nil
				if err == nil {
					a.object = object
				}
			}
		case partDelete:
			a.err = h.Delete(ctx, k.have)
		}
		cancel()
		a.took = time.Since(began)
		e.answers <- a
	}
}

func (e *execution) answered(a answer) {
	x := a.step.change
	switch {
	case a.step.part == partDelete:
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
		record.Tainted = s.part == partCreate
		record.Want = nil
		if s.part == partUpdate {
			record.Tainted = x.record.Tainted
		}
	} else if x.claims != nil {
		end.Keep = &state.Kept{Address: x.name, Claims: *x.claims}
	}
	end.Put = record
	e.ends = append(e.ends, ended{v: v, end: end, err: failure, took: took, value: value})
}

func deposedMark(r *state.Record) string { return r.ID[:min(8, len(r.ID))] }

func (e *execution) deleted(v int, s *step, err error, took time.Duration) {
	x := s.change
	end := state.End{Step: s.number}
	if err != nil {
		err = e.redacted(x, err)
		end.Err = err.Error()
		e.ends = append(e.ends, ended{v: v, end: end, err: err, took: took})
		return
	}
	end.Remove = &state.Ref{Address: x.name, Deposed: x.Deposed}
	if x.Action == CreateDelete {
		end.Remove.Deposed = deposedMark(x.record)
	}
	if x.Action == Delete {
		end.Release = x.name
	}
	e.ends = append(e.ends, ended{v: v, end: end, took: took, value: cty.NilVal})
}

// failed ends a step that failed. object is what stands there now; nil: nothing
// that was not there before.
func (e *execution) failed(v int, s *step, err error, took time.Duration, object any) {
	err = e.redacted(s.change, err)
	if object != nil {
		e.made(v, s, s.change.Type.FromGo(object, s.change.Planned), err, took)
		return
	}
	e.ends = append(e.ends, ended{v: v, end: state.End{Step: s.number, Err: err.Error()}, err: err, took: took})
}

// commit writes the ends that wait, and only then lets others go on.
func (e *execution) commit() error {
	ends := make([]state.End, len(e.ends))
	for i, x := range e.ends {
		ends[i] = x.end
	}
	// A second interrupt must not keep what was made out of the state.
	if err := e.lease.Commit(context.WithoutCancel(e.ctx), e.run, ends); err != nil {
		return err
	}
	for _, x := range e.ends {
		e.tell(x)
		e.complete(x.v, x.err != nil)
	}
	e.ends = e.ends[:0]
	return nil
}

func (e *execution) tell(x ended) {
	s := e.vertices[x.v].step
	c := s.change
	event := Event{Kind: StepDone, Change: c, Part: string(s.part), Step: s.number, Elapsed: x.took, Err: x.err}
	switch {
	case x.err != nil:
		event.Kind = StepFailed
		e.out.Failures = append(e.out.Failures, Failure{Change: c, Part: string(s.part), Err: x.err})
	case s.part == partDelete:
		if c.Action == Delete || c.Action == DeleteDeposed {
			e.plan.world.drop(c.name, c.Type)
		}
		e.out.Deleted++
	case s.part == partCreate:
		e.out.Created++
	case s.part == partUpdate:
		e.out.Changed++
	default:
		e.out.Kept++
	}
	if x.err == nil && x.value != cty.NilVal && s.part != partDelete {
		value := x.value
		e.plan.world.put(c.name, c.Type, c.ID, func() (cty.Value, error) { return value, nil })
		if c.block != nil && c.parent == nil && !c.Planned.IsWhollyKnown() {
			e.plan.eval.Set(c.inst, value)
			e.plan.eval.Done(c.block)
			e.revised[c.block] = true
		}
	}
	e.event(event)
}

func (e *execution) event(x Event) {
	if x.Kind != StepStarted {
		e.shown++
	}
	x.Done, x.Total = e.shown, len(e.steps)
	e.opt.Events(x)
}

// finish ends the run with its outputs.
func (e *execution) finish() error {
	f := state.Finish{Status: state.RunDone}
	switch {
	case e.out.Interrupted:
		f.Status, f.Error = state.RunInterrupted, "interrupted"
	case len(e.out.Failures) > 0:
		f.Status, f.Error = state.RunFailed, e.out.Failures[0].Err.Error()
	}
	if e.plan.Options.Destroy && e.plan.Options.Targets == nil {
		if f.Status == state.RunDone {
			f.Outputs = []state.Output{}
		}
	} else if e.plan.Options.Targets == nil && !e.plan.Options.RefreshOnly {
		f.Outputs = []state.Output{}
		for _, o := range e.plan.eval.Outputs() {
			if !o.Value.IsWhollyKnown() {
				continue // of a step that failed
			}
			out, err := encodeOutput(e.site, o.Name, o.Value, o.Sensitive)
			if err != nil {
				return err
			}
			f.Outputs = append(f.Outputs, out)
			e.out.Outputs = append(e.out.Outputs, OutputChange{Name: o.Name, After: o.Value, Sensitive: o.Sensitive})
		}
	}
	return e.lease.Finish(context.WithoutCancel(e.ctx), e.run, f)
}
