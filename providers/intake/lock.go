package intake

import (
	"context"
	"errors"
	"os"
	"time"
)

// A lock is held by one who makes a file, or shared by those who read it. It is a
// file itself, and goes with the process.
type lock struct {
	path string
	f    *os.File
}

// hold waits for a lock: shared, when what it is about is there, else alone.
func hold(ctx context.Context, path string, there func() bool) (*lock, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		l, err := open(path)
		if err != nil {
			return nil, err
		}
		var got bool
		if there() {
			got, err = flock(l.f, false)
		} else {
			got, err = flock(l.f, true)
		}
		// Whoever had it before may have removed the lock, or the file that was there:
		// then somebody else holds the next one.
		if err == nil && got && l.current() && (there() || l.mine()) {
			return l, nil
		}
		if err = errors.Join(err, l.release()); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func open(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return &lock{path, f}, err
}

// try takes a lock alone if that takes no waiting; else it is nil.
func try(path string) *lock {
	l, err := open(path)
	if err != nil {
		return nil
	}
	if got, err := flock(l.f, true); err != nil || !got || !l.current() {
		_ = l.release()
		return nil
	}
	return l
}

// mine makes sure that nobody shares the lock.
func (l *lock) mine() bool {
	got, err := flock(l.f, true)
	return err == nil && got && l.current()
}

// current reports whether the lock is the one that others find.
func (l *lock) current() bool {
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(l.path)
	return err == nil && os.SameFile(mine, found)
}

// share lets others read. It may fail to: then somebody else took the lock alone.
func (l *lock) share() (bool, error) {
	got, err := flock(l.f, false)
	return got && l.current(), err
}

// alone reports whether nobody else shares the lock, and keeps others away then.
func (l *lock) alone() (bool, error) {
	got, err := flock(l.f, true)
	return got && l.current(), err
}

func (l *lock) remove() error { return remove(l.path) }

func (l *lock) release() error {
	unflock(l.f)
	return l.f.Close()
}
