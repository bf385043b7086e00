package planner

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// A Session is a stack whose configuration another front end keeps, such as
// Terraform. It plans and carries out one object a call, many calls at once, by
// the same rules, ledger and journal as a stack of cairn's own. The front end's
// records are its own; the session keeps what others must know of an object, at
// an address that is made of its id.
type Session struct {
	site *Site
	opt  SessionOptions
	mail chan func()
	done chan struct{}

	reads reads

	// What follows belongs to the session's goroutine.
	w     *walk      // what is known of the stack; nil: nobody has asked yet
	e     *execution // the run that is open; nil: none
	steps int64      // of that run
	// promises are the stack's reservations by key; nil: not read yet.
	promises map[string]*state.Reservation
	first    int64                  // run that it has begun; 0: none yet
	flying   int                    // submissions under way
	stuck    int                    // of those, deletions of what something still uses
	moved    time.Time              // when a step was done last
	waiting  map[*step]chan outcome // whose end is to be written
	heard    []string               // ids that the front end has mentioned
	spoken   bool                   // it has mentioned what it knows
	broken   error                  // the lock was lost
	quiet    *time.Timer            // how long nobody has wanted anything
	closing  bool
}

// SessionOptions say whose stack it is.
type SessionOptions struct {
	Stack   string
	Front   string // the name of the front end, "terraform"
	Command string // for the lock and the history
	Given   Given
	// Reserve keeps what a plan chooses for an object with a name of its author's
	// for so long; zero: not at all.
	Reserve time.Duration
	// Wait is how long a call waits for somebody else's lock. Zero: a minute.
	Wait time.Duration
	// Idle is how long the lock is kept while nobody wants anything. Zero: half a
	// second.
	Idle time.Duration
	// Gone reports that the front end is no more: nothing is begun for it then, since
	// nobody would hear of it. nil: it never is.
	Gone func() bool
}

// Asked is one object as a front end knows it.
type Asked struct {
	Type *schema.Type
	// ID of the object, as Apply and Import have told it; "" takes Prior's id
	// attribute, which is the same for all but a few types.
	ID string
	// Prior is the object as the front end has it recorded, Config what its author
	// wrote; null where there is none. Both are unmarked, of the type's Object().
	Prior, Config cty.Value
	// Planned is what a plan of this object has said, at apply; NilVal in a plan.
	Planned  cty.Value
	Timeouts schema.Timeouts
	// Once names attributes of Config that no record keeps.
	Once []string
	// Adopts is the id by which Prior was found, of an object that nobody keeps.
	Adopts string

	unheard bool   // it is not the front end that asks
	takes   *prior // the lost object that has what this one is to have
}

// An Object is one of the stack's.
type Object struct {
	ID    string // of the object, see Asked
	Value cty.Value
}

// Foreseen is what a plan of one object comes to.
type Foreseen struct {
	schema.Change
	Problems schema.Problems
}

// OpenSession begins to work on a stack. It reads nothing and takes no lock
// before it must.
func OpenSession(site *Site, opt SessionOptions) *Session {
	if opt.Wait == 0 {
		opt.Wait = time.Minute
	}
	if opt.Idle == 0 {
		opt.Idle = 500 * time.Millisecond
	}
	s := &Session{site: site, opt: opt, mail: make(chan func()), done: make(chan struct{}), waiting: map[*step]chan outcome{}}
	s.reads.all = map[*schema.Type]func() (func(any) (any, error), error){}
	s.quiet = time.NewTimer(time.Hour)
	go s.serve()
	return s
}

// Check reports whether the stack is there to be worked on.
func (s *Session) Check(ctx context.Context) error {
	return s.do(ctx, func() error {
		_, err := s.look(ctx)
		return err
	})
}

var errGone = errors.New("who asked for it is gone")

var errClosed = errors.New("the session is closed")

// Close ends the run that is open and lets go of the lock. Calls under way end
// first.
func (s *Session) Close(ctx context.Context) error {
	if err := s.do(ctx, func() error { s.closing = true; return nil }); err != nil {
		return err
	}
	<-s.done
	return nil
}

