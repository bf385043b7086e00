package ovn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/cloud"
)

const (
	// patience is how long a change may take to reach the chassis.
	patience = 60 * time.Second
	// stillness is how long a chassis that did not keep up before the change may stay
	// behind before nobody waits for it: it is down.
	stillness = 5 * time.Second
	// glance is when chassis are first looked at one by one: most changes are there by
	// then.
	glance = 500 * time.Millisecond
)

func (d *Driver) waits() bool { return d.conf.Wait != cloud.WaitNone }

// await waits until northd has translated what was committed and, if so wished,
// every chassis that is alive has it (ovn-nb(5), NB_Global: nb_cfg, sb_cfg,
// hv_cfg).
func (d *Driver) await(ctx context.Context, target int) error {
	if target == 0 || !d.waits() {
		return nil
	}
	limit := d.conf.Patience
	if limit == 0 {
		limit = patience
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	var quiet lull
	for pause := 5 * time.Millisecond; ; pause = min(pause*3/2, 250*time.Millisecond) {
		sb, hv, err := d.reached(bounded)
		switch {
		case errors.Is(err, errLost) && d.nb.back(bounded) == nil: // what was committed is there again
		case err != nil && bounded.Err() == nil:
			return fmt.Errorf("%w: %w", providers.ErrUnrealised, err)
		case err == nil && sb >= target && (hv >= target || d.conf.Wait == cloud.WaitSB): // without a chassis hv runs ahead
			return nil
		case err == nil && sb >= target && time.Since(began) > glance && len(d.sb.endpoints) > 0:
			if d.down(bounded, target, &quiet) {
				return nil
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-bounded.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", providers.ErrUnrealised, ctx.Err())
			}
			return d.unrealised(ctx, target, sb, limit)
		}
	}
}

func (d *Driver) reached(ctx context.Context) (sb, hv int, err error) {
	results, err := d.nb.transact(ctx, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "NB_Global", Columns: []string{"sb_cfg", "hv_cfg"}})
	if err != nil {
		return 0, 0, err
	}
	if len(results[0].Rows) == 0 {
		return 0, 0, errors.New("the northbound database has no NB_Global row: ovn-northd has never run on it")
	}
	return number(results[0].Rows[0]["sb_cfg"]), number(results[0].Rows[0]["hv_cfg"]), nil
}

func number(v any) int {
	n, _ := v.(float64)
	return int(n)
}

// lagging are the chassis that have not taken up a change, with what they have.
func (d *Driver) lagging(ctx context.Context, target int) (map[string]int, error) {
	results, err := d.sb.transact(ctx, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Chassis_Private", Columns: []string{"name", "nb_cfg"},
		Where: []ovsdb.Condition{ovsdb.NewCondition("nb_cfg", ovsdb.ConditionLessThan, target)}})
	if err != nil {
		return nil, err
	}
	all := map[string]int{}
	for _, r := range results[0].Rows {
		all[atom(r["name"])] = number(r["nb_cfg"])
	}
	return all, nil
}

// A lull is a time in which the chassis that lag have not moved.
type lull struct {
	since   time.Time
	lagging map[string]int
}

// down reports whether all chassis that lag were behind before the change already
// and have done nothing for a while: they are switched off, and get everything
// when they come back.
func (d *Driver) down(ctx context.Context, target int, quiet *lull) bool {
	now, err := d.lagging(ctx, target)
	if err != nil {
		return false
	}
	moving := quiet.lagging == nil
	for name, cfg := range now {
		was, known := quiet.lagging[name]
		moving = moving || !known || was != cfg || cfg >= target-1
	}
	if moving {
		*quiet = lull{time.Now(), now}
	}
	return time.Since(quiet.since) >= stillness
}

func (d *Driver) unrealised(ctx context.Context, target, sb int, limit time.Duration) error {
	if sb < target {
		return fmt.Errorf("%w: the rows are committed, but after %s %w", providers.ErrUnrealised, limit, errNorthd)
	}
	text := "some chassis have not taken it up"
	if len(d.sb.endpoints) > 0 {
		look, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTime)
		defer cancel()
		if all, err := d.lagging(look, target); err == nil && len(all) > 0 {
			var names []string
			for name := range all {
				names = append(names, name)
			}
			text = "chassis " + strings.Join(sorted(names), ", ") + " have not taken it up: is ovn-controller running there?"
		}
	}
	return fmt.Errorf("%w: the rows are committed and translated, but after %s %s", providers.ErrUnrealised, limit, text)
}
