package sqlite

import (
	"context"
	"errors"

	"github.com/cairncloud/cairn/state"
)

func (s *store) Claims(ctx context.Context, space string) ([]state.OwnedClaim, error) {
	var all []state.OwnedClaim
	err := s.read(ctx, func(c *conn) error {
		names := interned{}
		return c.query(`SELECT s.name, c.key, c.address FROM claims c JOIN stacks s ON s.id = c.stack WHERE c.space = ?`+live("c")+` ORDER BY c.key`, func(r row) error {
			all = append(all, state.OwnedClaim{Stack: names.of(r.text(0)), Claim: state.Claim{Space: space, Key: r.text(1), Address: r.text(2)}})
			return nil
		}, space, s.now())
	})
	return all, in(err, "read the claims of %s", space)
}

func (s *store) Ranges(ctx context.Context, space string) ([]state.OwnedRange, error) {
	var all []state.OwnedRange
	err := s.read(ctx, func(c *conn) error {
		names := interned{}
		return c.query(`SELECT s.name, r.lo, r.hi, r.address FROM ranges r JOIN stacks s ON s.id = r.stack WHERE r.space = ?`+live("r")+` ORDER BY r.lo`, func(r row) error {
			all = append(all, state.OwnedRange{Stack: names.of(r.text(0)), Range: state.Range{Space: space, Lo: r.bytes(1), Hi: r.bytes(2), Address: r.text(3)}})
			return nil
		}, space, s.now())
	})
	return all, in(err, "read the ranges of %s", space)
}

// claim makes the claims of a run. What is reserved for their addresses, or
// was until now, is there to be taken.
func (j *journal) claim(claims state.Claims) error {
	if len(claims.Take)+len(claims.Ranges)+len(claims.Shares) > 0 {
		if err := j.expire(); err != nil {
			return err
		}
		if err := j.fulfilAt(claims); err != nil {
			return err
		}
	}
	return j.take(claims)
}

// take makes claims. What somebody else holds is collected as ClaimedErrors,
// joined; then the transaction must not be kept.
func (j *journal) take(claims state.Claims) error {
	var taken []error
	for _, part := range []func() ([]error, error){
		func() ([]error, error) { return j.takeClaims(claims.Take) },
		func() ([]error, error) { return j.takeRanges(claims.Ranges) },
		func() ([]error, error) { return nil, j.limit(claims.Limits) },
		func() ([]error, error) { return j.takeShares(claims.Shares) },
	} {
		refused, err := part()
		if err != nil {
			return err
		}
		taken = append(taken, refused...)
	}
	return errors.Join(taken...)
}

