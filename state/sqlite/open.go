// Package sqlite keeps the state of a cloud in one SQLite database. It is for
// processes of one machine: network file systems are refused.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	codes "modernc.org/sqlite/lib"

	"github.com/cairncloud/cairn/state"
)

// readers is how many reads run at a time.
const readers = 4

type store struct {
	path     string
	cloud    string
	readOnly bool
	// immutable: nobody can write here, and SQLite must not look for a log.
	immutable bool
	making    bool // the database is being made, and may be empty

	existing bool
	lease    time.Duration
	now      func() time.Time
	patience time.Duration

	// A connection, or nil where one is to be opened; taken out while in use.
	writer, readers chan *conn
	closed          chan struct{}
	once            sync.Once
}

// An Option changes what Open does.
type Option func(*store)

// Existing makes Open answer state.ErrNoStore where there is no database,
// instead of making one.
func Existing() Option { return func(s *store) { s.existing = true } }

// Lease sets how long a lock outlasts its last renewal: 15 s unless given.
func Lease(d time.Duration) Option { return func(s *store) { s.lease = d } }

// Clock sets where the time comes from.
func Clock(now func() time.Time) Option { return func(s *store) { s.now = now } }

// Patience sets how long a write waits for another process's: 10 s unless given.
func Patience(d time.Duration) Option { return func(s *store) { s.patience = d } }

// Open opens the database of a cloud, and makes it, with its folder, where
// there is none. A database that can't be written is opened for reading, and
// its writes answer state.ErrReadOnly. Close it when no lease is in use.
func Open(ctx context.Context, path string, options ...Option) (state.Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s := &store{path: path, lease: 15 * time.Second, now: time.Now, patience: 10 * time.Second, closed: make(chan struct{})}
	for _, o := range options {
		o(s)
	}
	if name := networkFS(path); name != "" {
		return nil, fmt.Errorf("the database %s is on a network file system (%s), where SQLite's locks are not reliable; keep it on a local disk", path, name)
	}
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	s.readOnly = !writable(path)
	s.writer, s.readers = make(chan *conn, 1), make(chan *conn, readers)
	s.writer <- nil
	for range readers {
		s.readers <- nil
	}
	if err := s.begin(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// begin brings an existing database up to date and reads whose it is.
func (s *store) begin(ctx context.Context) error {
	if s.readOnly {
		if err := s.probe(ctx); err != nil {
			return err
		}
	} else {
		c, err := connect(ctx, s.dsn(false))
		if err != nil {
			return s.say(err)
		}
		<-s.writer
		s.writer <- c
		// Look before anything is written: the file may be somebody else's.
		version, err := s.version(c)
		if err == nil && version < len(migrations) {
			err = s.migrate(ctx, c)
		}
		if err == nil {
			// A database is made in this mode; a restored one may not be.
			_, err = c.one(`PRAGMA journal_mode = WAL`)
		}
		if err != nil {
			return s.say(err)
		}
	}
	return s.read(ctx, func(c *conn) error {
		version, err := s.version(c)
		if err != nil {
			return err
		}
		if version < len(migrations) {
			return fmt.Errorf("%w: %s is of version %d, and must be brought to %d by a cairn that may write it", state.ErrReadOnly, s.path, version, len(migrations))
		}
		r, err := c.one(`SELECT value FROM meta WHERE key = 'cloud'`)
		if err == nil && r == nil {
			err = fmt.Errorf("the database %s has no cloud id; restore it from a backup", s.path)
		}
		if err == nil {
			s.cloud = r.text(0)
		}
		return err
	})
}

// probe finds out how a read-only database can be read. Beside a file in a
// read-only folder SQLite can't make its index of the log; without a log it
// needs none.
func (s *store) probe(ctx context.Context) error {
	look := func(c *conn) error { _, err := c.one(`SELECT count(*) FROM sqlite_schema`); return err }
	err := s.read(ctx, look)
	if err == nil {
		return nil
	}
	if log, e := os.Stat(s.path + "-wal"); e == nil && log.Size() > 0 {
		if code(err) == codes.SQLITE_CANTOPEN || code(err) == codes.SQLITE_READONLY {
			return fmt.Errorf("%w: %s has changes in its -wal file that can be read only with write access to its folder: %w", state.ErrReadOnly, s.path, err)
		}
		return err
	}
	s.immutable = true
	for range readers { // those opened so far are of the other kind
		if c := <-s.readers; c != nil {
			_ = c.close()
		}
		s.readers <- nil
	}
	return s.read(ctx, look)
}

func (s *store) dsn(read bool) string { return dsn(s.path, read, s.readOnly, s.immutable) }

func dsn(path string, read, readOnly, immutable bool) string {
	// Waiting is done in begin, a little at a time.
	q := url.Values{"_pragma": {"busy_timeout(50)", "foreign_keys(1)", "synchronous(2)", "cache_size(-32768)", "temp_store(2)", "journal_size_limit(67108864)"}}
	if read {
		q.Add("_pragma", "query_only(1)")
	}
	if readOnly {
		q.Set("mode", "ro")
	} else {
		q.Set("mode", "rw")
	}
	if immutable {
		q.Set("immutable", "1")
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return u.String()
}

// ensure makes the database where there is none. It is made under another name
// and linked to its own when it is whole, so that a file of no length is never
// taken for a new database: it is one that was cut off.
func (s *store) ensure(ctx context.Context) error {
	switch info, err := os.Stat(s.path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder; name a file in it for the database", s.path)
	case err == nil && info.Size() == 0:
		return fmt.Errorf("the database %s is empty: it was cut off, or made by another program; restore it from a backup, or delete it to start anew", s.path)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open the database: %w", err)
	case s.existing:
		return fmt.Errorf("%w: %s", state.ErrNoStore, s.path)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("make the database's folder: %w", err)
	}
	if err := s.make(ctx); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (s *store) make(ctx context.Context) (err error) {
	file, err := os.CreateTemp(filepath.Dir(s.path), "."+filepath.Base(s.path)+"-new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	name := file.Name()
	defer func() {
		for _, end := range []string{"", "-journal", "-wal", "-shm"} {
			_ = os.Remove(name + end)
		}
	}()
	if err := file.Close(); err != nil {
		return err
	}
	c, err := connect(ctx, dsn(name, false, false, false))
	if err != nil {
		return s.say(err)
	}
	s.making = true
	if err = s.migrate(ctx, c); err == nil {
		_, err = c.one(`PRAGMA journal_mode = WAL`)
	}
	s.making = false
	if e := c.close(); err == nil {
		err = e
	}
	if err != nil {
		return s.say(err)
	}
	// The log of a database that was deleted must not be read into a new one.
	if _, err := os.Lstat(s.path + "-wal"); err == nil {
		if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s-wal is there and %s is not: restore the database, or delete the -wal file to start anew", s.path, s.path)
		}
		return fs.ErrExist
	}
	if err := os.Link(name, s.path); err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links.
		if err := os.Rename(name, s.path); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
	}
	return syncDir(filepath.Dir(s.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // not every file system can
	return d.Close()
}

func writable(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	// SQLite makes its log beside the file.
	return unwritable(filepath.Dir(path)) == nil
}

func (s *store) CloudID() string { return s.cloud }

// Close waits for what is being read or written, then closes the database.
func (s *store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		// The writer last: it folds the log into the file.
		for range readers {
			if c := <-s.readers; c != nil {
				err = errors.Join(err, c.close())
			}
		}
		if c := <-s.writer; c != nil {
			err = errors.Join(err, c.close())
		}
	})
	return err
}