// serve is the session's goroutine: it does what is asked, and writes the ends of
// steps in groups.
func (s *Session) serve() {
	defer close(s.done)
	for {
		if s.closing && s.flying == 0 {
			s.rest()
			return
		}
		select {
		case f := <-s.mail:
			f()
		case <-s.quiet.C:
			if s.flying == 0 {
				s.rest()
			}
			continue
		}
		for s.e != nil && len(s.e.ends) > 0 {
			select {
			case f := <-s.mail:
				f()
				if len(s.e.ends) < group {
					continue
				}
			default:
			}
			s.commit()
		}
		s.quiet.Reset(s.opt.Idle)
	}
}

// do has the session's goroutine do something, and waits for it.
func (s *Session) do(ctx context.Context, f func() error) error {
	answer := make(chan error, 1)
	select {
	case s.mail <- func() { answer <- f() }:
		return <-answer
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask is do with an answer.
func ask[T any](ctx context.Context, s *Session, f func() (T, error)) (answer T, err error) {
	err = s.do(ctx, func() error {
		answer, err = f()
		return err
	})
	return answer, err
}

// look reads what the stack knows, for plans.
func (s *Session) look(ctx context.Context) (*walk, error) {
	if s.w != nil {
		return s.w, nil
	}
	snap, err := s.site.Store.Snapshot(ctx, s.opt.Stack)
	if err != nil {
		return nil, err
	}
	if snap.Front != s.opt.Front && len(snap.Records)+len(snap.Intents) > 0 {
		return nil, &state.FrontError{Stack: s.opt.Stack, Front: snap.Front, Asked: s.opt.Front}
	}
	if s.first > 0 { // what it has made itself is no older than what it was told
		snap.Heard = min(snap.Heard, s.first-1)
	}
	if err := s.site.Facts(ctx); err != nil {
		return nil, err
	}
	// It outlives the call that asks for it.
	ctx = context.WithoutCancel(ctx)
	s.promises = nil
	w := &walk{ctx: ctx, site: s.site, conf: &lang.Stack{Name: s.opt.Stack}, snap: snap}
	var diags error
	priors, d := readPriors(snap.Records, s.site.Types, nil, w.open)
	if d.HasErrors() {
		diags = d
	}
	w.priors = priors
	w.ledger = newLedger(ctx, s.site.Store, s.site.Store.CloudID(), s.opt.Stack, s.site.Keys.Stream)
	w.world = newWorld(ctx, s.site, s.opt.Stack)
	w.world.others = w.others
	for _, p := range priors.sorted {
		w.world.put(p.addr.String(), p.typ, p.record.ID, func() (cty.Value, error) { return priors.value(p) })
	}
	s.w = w
	return w, diags
}

// begin takes the lock and opens a run, once what a killed one has left is done.
func (s *Session) begin(ctx context.Context) error {
	switch {
	case s.opt.Gone != nil && s.opt.Gone():
		return errGone
	case s.broken != nil:
		return s.broken
	case s.closing:
		return errClosed
	case s.e != nil:
		return nil
	}
	who := state.Me(s.opt.Command)
	who.Front = s.opt.Front
	if err := EnsureBuiltin(ctx, s.site, state.Me(s.opt.Command)); err != nil {
		return err
	}
	lease, err := s.site.Store.Lock(ctx, s.opt.Stack, who, s.opt.Wait)
	if err != nil {
		return err
	}
	var undo cleanup
	defer func() { undo.run() }()
	undo.add(func() { _ = lease.Release() })
	if s.opt.Gone != nil && s.opt.Gone() { // while it waited for the lock
		return errGone
	}
	if _, err := Recover(ctx, s.site, s.opt.Stack, lease); err != nil {
		return err
	}
	s.w = nil
	w, err := s.look(ctx)
	if err != nil {
		return err
	}
	run, err := lease.Begin(ctx, state.NewRun{Serial: w.snap.Serial, Command: s.opt.Command})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	quit := make(chan struct{})
	if s.first == 0 {
		s.first = run
	}
	s.e = &execution{course: &course{}, plan: s.blank(), site: s.site, lease: lease, out: &Outcome{}, ctx: running, run: run, unheard: true,
		opt: ApplyOptions{Events: func(Event) {}}}
	s.steps = 0
	go s.e.watch(cancel, quit)
	s.e.finished = func() { close(quit); cancel(nil) }
	undo = nil
	return nil
}

// blank is a plan of nothing.
func (s *Session) blank() *Plan {
	w := s.w
	return &Plan{Stack: s.opt.Stack, Serial: w.snap.Serial, site: s.site, conf: w.conf, world: w.world, ledger: w.ledger, priors: w.priors}
}

// rest ends the run and lets go of the lock, so that others may work on the stack.
func (s *Session) rest() {
	s.tellHeard()
	if s.e == nil {
		return
	}
	e := s.e
	s.e, s.w = nil, nil
	f := state.Finish{Status: state.RunDone}
	if len(e.out.Failures) > 0 {
		f.Status, f.Error = state.RunFailed, e.out.Failures[0].Err.Error()
	}
	// What can't be written now, the next one that opens the stack finds and ends.
	_ = e.lease.Finish(context.Background(), e.run, f)
	_ = e.lease.Release()
	e.finished()
}

// outcome is how a step ended, and whether that was written.
type outcome struct {
	ended
	lost error
}

// commit writes the ends that wait.
func (s *Session) commit() {
	ends := s.e.ends
	s.e.ends = nil
	s.ended(ends, s.e.lease.Commit(context.Background(), s.e.run, endsOf(ends)))
}

func endsOf(ends []ended) []state.End {
	all := make([]state.End, len(ends))
	for i, x := range ends {
		all[i] = x.end
	}
	return all
}

// ended tells those that wait, once the ends are written or could not be.
func (s *Session) ended(ends []ended, err error) {
	if err != nil {
		s.broken = err
	}
	for _, x := range ends {
		if err == nil {
			s.e.tell(x)
			s.learn(x)
			if x.err == nil {
				s.moved = time.Now()
			}
		}
		if c := s.waiting[x.step]; c != nil {
			delete(s.waiting, x.step)
			c <- outcome{x, err}
		}
	}
}

// learn keeps what is known of the stack up to date.
func (s *Session) learn(x ended) {
	w, c := s.w, x.step.change
	switch {
	case x.end.Put != nil:
		record := *x.end.Put
		record.Run = s.e.run
		p := &prior{addr: c.Address, typ: c.Type, record: &record}
		if old := w.priors.at[c.Address]; old != nil && old.record.ID != record.ID && w.placing.hosts != nil {
			w.placing.hosts.Remove(old.record.ID)
		}
		w.priors.at[c.Address] = p
		if c.Address.Owned != "" {
			parent := c.Address.Parent()
			w.priors.owned[parent] = append(slices.DeleteFunc(w.priors.owned[parent], func(o *prior) bool { return o.addr == c.Address }), p)
		}
	case x.end.Remove != nil:
		delete(w.priors.at, c.Address)
		if c.Address.Owned != "" {
			parent := c.Address.Parent()
			w.priors.owned[parent] = slices.DeleteFunc(w.priors.owned[parent], func(o *prior) bool { return o.addr == c.Address })
		} else {
			delete(w.priors.owned, c.Address)
		}
		if w.placing.hosts != nil {
			w.placing.hosts.Remove(c.ID)
		}
	}
	switch {
	case x.end.Keep != nil:
		w.ledger.keep(c.name, &x.end.Keep.Claims)
	case x.end.Release != "", x.end.Put == nil && x.err != nil && c.record == nil:
		w.ledger.keep(c.name, &state.Claims{})
	case x.err != nil: // it holds what it held before, which the database knows
		s.readLedger(w)
	}
}

// standing is the address of an object that a front end keeps. Names of one
// declaration share it: an object may be moved from one to the other.
func (s *Session) standing(t *schema.Type, id string) address.Object {
	return address.Object{Type: s.site.Types.ByGo(t.Go()).Name, Name: s.opt.Front, Key: address.String(id)}
}

// mention keeps in mind that the front end knows of an object.
func (s *Session) mention(p *prior) {
	if p != nil && p.record.Unheard {
		p.record.Unheard = false
		s.heard = append(s.heard, p.record.ID)
	}
}

func (s *Session) tellHeard() {
	if !s.spoken {
		return
	}
	// What is lost of it is said again the next time.
	_ = s.site.Store.Heard(context.Background(), s.opt.Stack, s.heard)
	s.heard, s.spoken = nil, false
}
