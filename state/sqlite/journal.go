package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairncloud/cairn/state"
)

// write runs f in one transaction on the lease's stack, as run, if the lock is
// still this lease's.
func (l *lease) write(ctx context.Context, run int64, f func(*journal) error) error {
	err := l.store.write(ctx, func(c *conn) error {
		r, err := c.one(`SELECT l.fence, s.front FROM locks l JOIN stacks s ON s.id = l.stack WHERE l.stack = ?`, l.stack)
		if err != nil {
			return err
		}
		if r == nil || r.int(0) != l.fence {
			return state.ErrFenced
		}
		j := &journal{conn: c, stack: l.stack, run: run, now: l.store.now(), front: r.text(1)}
		if run != 0 {
			if err := j.open(); err != nil {
				return err
			}
		}
		return f(j)
	})
	return in(err, "stack %s", l.name)
}

// open makes sure that the journal's run is one of its stack's, without an end.
func (j *journal) open() error {
	r, err := j.one(`SELECT status, steps FROM runs WHERE id = ? AND stack = ?`, j.run, j.stack)
	switch {
	case err != nil:
		return err
	case r == nil:
		return fmt.Errorf("%w: %d", state.ErrNoRun, j.run)
	case r.text(0) != state.RunOpen:
		return fmt.Errorf("run %d has ended (%s)", j.run, r.text(0))
	}
	j.steps = int(r.int(1))
	return nil
}

// start writes a run, open and without steps, and makes it the journal's.
func (j *journal) start(l *lease, command string, hash []byte) error {
	if j.front != l.who.Front {
		return &state.FrontError{Stack: l.name, Front: j.front, Asked: l.who.Front}
	}
	r, err := j.one(`SELECT id FROM runs WHERE stack = ? AND status = 'running'`, j.stack)
	if err != nil {
		return err
	}
	if r != nil {
		return fmt.Errorf("%w: run %d", state.ErrUnfinished, r.int(0))
	}
	j.run, err = j.insert(`INSERT INTO runs (stack, fence, command, who, started, ended, status, error, source, steps, open) VALUES (?, ?, ?, ?, ?, 0, 'running', '', ?, 0, 0)`,
		j.stack, l.fence, command, l.who.Who, j.now, hash)
	return err
}

// turn counts the stack's serial up.
func (j *journal) turn() error {
	_, err := j.exec(`UPDATE stacks SET serial = serial + 1 WHERE id = ?`, j.stack)
	return err
}

func (l *lease) Begin(ctx context.Context, r state.NewRun) (run int64, err error) {
	err = l.write(ctx, 0, func(j *journal) error {
		now, err := j.one(`SELECT serial FROM stacks WHERE id = ?`, j.stack)
		if err != nil {
			return err
		}
		if now.int(0) != r.Serial {
			return fmt.Errorf("%w (it is at %d, the plan at %d)", state.ErrStale, now.int(0), r.Serial)
		}
		hash, err := source(j.conn, r.Sources)
		if err != nil {
			return err
		}
		if err := j.start(l, r.Command, hash); err != nil {
			return err
		}
		run = j.run
		for _, m := range r.Moves {
			if err := j.move(m); err != nil {
				return err
			}
		}
		if err := j.claim(r.Claims); err != nil {
			return err
		}
		if err := j.intendAll(r.Steps); err != nil {
			return err
		}
		return j.turn()
	})
	if err != nil {
		return 0, err
	}
	return run, nil
}

// intendAll writes intents, numbered on from those that the run has.
func (j *journal) intendAll(steps []state.Step) error {
	for i := range steps {
		number := j.steps + i + 1
		if err := j.intend(number, &steps[i]); err != nil {
			return in(err, "step %d, %s", number, steps[i].Address)
		}
	}
	_, err := j.exec(`UPDATE runs SET steps = steps + ?, open = open + ? WHERE id = ?`, len(steps), len(steps), j.run)
	return err
}

