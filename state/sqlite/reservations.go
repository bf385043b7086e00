package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cairncloud/cairn/state"
)

// remembered is how long a reservation is listed after its end.
const remembered = 24 * time.Hour

// live narrows a query of the ledger to what is held at the time of its
// argument: what was reserved until then, or until earlier, it passes by.
func live(table string) string {
	return ` AND (` + table + `.run >= 0 OR EXISTS (SELECT 1 FROM reservations v WHERE v.number = -` + table + `.run AND v.expires > ?))`
}

func (s *store) Reservations(ctx context.Context, stack string) ([]state.Reservation, error) {
	var all []state.Reservation
	err := s.read(ctx, func(c *conn) error {
		types := interned{}
		return c.query(`SELECT x.key, x.front, x.expires, x.claims, `+qualify("x", recordColumns)+`, 0 FROM reservations x JOIN stacks s ON s.id = x.stack
			WHERE s.name = ? AND x.expires > ? ORDER BY x.key`, func(r row) error {
			one := state.Reservation{Key: r.text(0), Front: r.text(1), Expires: r.time(2), Object: recordOf(r, 4, types)}
			all = append(all, one)
			return in(json.Unmarshal(r.bytes(3), &all[len(all)-1].Claims), "the claims of %s", one.Key)
		}, stack, s.now().Add(-remembered))
	})
	return all, in(err, "list the reservations of stack %s", stack)
}

func (s *store) Unreserve(ctx context.Context, stack, key string) error {
	err := s.write(ctx, func(c *conn) error {
		id, err := stackID(c, stack)
		if err != nil {
			return err
		}
		j := &journal{conn: c, stack: id, now: s.now()}
		return j.endReservations(nil, `stack = ? AND key = ?`, id, key)
	})
	return in(err, "give back what stack %s has reserved as %s", stack, key)
}

func (s *store) Reserve(ctx context.Context, stack string, r state.Reservation) error {
	err := reservable(&r)
	if err == nil {
		r.Claims = inOrder(r.Claims)
		err = s.write(ctx, func(c *conn) error { return s.reserve(c, stack, &r) })
	}
	return in(err, "reserve for %s of stack %s", r.Object.Address, stack)
}

func reservable(r *state.Reservation) error {
	if err := addressable(&r.Object); err != nil {
		return err
	}
	if r.Key == "" {
		return errors.New("it has no key")
	}
	if len(r.Claims.Limits) > 0 {
		return fmt.Errorf("a plan must not change limits, and this changes that of %s %s", r.Claims.Limits[0].Space, r.Claims.Limits[0].Key)
	}
	for address := range addressesOf(r.Claims) {
		if address != r.Object.Address {
			return fmt.Errorf("it claims for %s", address)
		}
	}
	return nil
}

// inOrder is a copy of claims in the order that they are listed in. Nobody lets
// go of anything for a reservation.
func inOrder(claims state.Claims) state.Claims {
	sorted := state.Claims{Take: slices.Clone(claims.Take), Ranges: slices.Clone(claims.Ranges), Shares: slices.Clone(claims.Shares)}
	for i := range sorted.Take {
		sorted.Take[i].From = ""
	}
	for i := range sorted.Ranges {
		sorted.Ranges[i].From = ""
	}
	slices.SortFunc(sorted.Take, func(a, b state.Claim) int {
		return cmp.Or(cmp.Compare(a.Space, b.Space), cmp.Compare(a.Key, b.Key))
	})
	slices.SortFunc(sorted.Ranges, func(a, b state.Range) int {
		return cmp.Or(cmp.Compare(a.Space, b.Space), bytes.Compare(a.Lo, b.Lo), bytes.Compare(a.Hi, b.Hi))
	})
	slices.SortStableFunc(sorted.Shares, func(a, b state.Share) int {
		return cmp.Or(cmp.Compare(a.Space, b.Space), cmp.Compare(a.Key, b.Key))
	})
	return sorted
}

func (s *store) reserve(c *conn, stack string, r *state.Reservation) error {
	now := s.now()
	if micros(r.Expires) <= micros(now) {
		return fmt.Errorf("it would be over since %s", r.Expires.Format(time.RFC3339))
	}
	if err := s.kept(c, stack, r.Front, true); err != nil {
		return err
	}
	if _, err := c.exec(`INSERT INTO stacks (name, front) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET front = excluded.front WHERE front <> excluded.front`, stack, r.Front); err != nil {
		return err
	}
	id, err := stackID(c, stack)
	if err != nil {
		return err
	}
	j := &journal{conn: c, stack: id, now: now, front: r.Front}
	if err := j.expire(); err != nil {
		return err
	}
	if err := j.book(r); err != nil {
		return err
	}
	if err := j.unheld(r.Object.Address); err != nil {
		return err
	}
	return j.take(r.Claims)
}

// book writes a reservation, whose number becomes the journal's run. What was
// reserved under its key is given back, but shares of the same address stay
// until they are taken: a counter that is over its limit would refuse them.
func (j *journal) book(r *state.Reservation) error {
	old, err := j.reserved(`stack = ? AND key = ?`, j.stack, r.Key)
	if err != nil {
		return err
	}
	var number any
	for _, o := range old {
		number, j.run = o.number, -o.number
		if err := j.yield(o, r.Claims.Shares); err != nil {
			return err
		}
	}
	claims, err := json.Marshal(r.Claims)
	if err != nil {
		return err
	}
	made, err := j.insert(`INSERT OR REPLACE INTO reservations (number, stack, key, front, expires, due, claims, `+recordColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append([]any{number, j.stack, r.Key, r.Front, r.Expires, r.Expires, claims}, values(&r.Object)...)...)
	j.run = -made
	return err
}