func (j *journal) takeClaims(claims []state.Claim) (taken []error, _ error) {
	for _, c := range claims {
		n, err := j.exec(`INSERT INTO claims (space, key, stack, address, run) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, c.Space, c.Key, j.stack, c.Address, j.run)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			continue
		}
		r, err := j.one(`SELECT c.stack, c.address, s.name, c.run FROM claims c JOIN stacks s ON s.id = c.stack WHERE c.space = ? AND c.key = ?`, c.Space, c.Key)
		if err != nil {
			return nil, err
		}
		switch holder := r.text(1); {
		case r.int(0) == j.stack && holder == c.Address:
		case r.int(0) == j.stack && holder == c.From && r.int(3) >= 0:
			if _, err := j.exec(`UPDATE claims SET address = ?, run = ?, was = ? WHERE space = ? AND key = ?`, c.Address, j.run, holder, c.Space, c.Key); err != nil {
				return nil, err
			}
		default:
			taken = append(taken, &state.ClaimedError{Space: c.Space, Key: c.Key, Address: c.Address, Stack: r.text(2), Holder: holder})
		}
	}
	return taken, nil
}

// release gives back all that an address holds, and what it would get back of
// what it lets go of.
func (j *journal) release(address string) error {
	if err := j.vacate(address); err != nil {
		return err
	}
	if _, err := j.exec(`DELETE FROM claims WHERE stack = ? AND address = ?`, j.stack, address); err != nil {
		return err
	}
	if _, err := j.exec(`UPDATE claims SET was = NULL WHERE stack = ? AND was = ?`, j.stack, address); err != nil {
		return err
	}
	if _, err := j.exec(`DELETE FROM ranges WHERE stack = ? AND address = ?`, j.stack, address); err != nil {
		return err
	}
	if _, err := j.exec(`DELETE FROM ranges_before WHERE run = ? AND holder = ?`, j.run, address); err != nil {
		return err
	}
	return j.trimShares(address, nil)
}

// retain gives back all that an address holds but what is kept. It takes
// nothing: what is kept and not held stays so.
func (j *journal) retain(k *state.Kept) error {
	if err := j.vacate(k.Address); err != nil {
		return err
	}
	if err := j.trimClaims(k); err != nil {
		return err
	}
	if err := j.trimRanges(k); err != nil {
		return err
	}
	return j.trimShares(k.Address, k.Claims.Shares)
}

func (j *journal) trimClaims(k *state.Kept) error {
	kept := make(map[[2]string]bool, len(k.Claims.Take))
	for _, c := range k.Claims.Take {
		kept[[2]string{c.Space, c.Key}] = true
	}
	for _, part := range []struct{ find, free string }{
		{`SELECT space, key FROM claims WHERE stack = ? AND address = ?`, `DELETE FROM claims WHERE space = ? AND key = ?`},
		{`SELECT space, key FROM claims WHERE stack = ? AND was = ?`, `UPDATE claims SET was = NULL WHERE space = ? AND key = ?`},
	} {
		var gone [][2]string
		if err := j.query(part.find, func(r row) error {
			if c := [2]string{r.text(0), r.text(1)}; !kept[c] {
				gone = append(gone, c)
			}
			return nil
		}, j.stack, k.Address); err != nil {
			return err
		}
		for _, c := range gone {
			if _, err := j.exec(part.free, c[0], c[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveBack undoes what the run has claimed for an address of which it made
// nothing: the address holds what it held before, and so does whoever was to
// let go of something for it and has not.
func (j *journal) giveBack(address string) error {
	made, err := j.one(`SELECT 1 FROM steps INDEXED BY steps_by_address WHERE run = ? AND address = ? AND made = 1`, j.run, address)
	if err != nil || made != nil {
		return err
	}
	if _, err := j.exec(`UPDATE claims SET address = was, run = 0, was = NULL WHERE stack = ? AND address = ? AND run = ? AND was IS NOT NULL`, j.stack, address, j.run); err != nil {
		return err
	}
	if _, err := j.exec(`DELETE FROM claims WHERE stack = ? AND address = ? AND run = ?`, j.stack, address, j.run); err != nil {
		return err
	}
	if err := j.giveBackRanges(address); err != nil {
		return err
	}
	var changes []change
	if err := j.query(`SELECT space, key, amount, was FROM shares WHERE stack = ? AND address = ? AND run = ?`, func(r row) error {
		changes = append(changes, change{k: [2]string{r.text(0), r.text(1)}, now: r.int(2), to: r.int(3), gone: r[3] == nil})
		return nil
	}, j.stack, address, j.run); err != nil {
		return err
	}
	return j.changeShares(address, changes)
}

// rename gives all that one address holds to another, in the same stack.
func (j *journal) rename(from, to string) error {
	if err := j.vacate(to); err != nil {
		return err
	}
	for _, q := range []string{
		`UPDATE claims SET address = ? WHERE stack = ? AND address = ?`,
		`UPDATE ranges SET address = ? WHERE stack = ? AND address = ?`,
	} {
		if _, err := j.exec(q, to, j.stack, from); err != nil {
			return err
		}
	}
	// Of a counter that both have a share of, the shares become one.
	if _, err := j.exec(`INSERT INTO shares (space, key, stack, address, amount, run, was)
		SELECT space, key, stack, ?, amount, run, was FROM shares WHERE stack = ? AND address = ?
		ON CONFLICT (space, key, stack, address) DO UPDATE SET amount = amount + excluded.amount, run = 0, was = NULL`, to, j.stack, from); err != nil {
		return err
	}
	_, err := j.exec(`DELETE FROM shares WHERE stack = ? AND address = ?`, j.stack, from)
	return err
}