func (j *journal) intend(number int, s *state.Step) error {
	if s.Step != 0 && s.Step != int64(number) {
		return fmt.Errorf("it calls itself step %d", s.Step)
	}
	_, err := j.exec(`INSERT INTO steps (run, step, action, address, deposed, type, id, ready, last, before, status, error, ended, `+putColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', '', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append([]any{j.run, number, s.Action, s.Address, s.Deposed, s.Type, s.ID, s.Ready, s.Last, s.Before}, values(s.Put)...)...)
	return err
}

func (l *lease) Ready(ctx context.Context, run, step int64, put *state.Record, claims state.Claims) error {
	return l.write(ctx, run, func(j *journal) error {
		n, err := j.exec(`UPDATE steps SET ready = 1, (`+putColumns+`) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE run = ? AND step = ? AND status = 'intended'`,
			append(values(put), run, step)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return j.noIntent(step)
		}
		return j.claim(claims)
	})
}

func (l *lease) Commit(ctx context.Context, run int64, ends []state.End) error {
	return l.write(ctx, run, func(j *journal) error {
		return j.endAll(ends)
	})
}

// endAll writes the outcomes of steps, and edits.
func (j *journal) endAll(ends []state.End) error {
	ended := 0
	for i := range ends {
		e := &ends[i]
		if e.Step != 0 {
			if err := j.endStep(e); err != nil {
				return err
			}
			ended++
		}
		if err := j.apply(e); err != nil {
			return in(err, "step %d", e.Step)
		}
	}
	if ended == 0 {
		return nil
	}
	_, err := j.exec(`UPDATE runs SET open = open - ? WHERE id = ?`, ended, j.run)
	return err
}

// endStep writes the end of an intent, and gives back what the run took for it
// when nothing was made.
func (j *journal) endStep(e *state.End) error {
	status := state.StatusDone
	switch {
	case e.Err != "":
		status = state.StatusFailed
	case e.Drop:
		status = state.StatusDropped
	}
	set := setEnd
	if status != state.StatusFailed {
		set += setNoPut
	}
	n, err := j.exec(`UPDATE steps SET `+set+` WHERE run = ? AND step = ? AND status = 'intended'`,
		status, e.Err, j.now, e.Put != nil, j.run, e.Step)
	if err != nil {
		return err
	}
	if n == 0 {
		return j.noIntent(e.Step)
	}
	if status == state.StatusDone || status == state.StatusFailed && e.Put != nil {
		return nil
	}
	r, err := j.one(`SELECT address FROM steps WHERE run = ? AND step = ?`, j.run, e.Step)
	if err != nil {
		return err
	}
	// What another step of the address is at work with is left to its end.
	working, err := j.one(`SELECT 1 FROM steps INDEXED BY steps_by_address WHERE run = ? AND address = ? AND status = 'intended' AND put_address IS NOT NULL`, j.run, r.text(0))
	if err != nil || working != nil {
		return err
	}
	return j.giveBack(r.text(0))
}

const setEnd = `status = ?, error = ?, ended = ?, made = ?`

// setNoPut drops what a step leads to: what is done is in its record, and what
// was dropped is of no use.
var setNoPut = `, ` + strings.ReplaceAll(putColumns, ",", " = NULL,") + ` = NULL`

func (j *journal) noIntent(step int64) error {
	return fmt.Errorf("run %d has no step %d that is without an end", j.run, step)
}

// apply does what an end says of records and ledger, in the order that
// state.End promises.
func (j *journal) apply(e *state.End) error {
	if e.Move != nil {
		if err := j.move(*e.Move); err != nil {
			return err
		}
	}
	if e.Remove != nil {
		if err := j.remove(*e.Remove); err != nil {
			return err
		}
	}
	if e.Put != nil {
		if err := j.put(e.Put); err != nil {
			return err
		}
	}
	if e.Keep != nil {
		if err := j.retain(e.Keep); err != nil {
			return err
		}
	}
	if e.Release != "" {
		return j.release(e.Release)
	}
	return nil
}

func (l *lease) Finish(ctx context.Context, run int64, f state.Finish) error {
	switch f.Status {
	case state.RunDone, state.RunFailed, state.RunInterrupted:
	default:
		return fmt.Errorf("run %d can't end as %q", run, f.Status)
	}
	return l.write(ctx, run, func(j *journal) error {
		if err := j.drop(); err != nil {
			return err
		}
		if f.Outputs != nil {
			if _, err := j.exec(`DELETE FROM outputs WHERE stack = ?`, j.stack); err != nil {
				return err
			}
			for _, o := range f.Outputs {
				if _, err := j.exec(`INSERT INTO outputs (stack, name, value, secret, sensitive) VALUES (?, ?, ?, ?, ?)`, j.stack, o.Name, o.Value, o.Secret, o.Sensitive); err != nil {
					return in(err, "output %s", o.Name)
				}
			}
		}
		return j.finish(f.Status, f.Error)
	})
}

// drop ends all intents that have no end.
func (j *journal) drop() error {
	var addresses []string
	if err := j.query(`SELECT DISTINCT address FROM steps WHERE run = ? AND status = 'intended'`, func(r row) error {
		addresses = append(addresses, r.text(0))
		return nil
	}, j.run); err != nil {
		return err
	}
	for _, a := range addresses {
		if err := j.giveBack(a); err != nil {
			return err
		}
	}
	if len(addresses) > 0 {
		if _, err := j.exec(`UPDATE steps SET status = 'dropped', ended = ?`+setNoPut+` WHERE run = ? AND status = 'intended'`, j.now, j.run); err != nil {
			return err
		}
	}
	_, err := j.exec(`DELETE FROM ranges_before WHERE run = ?`, j.run)
	return err
}

// finish ends the journal's run.
func (j *journal) finish(status, text string) error {
	if _, err := j.exec(`UPDATE runs SET ended = ?, status = ?, error = ?, open = 0 WHERE id = ?`, j.now, status, text, j.run); err != nil {
		return err
	}
	return j.turn()
}

func (l *lease) Edit(ctx context.Context, command string, ends []state.End) error {
	return l.write(ctx, 0, func(j *journal) error { return j.edit(l, command, ends) })
}

// edit does an edit as a run of its own.
func (j *journal) edit(l *lease, command string, ends []state.End) error {
	if err := j.start(l, command, nil); err != nil {
		return err
	}
	for i := range ends {
		e := &ends[i]
		if err := j.apply(e); err != nil {
			return err
		}
		ref, kind, id := edited(e)
		if _, err := j.exec(`INSERT INTO steps (run, step, action, address, deposed, type, id, ready, last, status, error, ended) VALUES (?, ?, 'edit', ?, ?, ?, ?, 1, 0, 'done', '', ?)`,
			j.run, i+1, ref.Address, ref.Deposed, kind, id, j.now); err != nil {
			return err
		}
	}
	if _, err := j.exec(`UPDATE runs SET steps = ? WHERE id = ?`, len(ends), j.run); err != nil {
		return err
	}
	return j.finish(state.RunDone, "")
}

// edited names what an edit is about, as it was called before.
func edited(e *state.End) (ref state.Ref, kind, id string) {
	if e.Put != nil {
		ref, kind, id = state.Ref{Address: e.Put.Address, Deposed: e.Put.Deposed}, e.Put.Type, e.Put.ID
	}
	switch {
	case e.Move != nil:
		ref = e.Move.From
	case e.Remove != nil:
		ref = *e.Remove
	case ref.Address == "" && e.Keep != nil:
		ref.Address = e.Keep.Address
	case ref.Address == "":
		ref.Address = e.Release
	}
	return ref, kind, id
}
