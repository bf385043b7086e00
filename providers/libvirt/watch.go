package libvirt

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

const (
	// settle is how long a watcher gathers events before it tells of them.
	settle = 100 * time.Millisecond
	// pulse is how often a host that is watched is asked whether it is there, and how
	// long one that is not is left alone.
	pulse = 10 * time.Second
)

// Watch tells which domains somebody has defined, started, stopped, moved or removed,
// as it happens: first all that are there, and again all of a host after its connection
// was lost, since nobody knows what happened meanwhile.
func (d *Driver) Watch(ctx context.Context, changed func(ids []string)) error {
	w := &watcher{changed: changed, some: make(chan struct{}, 1), ids: map[string]bool{}}
	var wait sync.WaitGroup
	for _, h := range d.hosts {
		wait.Go(func() { w.host(ctx, h) })
	}
	wait.Go(func() { w.tell(ctx) })
	wait.Wait()
	return nil
}

// A watcher gathers what the hosts tell.
type watcher struct {
	changed func([]string)
	some    chan struct{}

	mu  sync.Mutex
	ids map[string]bool // not told yet
}

func (w *watcher) note(ids ...string) {
	if len(ids) == 0 {
		return
	}
	w.mu.Lock()
	for _, id := range ids {
		w.ids[id] = true
	}
	w.mu.Unlock()
	select {
	case w.some <- struct{}{}:
	default:
	}
}

func (w *watcher) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.some:
		}
		if !pause(ctx, settle) {
			return
		}
		w.mu.Lock()
		ids := slices.Sorted(maps.Keys(w.ids))
		clear(w.ids)
		w.mu.Unlock()
		if len(ids) > 0 {
			w.changed(ids)
		}
	}
}

// pause waits; false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// host watches one host, again and again when it was lost.
func (w *watcher) host(ctx context.Context, h *host) {
	known := map[string]bool{}
	for {
		if l, err := h.connect(ctx); err == nil {
			w.listen(ctx, h, l, known)
			_ = l.conn.Close()
		}
		if !pause(ctx, pulse) {
			return
		}
	}
}

// listen takes a host's events until it is lost. The domains that are known are those
// that it was heard to have.
func (w *watcher) listen(ctx context.Context, h *host, l *link, known map[string]bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := l.LifecycleEvents(ctx)
	if err != nil {
		return
	}
	all, err := h.domains(ctx)
	if err != nil {
		return
	}
	for id := range all {
		known[id] = true
	}
	w.note(slices.Collect(maps.Keys(known))...)
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			id := text(e.Dom.UUID)
			known[id] = true
			w.note(id)
		case <-l.Disconnected():
			return
		case <-beat.C: // it may be partitioned, and silent for that
			if err := h.do(ctx, func(c *golibvirt.Libvirt) error {
				_, err := c.ConnectGetLibVersion()
				return err
			}); err != nil {
				return
			}
		}
	}
}
