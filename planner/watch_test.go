package planner_test

import (
	"context"
	"testing"
	"time"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
)

// A watcher tells of each change once, and when it is over; what a run does is
// none of its business.
func TestWatch(t *testing.T) {
	t.Parallel()
	r := newRoom()
	l := openLab(t, t.TempDir(), r)
	changed := make(chan []string, 10)
	l.site.Systems = providers.Link(providers.System{Name: "room", Handles: map[string]providers.Handle{
		"thing": providers.For[Thing](r), "note": providers.For(providers.Kept[note]{})},
		Watch: func(ctx context.Context, tell func([]string)) error {
			for {
				select {
				case ids := <-changed:
					tell(ids)
				case <-ctx.Done():
					return nil
				}
			}
		}})
	config := `resource "thing" "a" { name = "a" }`
	l.mustApply(config)
	var id string
	for id = range r.things {
	}
	alter := func(name string) {
		r.mu.Lock()
		x := r.things[id]
		x.Name = name
		r.things[id] = x
		r.mu.Unlock()
		changed <- []string{id, "somebody else's"}
	}
	told, ended := make(chan planner.Drift, 10), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	stack := l.load(config)
	go func() { ended <- planner.Watch(ctx, l.site, stack, func(d planner.Drift) { told <- d }) }()
	next := func(reason string) planner.Drift {
		t.Helper()
		select {
		case d := <-told:
			return d
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nobody told", reason)
			return planner.Drift{}
		}
	}
	alter("b")
	if d := next("a change"); d.Mended() || d.Address.String() != "thing.a" || d.After.GetAttr("name").AsString() != "b" {
		t.Errorf("got %+v", d)
	}
	alter("a")
	if d := next("its end"); !d.Mended() {
		t.Errorf("got %+v", d)
	}
	lease := l.lock()
	p := l.plan(`resource "thing" "a" { name = "c" }`, planner.Options{})
	if _, err := p.Apply(t.Context(), lease, planner.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	changed <- []string{id}
	alter("c")
	alter("d")
	if d := next("a change after a run"); d.Mended() || d.Before.GetAttr("name").AsString() != "c" {
		t.Errorf("the run itself was told: %+v", d)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
