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
		for _, p := range priors.sorted {
			if ids[p.record.ID] {
				w.look(ctx, at, p, tell)
			}
		}
	}
}

// look reads one object and tells when it has become another.
func (w *watch) look(ctx context.Context, at *walk, p *prior, tell func(Drift)) {
	h := w.site.Systems.For(p.typ.Name)
	before, err := at.priors.recorded(p)
	if h == nil || h.Kept() || err != nil {
		return
	}
	object, err := p.typ.ToGo(before)
	if err != nil {
		return
	}
	object, err = h.Read(ctx, at.world, object)
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
