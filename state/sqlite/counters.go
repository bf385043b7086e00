package sqlite

import (
	"context"
	"math"

	"github.com/cairncloud/cairn/state"
)

func (s *store) Sum(ctx context.Context, space, key string) (state.Sum, error) {
	sum := state.Sum{Max: -1}
	err := s.read(ctx, func(c *conn) error {
		r, err := c.one(`SELECT used, lim FROM counters WHERE space = ? AND key = ?`, space, key)
		if err != nil || r == nil {
			return err
		}
		sum.Used, sum.Max = r.int(0), max(r.int(1), -1)
		names := interned{}
		return c.query(`SELECT s.name, x.address, x.amount, 1`+live("x")+` FROM shares x JOIN stacks s ON s.id = x.stack WHERE x.space = ? AND x.key = ? ORDER BY s.name, x.address`, func(r row) error {
			if !r.bool(3) {
				sum.Used -= r.int(2)
				return nil
			}
			sum.Shares = append(sum.Shares, state.OwnedShare{Stack: names.of(r.text(0)), Share: state.Share{Space: space, Key: key, Address: r.text(1), Amount: r.int(2)}})
			return nil
		}, s.now(), space, key)
	})
	return sum, in(err, "read the sum of %s %s", space, key)
}

// limit sets limits. One below what is used holds back growth only.
func (j *journal) limit(limits []state.Limit) error {
	for _, l := range limits {
		lim := max(l.Max, -1)
		if _, err := j.exec(`INSERT INTO counters (space, key, used, lim, bound) VALUES (?, ?, 0, ?, ?)
			ON CONFLICT (space, key) DO UPDATE SET lim = excluded.lim, bound = max(excluded.lim, used)`, l.Space, l.Key, lim, lim); err != nil {
			return err
		}
	}
	return nil
}

// A counter as one call takes from it.
type counter struct {
	used, left, lim int64
	shares          []state.Share
	asked           map[string]int   // index of an address in shares
	had             map[string]int64 // by address, of this stack
}

// takeShares replaces shares by new amounts. All that shrinks is done first, so
// that what an object gives up is there for the others of the same call.
func (j *journal) takeShares(shares []state.Share) (refused []error, _ error) {
	counters := map[[2]string]*counter{}
	var order [][2]string
	for _, s := range shares {
		k := [2]string{s.Space, s.Key}
		c := counters[k]
		if c == nil {
			c = &counter{had: map[string]int64{}, asked: map[string]int{}}
			counters[k] = c
			order = append(order, k)
		}
		if i, again := c.asked[s.Address]; again { // the last word counts
			c.shares[i] = s
			continue
		}
		c.asked[s.Address] = len(c.shares)
		c.shares = append(c.shares, s)
	}
	for _, k := range order {
		c := counters[k]
		if err := j.load(k, c); err != nil {
			return nil, err
		}
		over := c.settle()
		refused = append(refused, over...)
		if len(over) > 0 {
			continue
		}
		if err := j.use(k, c); err != nil {
			return nil, err
		}
		for _, s := range c.shares {
			if _, err := j.exec(`INSERT INTO shares (space, key, stack, address, amount, run) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (space, key, stack, address) DO UPDATE SET was = iif(run = excluded.run, was, amount), run = excluded.run, amount = excluded.amount
				WHERE amount <> excluded.amount`, s.Space, s.Key, j.stack, s.Address, s.Amount, j.run); err != nil {
				return nil, err
			}
		}
	}
	return refused, nil
}

// load reads a counter, which is made where there is none, and the shares that
// its askers have: one by one when they are few.
func (j *journal) load(k [2]string, c *counter) error {
	if _, err := j.exec(`INSERT INTO counters (space, key, used, lim, bound) VALUES (?, ?, 0, -1, 0) ON CONFLICT DO NOTHING`, k[0], k[1]); err != nil {
		return err
	}
	r, err := j.one(`SELECT used, lim, bound FROM counters WHERE space = ? AND key = ?`, k[0], k[1])
	if err != nil {
		return err
	}
	c.used, c.lim = r.int(0), r.int(1)
	c.left = math.MaxInt64
	if c.lim >= 0 {
		c.left = c.lim - c.used
	}
	add := func(r row) error { c.had[r.text(0)] = r.int(1); return nil }
	if len(c.shares) > 8 {
		return j.query(`SELECT address, amount FROM shares WHERE space = ? AND key = ? AND stack = ?`, add, k[0], k[1], j.stack)
	}
	for _, s := range c.shares {
		if err := j.query(`SELECT address, amount FROM shares WHERE space = ? AND key = ? AND stack = ? AND address = ?`, add, k[0], k[1], j.stack, s.Address); err != nil {
			return err
		}
	}
	return nil
}

// settle reckons the new use, and what can't be had. Every asker that doesn't
// fit is told what it could have had beside those before it.
func (c *counter) settle() (refused []error) {
	for _, grows := range []bool{false, true} {
		for _, s := range c.shares {
			more := s.Amount - c.had[s.Address]
			if (more > 0) != grows {
				continue
			}
			if more > 0 && more > c.left {
				refused = append(refused, &state.ClaimedError{Space: s.Space, Key: s.Key, Address: s.Address, Want: s.Amount, Left: max(0, c.left) + c.had[s.Address]})
				continue
			}
			c.had[s.Address] = s.Amount
			c.used += more
			if c.lim >= 0 {
				c.left -= more
			}
		}
	}
	return refused
}

// use writes what is used of a counter. The bound falls with it, and the
// table's CHECK refuses what would pass it, should the reckoning be wrong.
func (j *journal) use(k [2]string, c *counter) error {
	_, err := j.exec(`UPDATE counters SET bound = max(lim, min(bound, ?)), used = ? WHERE space = ? AND key = ?`, c.used, c.used, k[0], k[1])
	return err
}

// trimShares gives back what an address has of any counter beyond what is kept.
func (j *journal) trimShares(address string, kept []state.Share) error {
	keep := map[[2]string]int64{}
	for _, s := range kept {
		keep[[2]string{s.Space, s.Key}] = s.Amount
	}
	var changes []change
	if err := j.query(`SELECT space, key, amount FROM shares WHERE stack = ? AND address = ?`, func(r row) error {
		k := [2]string{r.text(0), r.text(1)}
		to, stays := keep[k]
		if now := r.int(2); !stays || to < now {
			changes = append(changes, change{k, now, to, !stays})
		}
		return nil
	}, j.stack, address); err != nil {
		return err
	}
	return j.changeShares(address, changes)
}

// A change is one share that becomes another amount, or goes.
type change struct {
	k       [2]string
	now, to int64
	gone    bool
}

// changeShares never asks for a limit: shares get smaller by it, or become
// what they were.
func (j *journal) changeShares(address string, changes []change) error {
	for _, x := range changes {
		var err error
		if x.gone {
			_, err = j.exec(`DELETE FROM shares WHERE space = ? AND key = ? AND stack = ? AND address = ?`, x.k[0], x.k[1], j.stack, address)
		} else {
			_, err = j.exec(`UPDATE shares SET amount = ?, run = 0, was = NULL WHERE space = ? AND key = ? AND stack = ? AND address = ?`, x.to, x.k[0], x.k[1], j.stack, address)
		}
		if err != nil {
			return err
		}
		less := x.now - x.to
		if _, err := j.exec(`UPDATE counters SET bound = max(lim, used - ?), used = used - ? WHERE space = ? AND key = ?`, less, less, x.k[0], x.k[1]); err != nil {
			return err
		}
	}
	return nil
}
