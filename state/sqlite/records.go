package sqlite

import (
	"fmt"
	"strings"
	"time"

	"github.com/cairncloud/cairn/state"
)

// recordColumns are the columns of a record in the order that recordOf reads
// them and put writes them, without the stack in front and the run behind.
const recordColumns = `address, deposed, type, id, schema, tainted, cbd, want, seen, attrs, secret, deps, serial, unheard`

// interned keeps one copy of strings that many rows repeat.
type interned map[string]string

func (t interned) of(s string) string {
	if have, ok := t[s]; ok {
		return have
	}
	t[s] = s
	return s
}

// recordOf reads recordColumns and the run from column i on.
func recordOf(r row, i int, types interned) state.Record {
	return state.Record{
		Address: r.text(i), Deposed: r.text(i + 1), Type: types.of(r.text(i + 2)), ID: r.text(i + 3),
		SchemaVersion: int(r.int(i + 4)), Tainted: r.bool(i + 5), CreateBeforeDestroy: r.bool(i + 6),
		Want: r.bytes(i + 7), Seen: r.bytes(i + 8), Attrs: r.bytes(i + 9), Secret: r.bytes(i + 10),
		Deps: lines(r.text(i + 11)), Serial: r.int(i + 12), Unheard: r.bool(i + 13), Run: r.int(i + 14),
	}
}

// values are a record's recordColumns; of none, as many NULLs.
func values(r *state.Record) []any {
	if r == nil {
		return make([]any, 14)
	}
	return []any{r.Address, r.Deposed, r.Type, r.ID, r.SchemaVersion, r.Tainted, r.CreateBeforeDestroy, r.Want, r.Seen, r.Attrs, r.Secret, strings.Join(r.Deps, "\n"), r.Serial, r.Unheard}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// A journal is one stack as a run writes it.
type journal struct {
	*conn
	stack int64
	run   int64 // below 0: minus the number of a reservation
	now   time.Time
	front string // of the stack
	steps int    // of the run, when the transaction began
	// reserving: whether the stack has reservations; nil: not looked yet.
	reserving *bool
}

// put writes a record. What it was before this run goes to the history; what
// is the same already is left alone, and whether it is unheard is no history.
func (j *journal) put(r *state.Record) error {
	if err := addressable(r); err != nil {
		return err
	}
	all := values(r)
	args := all[2:len(all):len(all)]
	old, err := j.one(`SELECT type IS ? AND id IS ? AND schema IS ? AND tainted IS ? AND cbd IS ? AND want IS ? AND seen IS ? AND attrs IS ? AND secret IS ? AND deps IS ? AND serial IS ?, unheard IS ?
		FROM records WHERE stack = ? AND address = ? AND deposed = ?`, append(args, j.stack, r.Address, r.Deposed)...)
	if err != nil {
		return err
	}
	if old == nil {
		if err := j.vacate(r.Address); err != nil {
			return err
		}
		_, err := j.exec(`INSERT INTO records (stack, `+recordColumns+`, run) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
			append([]any{j.stack}, append(all, j.run)...)...)
		return err
	}
	if old.bool(0) {
		if old.bool(1) {
			return nil
		}
		_, err := j.exec(`UPDATE records SET unheard = ? WHERE stack = ? AND address = ? AND deposed = ?`, r.Unheard, j.stack, r.Address, r.Deposed)
		return err
	}
	if err := j.keep(state.Ref{Address: r.Address, Deposed: r.Deposed}); err != nil {
		return err
	}
	_, err = j.exec(`UPDATE records SET type = ?, id = ?, schema = ?, tainted = ?, cbd = ?, want = ?, seen = ?, attrs = ?, secret = ?, deps = ?, serial = ?, unheard = ?, run = ?
		WHERE stack = ? AND address = ? AND deposed = ?`, append(args, j.run, j.stack, r.Address, r.Deposed)...)
	return err
}

func addressable(r *state.Record) error {
	if r.Address == "" || strings.Contains(r.Address, "\n") {
		return fmt.Errorf("record %q: not an address", r.Address)
	}
	return nil
}

// keep copies a record to the history before it changes. What began in this
// run stood at the end of none, so it is not kept.
func (j *journal) keep(ref state.Ref) error {
	_, err := j.exec(`INSERT INTO record_versions (stack, to_run, `+recordColumns+`, from_run)
		SELECT stack, ?, `+recordColumns+`, run FROM records WHERE stack = ? AND address = ? AND deposed = ? AND run <> ?`,
		j.run, j.stack, ref.Address, ref.Deposed, j.run)
	return err
}

func (j *journal) remove(ref state.Ref) error {
	if err := j.keep(ref); err != nil {
		return err
	}
	_, err := j.exec(`DELETE FROM records WHERE stack = ? AND address = ? AND deposed = ?`, j.stack, ref.Address, ref.Deposed)
	return err
}

// move renames a record, and what its address holds when that changes.
func (j *journal) move(m state.Move) error {
	if err := j.keep(m.From); err != nil {
		return err
	}
	there, err := j.one(`SELECT 1 FROM records WHERE stack = ? AND address = ? AND deposed = ?`, j.stack, m.To.Address, m.To.Deposed)
	if err != nil {
		return err
	}
	if there != nil {
		return fmt.Errorf("move %s to %s: there is a record already", spell(m.From), spell(m.To))
	}
	n, err := j.exec(`UPDATE records SET address = ?, deposed = ?, run = ? WHERE stack = ? AND address = ? AND deposed = ?`,
		m.To.Address, m.To.Deposed, j.run, j.stack, m.From.Address, m.From.Deposed)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("move %s to %s: there is no such record", spell(m.From), spell(m.To))
	}
	if m.From.Address == m.To.Address {
		return nil
	}
	return j.rename(m.From.Address, m.To.Address)
}

func spell(r state.Ref) string {
	if r.Deposed == "" {
		return r.Address
	}
	return r.Address + " (deposed " + r.Deposed + ")"
}