// unheld makes sure that an address holds nothing but what the journal's
// reservation does, so that its end takes nothing away from an object.
func (j *journal) unheld(address string) error {
	r, err := j.one(`SELECT EXISTS (SELECT 1 FROM records WHERE stack = ?1 AND address = ?2),
		EXISTS (SELECT 1 FROM claims WHERE stack = ?1 AND address = ?2 AND run >= 0)
			OR EXISTS (SELECT 1 FROM ranges WHERE stack = ?1 AND address = ?2 AND run >= 0)
			OR EXISTS (SELECT 1 FROM shares WHERE stack = ?1 AND address = ?2 AND run >= 0),
		(SELECT key FROM reservations WHERE stack = ?1 AND address = ?2 AND due = expires AND number <> ?3)`, j.stack, address, -j.run)
	switch {
	case err != nil:
		return err
	case r.bool(0):
		return errors.New("it has a record, and what it holds is its own")
	case r[2] != nil:
		return fmt.Errorf("it is reserved already, as %s", r.text(2))
	case r.bool(1):
		return errors.New("it holds claims: a run is at work on it")
	}
	return nil
}

// reserved is what the ledger must know of a reservation.
type reserved struct {
	number, stack int64
	address       string
	expires, due  time.Time
}

func (j *journal) reserved(where string, args ...any) ([]reserved, error) {
	var all []reserved
	err := j.query(`SELECT number, stack, address, expires, due FROM reservations WHERE `+where, func(r row) error {
		all = append(all, reserved{r.int(0), r.int(1), r.text(2), r.time(3), r.time(4)})
		return nil
	}, args...)
	return all, err
}

// expire gives back what reservations that are over hold, whosever they are,
// and forgets those that have been over for long.
func (j *journal) expire() error {
	due, err := j.reserved(`due <= ?`, j.now)
	if err != nil {
		return err
	}
	for _, r := range due {
		if r.due.Equal(r.expires) {
			if err := j.yield(r, nil); err != nil {
				return err
			}
		}
		end := r.expires.Add(remembered)
		if micros(end) > micros(j.now) {
			_, err = j.exec(`UPDATE reservations SET due = ? WHERE number = ?`, end, r.number)
		} else {
			_, err = j.exec(`DELETE FROM reservations WHERE number = ?`, r.number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// yield gives back what a reservation holds. Shares of its address among those
// to keep become the journal's as they are.
func (j *journal) yield(r reserved, keep []state.Share) error {
	for _, q := range []string{
		`DELETE FROM claims WHERE stack = ? AND address = ? AND run = ?`,
		`DELETE FROM ranges WHERE stack = ? AND address = ? AND run = ?`,
	} {
		if _, err := j.exec(q, r.stack, r.address, -r.number); err != nil {
			return err
		}
	}
	kept := map[[2]string]bool{}
	for _, s := range keep {
		if s.Address == r.address {
			kept[[2]string{s.Space, s.Key}] = true
		}
	}
	var gone []change
	if err := j.query(`SELECT space, key, amount FROM shares WHERE stack = ? AND address = ? AND run = ?`, func(x row) error {
		if k := [2]string{x.text(0), x.text(1)}; !kept[k] {
			gone = append(gone, change{k: k, now: x.int(2), gone: true})
		}
		return nil
	}, r.stack, r.address, -r.number); err != nil {
		return err
	}
	if err := (&journal{conn: j.conn, stack: r.stack}).changeShares(r.address, gone); err != nil || len(kept) == 0 {
		return err
	}
	_, err := j.exec(`UPDATE shares SET run = ? WHERE stack = ? AND address = ? AND run = ?`, j.run, r.stack, r.address, -r.number)
	return err
}

// endReservations ends those that fit: what they hold is given back, or kept
// as yield says.
func (j *journal) endReservations(keep []state.Share, where string, args ...any) error {
	all, err := j.reserved(where, args...)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := j.yield(r, keep); err != nil {
			return err
		}
		if _, err := j.exec(`DELETE FROM reservations WHERE number = ?`, r.number); err != nil {
			return err
		}
	}
	return nil
}

// fulfil ends reservations for the claims that are about to be made.
func (j *journal) fulfil(keys []string, claims state.Claims) error {
	if len(keys) == 0 {
		return nil
	}
	if err := j.expire(); err != nil {
		return err
	}
	for _, key := range keys {
		if err := j.endReservations(claims.Shares, `stack = ? AND key = ?`, j.stack, key); err != nil {
			return err
		}
	}
	return nil
}

// fulfilAt ends the reservations of the addresses that claims are about to be
// made for: an address holds things of its own, or reserved ones.
func (j *journal) fulfilAt(claims state.Claims) error {
	some, err := j.hasReservations()
	if err != nil || !some {
		return err
	}
	for address := range addressesOf(claims) {
		if err := j.endReservations(claims.Shares, heldAt, j.stack, address); err != nil {
			return err
		}
	}
	return nil
}

const heldAt = `stack = ? AND address = ? AND due = expires`

// vacate gives back what is reserved for an address that a record comes to, or
// that is said to hold something else.
func (j *journal) vacate(address string) error {
	some, err := j.hasReservations()
	if err != nil || !some {
		return err
	}
	if err := j.expire(); err != nil {
		return err
	}
	return j.endReservations(nil, heldAt, j.stack, address)
}

// hasReservations looks once a transaction: most stacks have none.
func (j *journal) hasReservations() (bool, error) {
	if j.reserving == nil {
		r, err := j.one(`SELECT 1 FROM reservations WHERE stack = ? LIMIT 1`, j.stack)
		if err != nil {
			return false, err
		}
		some := r != nil
		j.reserving = &some
	}
	return *j.reserving, nil
}
