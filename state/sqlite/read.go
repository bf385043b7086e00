package sqlite

import (
	"context"
	"strings"

	"github.com/cairncloud/cairn/state"
)

const lockColumns = `who, host, boot, pid, command, fence, taken, expires, front`

// lockOf reads lockColumns from column i on.
func lockOf(r row, i int) state.Lock {
	return state.Lock{
		Holder: state.Holder{Who: r.text(i), Host: r.text(i + 1), Boot: r.text(i + 2), PID: int(r.int(i + 3)), Command: r.text(i + 4), Front: r.text(i + 8)},
		Fence:  r.int(i + 5), Taken: r.time(i + 6), Expires: r.time(i + 7),
	}
}

func lockAt(c *conn, stack int64) (*state.Lock, error) {
	r, err := c.one(`SELECT `+lockColumns+` FROM locks WHERE stack = ?`, stack)
	if err != nil || r == nil {
		return nil, err
	}
	l := lockOf(r, 0)
	return &l, nil
}

// stackID is 0 for a stack that is not there yet.
func stackID(c *conn, name string) (int64, error) {
	r, err := c.one(`SELECT id FROM stacks WHERE name = ?`, name)
	if err != nil || r == nil {
		return 0, err
	}
	return r.int(0), nil
}

func (s *store) Stacks(ctx context.Context) ([]state.Stack, error) {
	var all []state.Stack
	err := s.read(ctx, func(c *conn) error {
		return c.query(`SELECT s.name, s.front, s.serial, ifnull(r.n, 0), `+qualify("l", lockColumns)+`
			FROM stacks s
			LEFT JOIN (SELECT stack, count(*) AS n FROM records INDEXED BY records_by_type GROUP BY stack) r ON r.stack = s.id
			LEFT JOIN locks l ON l.stack = s.id
			WHERE r.n > 0 OR l.stack IS NOT NULL OR EXISTS (SELECT 1 FROM runs WHERE runs.stack = s.id)
				OR EXISTS (SELECT 1 FROM reservations x WHERE x.stack = s.id AND x.expires > ?)
			ORDER BY s.name`, func(r row) error {
			one := state.Stack{Name: r.text(0), Front: r.text(1), Serial: r.int(2), Records: int(r.int(3))}
			if r[4] != nil {
				l := lockOf(r, 4)
				one.Lock = &l
			}
			all = append(all, one)
			return nil
		}, s.now())
	})
	return all, in(err, "list the stacks")
}

func qualify(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

func (s *store) Snapshot(ctx context.Context, stack string) (*state.Snapshot, error) {
	snap := &state.Snapshot{Stack: stack}
	err := s.read(ctx, func(c *conn) error {
		r, err := c.one(`SELECT id, front, serial, heard FROM stacks WHERE name = ?`, stack)
		if err != nil || r == nil {
			return err
		}
		id := r.int(0)
		snap.Front, snap.Serial, snap.Heard = r.text(1), r.int(2), r.int(3)
		if snap.Lock, err = lockAt(c, id); err != nil {
			return err
		}
		types := interned{}
		if err := c.query(`SELECT `+recordColumns+`, run FROM records WHERE stack = ? ORDER BY address, deposed`, func(r row) error {
			snap.Records = append(snap.Records, recordOf(r, 0, types))
			return nil
		}, id); err != nil {
			return err
		}
		if err := c.query(`SELECT name, value, secret, sensitive FROM outputs WHERE stack = ? ORDER BY name`, func(r row) error {
			snap.Outputs = append(snap.Outputs, state.Output{Name: r.text(0), Value: r.bytes(1), Secret: r.bytes(2), Sensitive: r.bool(3)})
			return nil
		}, id); err != nil {
			return err
		}
		if err := c.query(`SELECT `+runColumns+` FROM `+runTables+` WHERE r.stack = ? AND r.status = 'running'`, func(r row) error {
			run := runOf(r)
			snap.Open = &run
			return nil
		}, id); err != nil || snap.Open == nil {
			return err
		}
		snap.Intents, err = steps(c, snap.Open.ID, ` AND status = 'intended'`)
		return err
	})
	if err != nil {
		return nil, in(err, "read stack %s", stack)
	}
	return snap, nil
}

func (s *store) Others(ctx context.Context, stack string, types []string) ([]state.OwnedRecord, error) {
	if len(types) == 0 {
		return nil, nil
	}
	args := []any{stack}
	for _, t := range types {
		args = append(args, t)
	}
	var all []state.OwnedRecord
	err := s.read(ctx, func(c *conn) error {
		names := interned{}
		return c.query(`SELECT s.name, `+qualify("r", recordColumns)+`, r.run FROM records r JOIN stacks s ON s.id = r.stack
			WHERE s.name <> ? AND r.type IN (?`+strings.Repeat(", ?", len(types)-1)+`) ORDER BY s.name, r.address, r.deposed`, func(r row) error {
			all = append(all, state.OwnedRecord{Stack: names.of(r.text(0)), Record: recordOf(r, 1, names)})
			return nil
		}, args...)
	})
	return all, in(err, "read the other stacks' records")
}
