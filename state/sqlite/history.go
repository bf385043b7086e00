package sqlite

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/state"
)

// The lock of a run is the one that it was begun under, while that is held.
const (
	runTables  = `runs r JOIN stacks s ON s.id = r.stack LEFT JOIN locks l ON l.stack = r.stack AND l.fence = r.fence AND r.status = 'running'`
	runColumns = `r.id, s.name, r.command, r.who, r.started, r.ended, r.status, r.error, r.steps, r.open, l.who, l.host, l.boot, l.pid, l.command, l.fence, l.taken, l.expires, l.front`
)

func runOf(r row) state.Run {
	run := state.Run{
		ID: r.int(0), Stack: r.text(1), Command: r.text(2), Who: r.text(3), Started: r.time(4), Ended: r.time(5),
		Status: r.text(6), Error: r.text(7), Steps: int(r.int(8)), Left: int(r.int(9)),
	}
	if r[10] != nil {
		l := lockOf(r, 10)
		run.Lock = &l
	}
	return run
}

var putColumns = "put_" + strings.ReplaceAll(recordColumns, ", ", ", put_")

// steps reads the journal of a run, or the part of it that also fits.
func steps(c *conn, run int64, also string) ([]state.Step, error) {
	var all []state.Step
	words := interned{}
	err := c.query(`SELECT run, step, action, address, deposed, type, id, ready, last, before, status, error, ended, `+putColumns+`, 0
		FROM steps WHERE run = ?`+also+` ORDER BY step`, func(r row) error {
		s := state.Step{
			Run: r.int(0), Step: r.int(1), Action: words.of(r.text(2)), Address: r.text(3), Deposed: r.text(4), Type: words.of(r.text(5)), ID: r.text(6),
			Ready: r.bool(7), Last: r.bool(8), Before: r.bytes(9), Status: words.of(r.text(10)), Error: r.text(11), Ended: r.time(12),
		}
		if r[13] != nil {
			put := recordOf(r, 13, words)
			s.Put = &put
		}
		all = append(all, s)
		return nil
	}, run)
	return all, err
}

func (s *store) Runs(ctx context.Context, stack string, limit int) ([]state.Run, error) {
	if limit <= 0 {
		limit = -1
	}
	var all []state.Run
	err := s.read(ctx, func(c *conn) error {
		return c.query(`SELECT `+runColumns+` FROM `+runTables+` WHERE s.name = ? ORDER BY r.id DESC LIMIT ?`, func(r row) error {
			all = append(all, runOf(r))
			return nil
		}, stack, limit)
	})
	return all, in(err, "list the runs of stack %s", stack)
}

// find reads a run of a stack, or answers state.ErrNoRun.
func find(c *conn, stack string, id int64) (*state.Run, error) {
	r, err := c.one(`SELECT `+runColumns+` FROM `+runTables+` WHERE s.name = ? AND r.id = ?`, stack, id)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, state.ErrNoRun
	}
	run := runOf(r)
	return &run, nil
}

func (s *store) Run(ctx context.Context, stack string, id int64) (run *state.Run, journal []state.Step, err error) {
	err = s.read(ctx, func(c *conn) error {
		if run, err = find(c, stack, id); err != nil {
			return err
		}
		journal, err = steps(c, id, "")
		return err
	})
	return run, journal, in(err, "read run %d of stack %s", id, stack)
}

func (s *store) Sources(ctx context.Context, stack string, id int64) ([]byte, error) {
	var data []byte
	err := s.read(ctx, func(c *conn) error {
		if _, err := find(c, stack, id); err != nil {
			return err
		}
		r, err := c.one(`SELECT x.data FROM runs r JOIN sources x ON x.hash = r.source WHERE r.id = ?`, id)
		if err != nil || r == nil {
			return err
		}
		data, err = unpack(r.bytes(0))
		return err
	})
	return data, in(err, "read the sources of run %d of stack %s", id, stack)
}

// source keeps a configuration once and answers its hash; none has none.
func source(c *conn, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	hash := sha256.Sum256(data)
	have, err := c.one(`SELECT 1 FROM sources WHERE hash = ?`, hash[:])
	if err != nil || have != nil {
		return hash[:], err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	_, err = c.exec(`INSERT INTO sources VALUES (?, ?)`, hash[:], packed.Bytes())
	return hash[:], err
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return io.ReadAll(z)
}

func (s *store) RecordsAt(ctx context.Context, stack string, run int64) ([]state.Record, error) {
	var all []state.Record
	err := s.read(ctx, func(c *conn) error {
		if _, err := find(c, stack, run); err != nil {
			return err
		}
		id, err := stackID(c, stack)
		if err != nil {
			return err
		}
		types := interned{}
		add := func(r row) error { all = append(all, recordOf(r, 0, types)); return nil }
		if err := c.query(`SELECT `+recordColumns+`, run FROM records WHERE stack = ? AND run <= ?`, add, id, run); err != nil {
			return err
		}
		return c.query(`SELECT `+recordColumns+`, from_run FROM record_versions WHERE stack = ? AND to_run > ? AND from_run <= ?`, add, id, run, run)
	})
	slices.SortFunc(all, func(a, b state.Record) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Deposed, b.Deposed))
	})
	return all, in(err, "read the records of stack %s after run %d", stack, run)
}
