package planner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// batch makes several things at once; each call of it is noted.
func (r *room) batch(ctx context.Context, w schema.World, changes []providers.Change) []providers.Result {
	results := make([]providers.Result, len(changes))
	var said []string
	for i, c := range changes {
		if slices.ContainsFunc(c.After, func(j int) bool { return results[j].Err != nil }) {
			results[i].Err = providers.ErrAfter
			continue
		}
		switch {
		case c.Have == nil:
			x, err := r.Create(ctx, w, *c.Want.(*Thing))
			results[i], said = providers.Result{Object: &x, Err: err}, append(said, "+"+c.Want.(*Thing).Name)
		case c.Want == nil:
			results[i], said = providers.Result{Err: r.Delete(ctx, w, *c.Have.(*Thing))}, append(said, "-"+c.Have.(*Thing).Name)
		default:
			x, err := r.Update(ctx, w, *c.Have.(*Thing), *c.Want.(*Thing))
			results[i], said = providers.Result{Object: &x, Err: err}, append(said, "~"+c.Want.(*Thing).Name)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, strings.Join(said, " "))
	return results
}

func newBatchLab(t *testing.T) *lab {
	t.Helper()
	r := newRoom()
	r.together = true
	return openLab(t, t.TempDir(), r)
}

func (l *lab) batches(reason string, want ...string) {
	l.Helper()
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	if !slices.Equal(l.room.batches, want) {
		l.Errorf("%s: batches %q, want %q", reason, l.room.batches, want)
	}
	l.room.batches = nil
}

const chain = `
resource "thing" "a" { name = "a" }
resource "thing" "b" {
  name = "b"
  uses = [thing.a.id]
}
resource "thing" "c" {
  name = "c"
  uses = [thing.b.id]
}
resource "thing" "alone" { name = "alone" }
`

func TestOneBatch(t *testing.T) {
	t.Parallel()
	l := newBatchLab(t)
	l.mustApply(chain)
	l.batches("what waits for nothing but the batch goes with it", "+a +alone +b +c")
	if _, err := l.apply(chain, planner.Options{Destroy: true}); err != nil {
		t.Fatal(err)
	}
	l.batches("the last made goes first", "-alone -c -b -a")
}

func TestUnknownValuesWait(t *testing.T) {
	t.Parallel()
	l := newBatchLab(t)
	l.mustApply(`
resource "thing" "a" { name = "a" }
resource "thing" "b" {
  name = "b"
  uses = [thing.a.token]
}
`)
	l.batches("what a thing will be called is known when it is made", "+a", "+b")
}

// A failure of the batch stops what depends on it, blames nobody else, and lets the
// rest be.
func TestFailureInABatch(t *testing.T) {
	t.Parallel()
	l := newBatchLab(t)
	l.room.fail = func(call string) error {
		if call == "create b" || call == "create c" {
			return errors.New("no " + call)
		}
		return nil
	}
	out, err := l.apply(chain, planner.Options{})
	if err == nil || len(out.Failures) != 1 || out.Failures[0].Change.Address.String() != "thing.b" || out.Skipped != 1 || out.Created != 2 {
		t.Errorf("%+v %v", out, failures(out))
	}
	l.room.fail = nil
	l.mustApply(chain)
	if p := l.plan(chain, planner.Options{}); !p.Empty() {
		t.Errorf("left to do: %v", said(p))
	}
}

// A thing that could not be deleted keeps what it hangs on, and is there still.
func TestDeleteFailsInABatch(t *testing.T) {
	t.Parallel()
	l := newBatchLab(t)
	l.mustApply(chain)
	l.room.fail = func(call string) error {
		if call == "delete b" || call == "delete a" && l.room.has("b") {
			return providers.ErrInUse
		}
		return nil
	}
	out, err := l.apply(chain, planner.Options{Destroy: true})
	if err == nil || out.Deleted != 2 || out.Skipped != 1 {
		t.Errorf("%+v %v", out, err)
	}
	if got := l.addresses(); !slices.Equal(got, []string{"thing.a", "thing.b"}) {
		t.Errorf("left: %v", got)
	}
	l.room.fail = nil
	if _, err := l.apply(chain, planner.Options{Destroy: true}); err != nil {
		t.Error(err)
	}
}

// What was done and not yet taken up is recorded as done, and told as a failure.
func TestUnrealised(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		r := newRoom()
		r.together = together
		l := openLab(t, t.TempDir(), r)
		late := func(string) error { return fmt.Errorf("nobody looks: %w", providers.ErrUnrealised) }
		l.room.late = late
		config := `resource "thing" "a" { name = "a" }`
		if out, err := l.apply(config, planner.Options{}); !errors.Is(err, providers.ErrUnrealised) || len(out.Failures) != 1 {
			t.Errorf("create: %v", err)
		}
		l.room.late = nil
		if p := l.plan(config, planner.Options{}); !p.Empty() {
			t.Errorf("what stands is made again: %v", said(p))
		}
		l.room.late = late
		config = `resource "thing" "a" {
			name = "a"
			mode = "m"
		}`
		if _, err := l.apply(config, planner.Options{}); !errors.Is(err, providers.ErrUnrealised) {
			t.Errorf("update: %v", err)
		}
		if p := l.plan(config, planner.Options{}); !p.Empty() || len(p.Drift) > 0 {
			t.Errorf("what was changed is changed again: %v %v", said(p), p.Drift)
		}
		if _, err := l.apply(config, planner.Options{Destroy: true}); !errors.Is(err, providers.ErrUnrealised) {
			t.Errorf("delete: %v", err)
		}
		if got := l.addresses(); len(got) > 0 {
			t.Errorf("what is gone is recorded: %v", got)
		}
	}
}

// has reports whether a thing of the name is there; the lock is held.
func (r *room) has(name string) bool {
	for _, x := range r.things {
		if x.Name == name {
			return true
		}
	}
	return false
}
