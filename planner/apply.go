package planner

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
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
	Says    string // how far a step has come that goes on
	Done    int    // steps that have ended
	Total   int
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	StepStarted EventKind = "started"
	StepGoesOn  EventKind = "goes on"
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
	p.ledger.moved = nil // the database has it too now
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

	next  [][]int
	waits []int
	ready queue
	idle  []int // steps that are ready and wait for a worker
	// gathered are steps of systems that take several at once; joined went with those
	// that they wait for.
	gathered  map[*providers.System][]int
	gatherers []*providers.System
	joined    map[int]bool
	finished  func() // of an execution that others feed
	unheard   bool   // objects are made for another front end, which may not hear of them
	poisoned  map[int]bool
	revised   map[*lang.Block]bool
	calls     chan call
	answers   chan answer
	told      chan told
	busy      int
	open      int // vertices without an end
	ends      []ended
	halted    bool
	shown     int
}

// ended is a step whose end waits to be written.
type ended struct {
	v    int
	step *step
	end  state.End
	err  error
	took time.Duration
	// value of the object afterwards; NilVal when it is gone
	value cty.Value
}

func (e *execution) loop() error {
	e.next, e.waits = e.links()
	e.poisoned, e.revised = map[int]bool{}, map[*lang.Block]bool{}
	e.calls, e.answers = make(chan call), make(chan answer, e.opt.Parallelism)
	e.told = make(chan told, e.opt.Parallelism)
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
		case e.open > 0 && e.ready.Len() == 0 && len(e.idle) == 0 && len(e.gatherers) == 0:
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
		case e.handOver():
			continue
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
		case e.gather(v, x.step):
		case e.busy >= e.opt.Parallelism:
			e.idle = append(e.idle, v)
			if e.ready.Len() == 0 && len(e.gatherers) == 0 {
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
			e.taken(a)
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
		e.taken(a)
	case t := <-e.told:
		e.event(Event{Kind: StepGoesOn, Change: t.step.change, Part: string(t.step.part), Step: t.step.number, Says: t.text, Elapsed: t.after})
	case <-stop:
		e.halted = true
	case <-e.ctx.Done():
		// The drivers' calls end with the context; what they made, the next command finds.
		e.halted = true
		select {
		case a := <-e.answers:
			e.taken(a)
		case <-time.After(5 * time.Second):
			return errors.New("interrupted while steps were under way: the next command finds what they made")
		}
	}
	return nil
}

// told is how far a driver's call has come.
type told struct {
	step  *step
	text  string
	after time.Duration
}

// taken ends what a worker was asked to do.
func (e *execution) taken(a answer) {
	e.busy--
	if a.system != nil {
		e.answeredTogether(a.batch)
		return
	}
	e.answered(a)
}

func (e *execution) complete(v int, poison bool) {
	e.open--
	for _, u := range e.next[v] {
		if poison {
			e.poisoned[u] = true
		}
		if e.waits[u]--; e.waits[u] == 0 && !e.joined[u] {
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
