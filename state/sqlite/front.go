package sqlite

import (
	"context"

	"github.com/cairncloud/cairn/state"
)

// kept answers a FrontError when another front end than the asking one keeps
// the stack: by records, intents or reservations that are not over, and, for
// who is not going to take the lock, by holding it.
func (s *store) kept(c *conn, stack, asked string, locked bool) error {
	now := s.now()
	r, err := c.one(`SELECT s.front, EXISTS (SELECT 1 FROM records r WHERE r.stack = s.id)
			OR EXISTS (SELECT 1 FROM runs r WHERE r.stack = s.id AND r.status = 'running' AND r.open > 0)
			OR EXISTS (SELECT 1 FROM reservations x WHERE x.stack = s.id AND x.expires > ?)
			OR ? AND EXISTS (SELECT 1 FROM locks l WHERE l.stack = s.id AND l.expires > ?)
		FROM stacks s WHERE s.name = ? AND s.front <> ?`, now, locked, now, stack, asked)
	if err != nil || r == nil || !r.bool(1) {
		return err
	}
	return &state.FrontError{Stack: stack, Front: r.text(0), Asked: asked}
}

func (l *lease) HandOver(ctx context.Context, command, front string, ends []state.End) error {
	return l.write(ctx, 0, func(j *journal) error {
		if err := j.edit(l, command, ends); err != nil {
			return err
		}
		if err := j.endReservations(nil, `stack = ?`, j.stack); err != nil {
			return err
		}
		_, err := j.exec(`UPDATE stacks SET front = ? WHERE id = ?`, front, j.stack)
		return err
	})
}

func (s *store) Heard(ctx context.Context, stack string, ids []string) error {
	err := s.hear(ctx, stack, ids)
	return in(err, "stack %s: note who was heard of", stack)
}

func (s *store) hear(ctx context.Context, stack string, ids []string) error {
	// Look first: where everybody has been heard of, nothing is to be written.
	unheard := false
	if err := s.read(ctx, func(c *conn) error {
		r, err := c.one(`SELECT EXISTS (SELECT 1 FROM records r WHERE r.stack = s.id AND r.unheard = 1)
			OR EXISTS (SELECT 1 FROM runs r WHERE r.stack = s.id AND r.status = 'running') FROM stacks s WHERE s.name = ?`, stack)
		unheard = r != nil && r.bool(0)
		return err
	}); err != nil || !unheard {
		return err
	}
	return s.write(ctx, func(c *conn) error {
		number, err := stackID(c, stack)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := c.exec(`UPDATE records INDEXED BY records_unheard SET unheard = 0 WHERE stack = ? AND id = ? AND unheard = 1`, number, id); err != nil {
				return err
			}
		}
		_, err = c.exec(`UPDATE stacks SET heard = (SELECT ifnull(max(id), 0) FROM runs WHERE stack = ?) WHERE id = ?`, number, number)
		return err
	})
}
