package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	engine "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/cairncloud/cairn/state"
)

var (
	errReadOnly = errors.New("read-only")
	errClosed   = errors.New("the database is closed")
)

// code is SQLite's primary result code; 0 for an error that is not SQLite's.
func code(err error) int {
	var e *engine.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

func busy(err error) bool {
	return code(err) == codes.SQLITE_BUSY || code(err) == codes.SQLITE_LOCKED
}

// say names the file and the remedy where SQLite speaks in codes. Errors that
// are not SQLite's pass as they are.
func (s *store) say(err error) error {
	if errors.Is(err, errReadOnly) {
		return fmt.Errorf("%w: %s (it or its folder can't be written by this user)", state.ErrReadOnly, s.path)
	}
	switch code(err) {
	case 0:
		return err
	case codes.SQLITE_READONLY:
		return fmt.Errorf("%w: %s: %w", state.ErrReadOnly, s.path, err)
	case codes.SQLITE_FULL:
		return fmt.Errorf("no room left on the disk of %s; nothing of this was written; make room and run the command again: %w", s.path, err)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("the database %s is damaged; restore it from a backup, with its -wal file if there is one: %w", s.path, err)
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%s is not a SQLite database, or its beginning is damaged; restore it from a backup, or name another file: %w", s.path, err)
	case codes.SQLITE_CANTOPEN:
		return fmt.Errorf("open the database %s: %w", s.path, err)
	case codes.SQLITE_IOERR:
		return fmt.Errorf("the disk of %s answers with an error; nothing of this was written: %w", s.path, err)
	}
	return fmt.Errorf("database %s: %w", s.path, err)
}

// busy is the error of a write that found no turn, with who may have it.
func (s *store) busy() error {
	var holders []string
	_ = s.read(context.Background(), func(c *conn) error {
		return c.query(`SELECT s.name, l.who, l.pid, l.command FROM locks l JOIN stacks s ON s.id = l.stack ORDER BY l.taken`, func(r row) error {
			holders = append(holders, fmt.Sprintf("%s (pid %d, %s) holds stack %s", r.text(1), r.int(2), r.text(3), r.text(0)))
			return nil
		})
	})
	if len(holders) == 0 {
		return fmt.Errorf("the database %s is busy: another program has been writing for %s", s.path, s.patience)
	}
	return fmt.Errorf("the database %s is busy: another process has been writing for %s; %s", s.path, s.patience, strings.Join(holders, "; "))
}
