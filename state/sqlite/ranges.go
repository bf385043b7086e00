package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cairncloud/cairn/state"
)

func (j *journal) takeRanges(ranges []state.Range) (taken []error, _ error) {
	for _, r := range ranges {
		refused, err := j.takeRange(r)
		if err != nil {
			return nil, err
		}
		if refused != nil {
			taken = append(taken, refused)
		}
	}
	return taken, nil
}

// takeRange claims one range. What the same address holds across it becomes one
// range with it, so that the ranges of a space stay disjoint, and the last that
// begins before an end is all that has to be looked at.
func (j *journal) takeRange(r state.Range) (refused, _ error) {
	if len(r.Lo) == 0 || len(r.Lo) != len(r.Hi) || bytes.Compare(r.Lo, r.Hi) > 0 {
		return nil, fmt.Errorf("%s claims the range %x to %x of %s: not a range", r.Address, r.Lo, r.Hi, r.Space)
	}
	lo, hi := r.Lo, r.Hi
	for {
		have, err := j.one(`SELECT r.lo, r.hi, r.address, r.stack, s.name, r.run FROM ranges r JOIN stacks s ON s.id = r.stack
			WHERE r.space = ? AND r.lo <= ? ORDER BY r.lo DESC LIMIT 1`, r.Space, hi)
		if err != nil {
			return nil, err
		}
		if have == nil || bytes.Compare(have.bytes(1), lo) < 0 {
			break
		}
		from, to, holder := have.bytes(0), have.bytes(1), have.text(2)
		if len(from) != len(lo) {
			return nil, fmt.Errorf("%s claims the range %x to %x of %s, whose ranges have %d bytes", r.Address, r.Lo, r.Hi, r.Space, len(from))
		}
		ours := have.int(3) == j.stack
		if ours && holder == r.Address && bytes.Compare(from, lo) <= 0 && bytes.Compare(to, hi) >= 0 {
			return nil, nil
		}
		if !ours || holder != r.Address && (holder != r.From || have.int(5) < 0) {
			return &state.ClaimedError{Space: r.Space, Key: fmt.Sprintf("%x-%x", from, to), Address: r.Address, Stack: have.text(4), Holder: holder}, nil
		}
		if _, err := j.exec(`DELETE FROM ranges WHERE space = ? AND lo = ?`, r.Space, from); err != nil {
			return nil, err
		}
		if holder != r.Address {
			if err := j.cut(state.Range{Space: r.Space, Lo: from, Hi: to, Address: holder}, have.int(5), lo, hi, r.Address); err != nil {
				return nil, err
			}
			continue
		}
		if have.int(5) != j.run {
			if err := j.remember(r.Address, state.Range{Space: r.Space, Lo: from, Hi: to, Address: holder}); err != nil {
				return nil, err
			}
		}
		lo, hi = slices.MinFunc([][]byte{lo, from}, bytes.Compare), slices.MaxFunc([][]byte{hi, to}, bytes.Compare)
	}
	return nil, j.lay(state.Range{Space: r.Space, Lo: lo, Hi: hi, Address: r.Address}, j.run)
}

func (j *journal) lay(r state.Range, run int64) error {
	_, err := j.exec(`INSERT INTO ranges (space, lo, hi, stack, address, run) VALUES (?, ?, ?, ?, ?, ?)`, r.Space, r.Lo, r.Hi, j.stack, r.Address, run)
	return err
}

// cut leaves a holder what it has on either side of lo to hi; what is between
// passes to the taker.
func (j *journal) cut(have state.Range, run int64, lo, hi []byte, taker string) error {
	between := have
	if bytes.Compare(have.Lo, lo) < 0 {
		between.Lo = lo
		if err := j.lay(state.Range{Space: have.Space, Lo: have.Lo, Hi: next(lo, -1), Address: have.Address}, run); err != nil {
			return err
		}
	}
	if bytes.Compare(have.Hi, hi) > 0 {
		between.Hi = hi
		if err := j.lay(state.Range{Space: have.Space, Lo: next(hi, 1), Hi: have.Hi, Address: have.Address}, run); err != nil {
			return err
		}
	}
	return j.remember(taker, between)
}

