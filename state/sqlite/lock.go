package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cairncloud/cairn/state"
)

// lease is the lock of one stack, while it is held.
type lease struct {
	store *store
	name  string
	stack int64
	fence int64
	who   state.Holder

	mu      sync.Mutex
	renewed time.Time // before the last renewal was asked for
	lost    bool

	stop     context.CancelFunc
	stopped  chan struct{}
	released sync.Once
}

func (s *store) Lock(ctx context.Context, stack string, who state.Holder, wait time.Duration) (state.Lease, error) {
	until := time.Now().Add(wait)
	var held error // by whom, when it was looked at last
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		l, err := s.tryLock(ctx, stack, who)
		switch left := time.Until(until); {
		case err == nil:
			return l, nil
		case held != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("wait for the lock: %w: %w", ctx.Err(), held)
		case !errors.Is(err, state.ErrLocked) || left <= 0:
			return nil, in(err, "lock")
		default:
			held = err
			// Not all that wait ask at the same moment.
			select {
			case <-ctx.Done():
			case <-time.After(min(pause/2+rand.N(pause), left)):
			}
		}
	}
}

// held answers a LockedError while somebody else has the lock.
func (s *store) held(c *conn, stack string, who state.Holder) error {
	r, err := c.one(`SELECT `+qualify("l", lockColumns)+`, l.born FROM locks l JOIN stacks s ON s.id = l.stack WHERE s.name = ?`, stack)
	if err != nil || r == nil {
		return err
	}
	l := lockOf(r, 0)
	if !l.Expires.After(s.now()) {
		return nil
	}
	// A process id means nothing on another machine, after another boot.
	if l.Boot != "" && l.Boot == who.Boot && l.Host == who.Host && dead(l.PID, r.int(9)) {
		return nil
	}
	return &state.LockedError{Stack: stack, Lock: l}
}

// lockable answers why a stack can't be locked now. That it is another front
// end's comes first: to wait for its holder would not help.
func (s *store) lockable(c *conn, stack string, who state.Holder) error {
	if err := s.kept(c, stack, who.Front, false); err != nil {
		return err
	}
	return s.held(c, stack, who)
}

func (s *store) tryLock(ctx context.Context, stack string, who state.Holder) (*lease, error) {
	// Look first: who waits takes no writer's turn.
	if err := s.read(ctx, func(c *conn) error { return s.lockable(c, stack, who) }); err != nil {
		return nil, err
	}
	l := &lease{store: s, name: stack, who: who}
	err := s.write(ctx, func(c *conn) error {
		if err := s.lockable(c, stack, who); err != nil {
			return err
		}
		if _, err := c.exec(`INSERT INTO stacks (name, fence, front) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET fence = fence + 1, front = excluded.front`, stack, who.Front); err != nil {
			return err
		}
		r, err := c.one(`SELECT id, fence FROM stacks WHERE name = ?`, stack)
		if err != nil {
			return err
		}
		l.stack, l.fence, l.renewed = r.int(0), r.int(1), s.now()
		_, err = c.exec(`INSERT OR REPLACE INTO locks (stack, fence, who, host, boot, pid, born, command, taken, expires, front) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			l.stack, l.fence, who.Who, who.Host, who.Boot, who.PID, born(who.PID), who.Command, l.renewed, l.renewed.Add(s.lease), who.Front)
		return err
	})
	if err != nil {
		return nil, err
	}
	var renewing context.Context
	renewing, l.stop = context.WithCancel(context.Background())
	l.stopped = make(chan struct{})
	go l.keep(renewing)
	return l, nil
}

// keep renews the lease each third of its length, until it is released or lost.
func (l *lease) keep(ctx context.Context) {
	defer close(l.stopped)
	third := l.store.lease / 3
	next := third
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
		switch err := l.renew(ctx, third); {
		case err == nil:
			next = third
		case errors.Is(err, state.ErrFenced):
			l.mu.Lock()
			l.lost = true
			l.mu.Unlock()
			return
		default: // busy, or no room: Good tells how it stands meanwhile
			next = third / 8
		}
	}
}

func (l *lease) renew(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var asked time.Time
	err := l.store.write(ctx, func(c *conn) error {
		asked = l.store.now()
		n, err := c.exec(`UPDATE locks SET expires = ? WHERE stack = ? AND fence = ?`, asked.Add(l.store.lease), l.stack, l.fence)
		if err == nil && n == 0 {
			err = state.ErrFenced
		}
		return err
	})
	if err == nil {
		l.mu.Lock()
		l.renewed = asked
		l.mu.Unlock()
	}
	return err
}

func (l *lease) Fence() int64 { return l.fence }

// Good goes by the clock that has counted more: the monotonic one stands still
// while a machine sleeps, the other may be set back.
func (l *lease) Good(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.store.now()
	passed := max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
	return !l.lost && passed+d < l.store.lease
}

// Release gives the lock back, if it is still this lease's. A second is none.
func (l *lease) Release() error {
	var err error
	l.released.Do(func() {
		l.stop()
		<-l.stopped
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
		err = l.store.write(context.Background(), func(c *conn) error {
			_, err := c.exec(`DELETE FROM locks WHERE stack = ? AND fence = ?`, l.stack, l.fence)
			return err
		})
	})
	return in(err, "release the lock of stack %s", l.name)
}

func (s *store) ForceUnlock(ctx context.Context, stack string, fence int64) error {
	err := s.write(ctx, func(c *conn) error {
		id, err := stackID(c, stack)
		if err != nil {
			return err
		}
		have, err := lockAt(c, id)
		if err != nil {
			return err
		}
		if have == nil {
			return errors.New("it is not locked")
		}
		if have.Fence != fence {
			return fmt.Errorf("its lock has the number %d now: %w", have.Fence, &state.LockedError{Stack: stack, Lock: *have})
		}
		_, err = c.exec(`DELETE FROM locks WHERE stack = ?`, id)
		return err
	})
	return in(err, "unlock stack %s", stack)
}
