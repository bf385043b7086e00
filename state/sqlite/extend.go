package sqlite

import (
	"context"

	"github.com/cairncloud/cairn/state"
)

func (l *lease) Extend(ctx context.Context, run int64, more state.Extension) error {
	return l.write(ctx, run, func(j *journal) error {
		if err := j.endAll(more.Ends); err != nil {
			return err
		}
		if err := j.fulfil(more.Fulfil, more.Claims); err != nil {
			return err
		}
		if err := j.settle(&more); err != nil {
			return err
		}
		if err := j.claim(more.Claims); err != nil {
			return err
		}
		if len(more.Steps) == 0 {
			return nil
		}
		return j.intendAll(more.Steps)
	})
}

// settle makes what the run took for addresses that it has made something of
// theirs for good, so that a new step of the same address which comes to
// nothing gives back what was taken for it and no more.
func (j *journal) settle(more *state.Extension) error {
	seen := addressesOf(more.Claims)
	for i := range more.Steps {
		seen[more.Steps[i].Address] = true
	}
	for address := range seen {
		made, err := j.exec(`UPDATE steps INDEXED BY steps_by_address SET made = 2 WHERE run = ? AND address = ? AND made = 1`, j.run, address)
		if err != nil {
			return err
		}
		if made == 0 {
			continue
		}
		for _, q := range []string{
			`UPDATE claims SET run = 0, was = NULL WHERE stack = ? AND address = ? AND run = ?`,
			`UPDATE ranges SET run = 0 WHERE stack = ? AND address = ? AND run = ?`,
			`UPDATE shares SET run = 0, was = NULL WHERE stack = ? AND address = ? AND run = ?`,
		} {
			if _, err := j.exec(q, j.stack, address, j.run); err != nil {
				return err
			}
		}
		if _, err := j.exec(`DELETE FROM ranges_before WHERE run = ? AND address = ?`, j.run, address); err != nil {
			return err
		}
	}
	return nil
}

// addressesOf are those that claims are made for.
func addressesOf(claims state.Claims) map[string]bool {
	all := map[string]bool{}
	for _, c := range claims.Take {
		all[c.Address] = true
	}
	for _, r := range claims.Ranges {
		all[r.Address] = true
	}
	for _, s := range claims.Shares {
		all[s.Address] = true
	}
	return all
}