// remember what a holder had before the run took it for an address.
func (j *journal) remember(address string, r state.Range) error {
	if j.run <= 0 {
		return nil
	}
	_, err := j.exec(`INSERT INTO ranges_before (run, address, space, lo, hi, holder) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, j.run, address, r.Space, r.Lo, r.Hi, r.Address)
	return err
}

// next is the number behind b, or before it, big end first.
func next(b []byte, by int) []byte {
	n := bytes.Clone(b)
	for i := len(n) - 1; i >= 0; i-- {
		n[i] += byte(by)
		if by > 0 && n[i] != 0 || by < 0 && n[i] != 0xff {
			break
		}
	}
	return n
}

// trimRanges leaves an address those kept ranges that lie in what it holds.
func (j *journal) trimRanges(k *state.Kept) error {
	var held []state.Range
	if err := j.query(`SELECT space, lo, hi FROM ranges WHERE stack = ? AND address = ?`, func(r row) error {
		held = append(held, state.Range{Space: r.text(0), Lo: r.bytes(1), Hi: r.bytes(2), Address: k.Address})
		return nil
	}, j.stack, k.Address); err != nil {
		return err
	}
	for _, h := range held {
		var inside []state.Range
		whole := false
		for _, r := range k.Claims.Ranges {
			if !within(r, h) {
				continue
			}
			inside = append(inside, state.Range{Space: r.Space, Lo: r.Lo, Hi: r.Hi, Address: k.Address})
			whole = whole || within(h, r)
		}
		if whole {
			continue
		}
		if _, err := j.exec(`DELETE FROM ranges WHERE space = ? AND lo = ?`, h.Space, h.Lo); err != nil {
			return err
		}
		if refused, err := j.before().takeRanges(inside); err != nil || len(refused) > 0 {
			return errors.Join(append(refused, err)...)
		}
	}
	return j.forget(k)
}

// before is the journal for what is no claim of the run's: nothing of it is
// given back.
func (j *journal) before() *journal { return &journal{conn: j.conn, stack: j.stack} }

func within(r, of state.Range) bool {
	return r.Space == of.Space && bytes.Compare(r.Lo, of.Lo) >= 0 && bytes.Compare(r.Hi, of.Hi) <= 0
}

// forget what an address has let go of for others of the run.
func (j *journal) forget(k *state.Kept) error {
	type key struct {
		address, space string
		lo             []byte
	}
	var gone []key
	if err := j.query(`SELECT address, space, lo, hi FROM ranges_before WHERE run = ? AND holder = ?`, func(r row) error {
		had := state.Range{Space: r.text(1), Lo: r.bytes(2), Hi: r.bytes(3)}
		if r.text(0) == k.Address || !slices.ContainsFunc(k.Claims.Ranges, func(of state.Range) bool { return within(had, of) }) {
			gone = append(gone, key{r.text(0), had.Space, had.Lo})
		}
		return nil
	}, j.run, k.Address); err != nil {
		return err
	}
	for _, g := range gone {
		if _, err := j.exec(`DELETE FROM ranges_before WHERE run = ? AND address = ? AND space = ? AND lo = ?`, j.run, g.address, g.space, g.lo); err != nil {
			return err
		}
	}
	return nil
}

// giveBackRanges puts the ranges that the run claimed for an address back to
// what they were before.
func (j *journal) giveBackRanges(address string) error {
	if _, err := j.exec(`DELETE FROM ranges WHERE stack = ? AND address = ? AND run = ?`, j.stack, address, j.run); err != nil {
		return err
	}
	var before []state.Range
	if err := j.query(`SELECT space, lo, hi, holder FROM ranges_before WHERE run = ? AND address = ? ORDER BY space, lo`, func(r row) error {
		before = append(before, state.Range{Space: r.text(0), Lo: r.bytes(1), Hi: r.bytes(2), Address: r.text(3)})
		return nil
	}, j.run, address); err != nil || before == nil {
		return err
	}
	old := j.before()
	for _, r := range before {
		if err := old.join(&r); err != nil {
			return err
		}
		if refused, err := old.takeRange(r); err != nil || refused != nil {
			return errors.Join(refused, err)
		}
	}
	_, err := j.exec(`DELETE FROM ranges_before WHERE run = ? AND address = ?`, j.run, address)
	return err
}

// join widens a range by those of its holder that it touches: what cut has
// parted is one again.
func (j *journal) join(r *state.Range) error {
	for _, side := range []struct {
		query string
		at    []byte
		end   *[]byte
	}{
		{`SELECT lo, lo FROM ranges WHERE space = ? AND hi = ? AND hi < ? AND stack = ? AND address = ?`, next(r.Lo, -1), &r.Lo},
		{`SELECT lo, hi FROM ranges WHERE space = ? AND lo = ? AND lo > ? AND stack = ? AND address = ?`, next(r.Hi, 1), &r.Hi},
	} {
		// Behind the last number comes none, where next begins again.
		have, err := j.one(side.query, r.Space, side.at, *side.end, j.stack, r.Address)
		if err != nil {
			return err
		}
		if have == nil {
			continue
		}
		*side.end = have.bytes(1)
		if _, err := j.exec(`DELETE FROM ranges WHERE space = ? AND lo = ?`, r.Space, have.bytes(0)); err != nil {
			return err
		}
	}
	return nil
}
