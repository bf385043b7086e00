package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// A clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// stranger is on another machine: whether he lives, nobody can tell.
func stranger() state.Holder {
	return state.Holder{Who: "bob@far", Host: "far", Boot: "x", PID: 1, Command: "apply"}
}

func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now().Round(0)}
	s := fresh(t, sqlite.Clock(c.Now), sqlite.Lease(time.Hour))
	first, err := s.Lock(ctx, "erp", stranger(), 0)
	must(t, err)
	defer first.Release()
	for _, x := range []struct {
		reason string
		passed time.Duration
		d      time.Duration
		good   bool
	}{
		{"it has just been taken", 0, 59 * time.Minute, true},
		{"it can't outlast its own length", 0, time.Hour, false},
		{"ten minutes are gone", 10 * time.Minute, 49 * time.Minute, true},
		{"they count", 0, 51 * time.Minute, false},
		{"it is over", 50 * time.Minute, 0, false},
	} {
		c.add(x.passed)
		if got := first.Good(x.d); got != x.good {
			t.Errorf("%s: Good(%v) is %t", x.reason, x.d, got)
		}
	}
	// Over, and nobody else wants it: what it says is still so.
	must(t, first.Edit(ctx, "edit", nil))
	second := lock(t, s, "erp")
	if second.Fence() != first.Fence()+1 {
		t.Errorf("fences %d and %d", first.Fence(), second.Fence())
	}
	if err := first.Edit(ctx, "edit", nil); !errors.Is(err, state.ErrFenced) {
		t.Errorf("taken over: %v", err)
	}
	must(t, first.Release())
	if snap := snapshot(t, s, "erp"); snap.Lock == nil || snap.Lock.Fence != second.Fence() {
		t.Error("a release gave somebody else's lock back")
	}
	must(t, second.Release())
	must(t, second.Release())
	if third := lock(t, s, "erp"); third.Fence() != second.Fence()+1 {
		t.Errorf("fence %d after %d: a number is never used again", third.Fence(), second.Fence())
	}
}

func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	s := fresh(t, sqlite.Lease(300*time.Millisecond))
	l, err := s.Lock(ctx, "erp", stranger(), 0)
	must(t, err)
	defer l.Release()
	for range 8 {
		time.Sleep(100 * time.Millisecond)
		if !l.Good(0) {
			t.Fatal("it ran out")
		}
	}
}

func TestLeaseIsBroken(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now()} // it stands, so that the lease never runs out
	s := fresh(t, sqlite.Lease(90*time.Millisecond), sqlite.Clock(c.Now))
	l, err := s.Lock(ctx, "erp", stranger(), 0)
	must(t, err)
	defer l.Release()
	must(t, s.ForceUnlock(ctx, "erp", l.Fence()))
	for deadline := time.Now().Add(5 * time.Second); l.Good(0); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it doesn't notice")
		}
	}
}

func TestLockWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	s, other := open(t, path), open(t, path)
	l := lock(t, s, "erp")
	start := time.Now()
	var locked *state.LockedError
	if _, err := other.Lock(ctx, "erp", state.Me("test"), 100*time.Millisecond); !errors.As(err, &locked) || locked.Stack != "erp" {
		t.Errorf("got %v", err)
	}
	if waited := time.Since(start); waited < 100*time.Millisecond || waited > 5*time.Second {
		t.Errorf("waited for %v", waited)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = l.Release() })
	next, err := other.Lock(ctx, "erp", state.Me("test"), 10*time.Second)
	must(t, err)
	must(t, next.Release())
}

// Of many that ask at one moment one gets the lock.
func TestLockHasOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	var stores []state.Store
	for range 4 {
		stores = append(stores, open(t, path))
	}
	for i := range 20 {
		stack := fmt.Sprint("stack", i)
		start, got := make(chan struct{}), make(chan state.Lease)
		for _, s := range stores {
			go func() {
				<-start
				l, err := s.Lock(ctx, stack, state.Me("test"), 0)
				if err != nil && !errors.Is(err, state.ErrLocked) {
					t.Error(err)
				}
				got <- l
			}()
		}
		close(start)
		holders := 0
		for range stores {
			if l := <-got; l != nil {
				holders++
				defer l.Release()
			}
		}
		if holders != 1 {
			t.Fatalf("%s has %d holders", stack, holders)
		}
	}
}
