package planner

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// busyPause is how long a watcher lets a run that is under way go on before it
// looks again.
const busyPause = time.Second

// Watch tells of drift as it happens, and of objects that are as recorded again
// (a Drift whose After and Before are the same), until the context ends. What a
// run of the stack itself changes is no drift: objects are looked at when it has
// ended. errors.ErrUnsupported: no system of the cloud can be watched.
func Watch(ctx context.Context, site *Site, stack *lang.Stack, tell func(Drift)) error {
	w := &watch{site: site, stack: stack.Name, waiting: map[string]bool{}, wake: make(chan struct{}, 1), broken: map[string]bool{}}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var looking sync.WaitGroup
	looking.Go(func() {
		if err := w.run(ctx, tell); err != nil {
			cancel(err)
		}
	})
	err := site.Systems.Watch(ctx, w.changed)
	cancel(nil)
	looking.Wait()
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// watch is one stack under watch. Systems put ids in; one goroutine looks.
type watch struct {
	site  *Site
	stack string
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[string]bool // ids of objects to look at

	broken map[string]bool // ids of objects that are not as recorded
}

func (w *watch) changed(ids []string) {
	w.mu.Lock()
	for _, id := range ids {
		w.waiting[id] = true
	}
	w.mu.Unlock()
	w.rouse()
}

func (w *watch) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) run(ctx context.Context, tell func(Drift)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		snap, err := w.site.Store.Snapshot(ctx, w.stack)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if snap.Open != nil && snap.Lock != nil { // somebody is at work: what he does is no drift
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(busyPause):
			}
			w.rouse()
			continue
		}
		w.mu.Lock()
		ids := w.waiting
		w.waiting = map[string]bool{}
		w.mu.Unlock()
		at := &walk{ctx: ctx, site: w.site, conf: &lang.Stack{Name: w.stack}, snap: snap}
		priors, diags := readPriors(snap.Records, w.site.Types, nil, at.open)
		if diags.HasErrors() {
			return diags
		}
		at.priors, at.world = priors, newWorld(ctx, w.site, w.stack)
		at.world.others = at.others
		for _, p := range priors.sorted {
			at.world.put(p.addr.String(), p.typ, p.record.ID, func() (cty.Value, error) { return priors.value(p) })
		}
		var some []*prior
		for _, p := range priors.sorted {
			if ids[p.record.ID] {
				some = append(some, p)
			}
		}
		reads, done := at.reads(some)
		for _, p := range some {
			w.look(at, p, reads(p.typ), tell)
		}
		done()
	}
}

// fewObjects is how many objects of a type are read by a call each rather than all of
// the type at once.
const fewObjects = 4

// reads answers with how objects of each type are read: by one look, where they are
// many, until done.
func (w *walk) reads(some []*prior) (of func(*schema.Type) func(any) (any, error), done func()) {
	counts := map[*schema.Type]int{}
	var many []*schema.Type
	for _, p := range some {
		if counts[p.typ]++; counts[p.typ] == fewObjects+1 {
			many = append(many, p.typ)
		}
	}
	done, _ = w.oneLook(many) // a system that can't be looked at says so when it is read
	all := map[*schema.Type]func(any) (any, error){}
	for _, t := range many {
		if h := w.site.Systems.For(t.Name); h != nil && h.CanReadAll() {
			if read, err := h.ReadAll(w.ctx, w.world); err == nil {
				all[t] = read
			}
		}
	}
	return func(t *schema.Type) func(any) (any, error) {
		if read := all[t]; read != nil {
			return read
		}
		h := w.site.Systems.For(t.Name)
		if h == nil || h.Kept() {
			return nil
		}
		return func(o any) (any, error) { return h.Read(w.ctx, w.world, o) }
	}, done
}

// look reads one object and tells when it has become another.
func (w *watch) look(at *walk, p *prior, read func(any) (any, error), tell func(Drift)) {
	before, err := at.priors.recorded(p)
	if read == nil || err != nil {
		return
	}
	object, err := p.typ.ToGo(before)
	if err != nil {
		return
	}
	object, err = read(object)
	d := Drift{Address: p.addr, Type: p.typ, Before: before}
	var differs *providers.DiffersError
	switch {
	case errors.Is(err, providers.ErrNotFound):
	case errors.As(err, &differs):
		d.After, d.Differs = p.typ.FromGo(object, before), differs.Differences
	case err != nil: // not known: the next change tells
		return
	default:
		d.After = p.typ.FromGo(object, before)
		if bytes.Equal(p.record.Seen, hashOf(w.site, p.typ, p.typ.Stable(d.After))) {
			if w.broken[p.record.ID] {
				delete(w.broken, p.record.ID)
				d.After = before
				tell(d)
			}
			return
		}
	}
	w.broken[p.record.ID] = true
	tell(d)
}

// Mended reports that a drift is over: the object is as recorded.
func (d Drift) Mended() bool {
	return d.After != cty.NilVal && len(d.Differs) == 0 && d.Before.RawEquals(d.After)
}
