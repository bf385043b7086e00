// Package embedded is a cloud without machines: it keeps what a real one would
// hold, refuses what a real one would refuse, and survives being killed. Its
// network is the rows that the real OVN would have, under OVN's own schema.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Cloud is an embedded cloud. Its methods may be called at the same time, by
// other processes too.
type Cloud struct {
	// Fail is asked before each call has its effect, with the call and the id, such
	// as "create port 5f0c...", and once more when it had it, with "created port
	// 5f0c..." (updated, deleted). An error breaks the call off there. Set it before
	// the first call.
	Fail func(op string) error
	// Latency is how long each call takes at least.
	Latency time.Duration

	dir    string
	cloud  *cloud.Cloud
	types  *schema.Types
	tables map[reflect.Type]holder

	mu sync.Mutex // guards db; held by each call that writes
	db *database
}

// ErrRefused is what a real system would answer with no.
var ErrRefused = errors.New("refused")

// refused says why a call was.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// used says that a refusal to delete is for now.
func used(err error) error {
	if err == nil {
		return nil
	}
	return useError{err}
}

// useError is a refusal that ends when what uses the object has gone.
type useError struct{ error }

func (useError) Is(target error) bool { return target == providers.ErrInUse }

func (e useError) Unwrap() error { return e.error }

// Open answers with the embedded cloud that lives in a folder. Nothing is read
// or made before the first call needs it.
func Open(_ context.Context, dir string, c *cloud.Cloud) (*Cloud, error) {
	e := &Cloud{dir: dir, cloud: c, types: resources.All(), tables: map[reflect.Type]holder{}}
	if len(c.OVN) == 0 { // else its network is real
		e.network()
	}
	if !c.Real() { // else machines and disks are
		e.storage()
	}
	return e, nil
}

// models reports whether objects of a type are this cloud's; else another system
// holds them.
func (c *Cloud) models(t reflect.Type) bool { return c.tables[t] != nil }

// A holder is a table without its type.
type holder interface {
	name() string
	handle() providers.Handle
	rules
}

// System is the cloud as something to link.
func (c *Cloud) System() providers.System {
	handles := map[string]providers.Handle{}
	for t := range maps.Values(c.tables) {
		handles[t.name()] = t.handle()
	}
	return providers.System{Name: "embedded", Handles: handles, Close: c.Close, Purge: c.Purge}
}

// Purge removes the cloud's files when nothing is in it. With anything left it is
// an error that says how much.
func (c *Cloud) Purge(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.dir, file)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	var left int
	if err := db.sql.QueryRowContext(ctx, "SELECT count(*) FROM objects").Scan(&left); err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%d objects are left in the embedded cloud", left)
	}
	if err := c.Close(); err != nil {
		return err
	}
	for _, name := range []string{file, file + "-wal", file + "-shm", "images", "volumes", "disks"} {
		if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of the database.
func (c *Cloud) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.db == nil {
		return nil
	}
	db := c.db
	c.db = nil
	return db.close()
}

// open opens the database when it isn't yet.
func (c *Cloud) open(ctx context.Context) (*database, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.db != nil {
		return c.db, nil
	}
	db, err := openDatabase(ctx, c.dir)
	if err != nil {
		return nil, err
	}
	c.db = db
	return db, nil
}

// begin waits as long as a call takes, and asks whether it shall fail.
func (c *Cloud) begin(ctx context.Context, op string) error {
	if c.Latency > 0 {
		timer := time.NewTimer(c.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.fail(op)
}

func (c *Cloud) fail(op string) error {
	if c.Fail == nil {
		return nil
	}
	return c.Fail(op)
}

// write runs f in one transaction.
func (c *Cloud) write(ctx context.Context, f func(*tx) error) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	db.writing.Lock()
	defer db.writing.Unlock()
	raw, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("embedded cloud: %w", err)
	}
	t := &tx{ctx: ctx, cloud: c, db: db, raw: raw, cache: map[string]any{}, fresh: map[string]bool{}}
	if err := f(t); err != nil {
		return errors.Join(err, raw.Rollback())
	}
	if err := t.err; err != nil {
		return errors.Join(err, raw.Rollback())
	}
	if err := raw.Commit(); err != nil {
		return fmt.Errorf("embedded cloud: %w", err)
	}
	return nil
}
