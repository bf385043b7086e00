package ovn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
)

// run brings jobs to their ends.
func (b *batch) run(jobs []*job) {
	open := alive(jobs)
	now, err := b.read(open)
	if err != nil {
		fail(open, err)
		return
	}
	for _, j := range open {
		if j.part == nil || !j.fresh || len(j.owners) > 1 {
			j.part = b.lay(j, now)
		}
	}
	limit := maxOps
	if _, left := gather(open, maxOps); len(left) > 0 {
		limit = bulkOps
	}
	var flying []*flight
	for len(open) > 0 {
		var c *chunk
		if c, open = gather(alive(open), limit); len(c.jobs) == 0 {
			break
		}
		if f := b.send(c); f != nil {
			flying = append(flying, f)
		}
		if len(flying) > 0 && (len(flying) == inFlight || b.ordered) {
			flying = b.land(flying)
		}
	}
	for len(flying) > 0 {
		flying = b.land(flying)
	}
}

// gather puts as many jobs into a chunk as fit, one at least.
func gather(jobs []*job, limit int) (c *chunk, left []*job) {
	c = newChunk()
	for n, j := range jobs {
		if n > 0 && c.size()+len(j.part.ops) > limit {
			return c, jobs[n:]
		}
		c.add(j, j.part)
	}
	return c, nil
}

// alive are the jobs that may go on: those that have not failed, nor come after
// one that has.
func alive(jobs []*job) []*job {
	var all []*job
	for _, j := range jobs {
		if j.err == nil && slices.ContainsFunc(j.after, func(a *job) bool { return a.err != nil }) {
			j.err = fmt.Errorf("%s: %w", j.what, providers.ErrAfter)
		}
		if j.err == nil {
			all = append(all, j)
		}
	}
	return all
}

// A flight is a chunk that is under way.
type flight struct {
	*chunk
	results []ovsdb.OperationResult
	err     error
	done    chan struct{}
}

// send commits a chunk; nil when there is nothing to.
func (b *batch) send(c *chunk) *flight {
	if c.empty() {
		return nil
	}
	var counter []ovsdb.Operation
	if b.waits() {
		counter = count()
	}
	ops := c.operations(counter)
	if b.sent != nil {
		b.sent(ops)
	}
	f := &flight{chunk: c, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.results, f.err = b.nb.transact(b.ctx, ops...)
	}()
	return f
}

// land waits for the first of some chunks. When it was refused, those behind it
// may have been for its sake: they are tried again after it is dealt with.
func (b *batch) land(flying []*flight) []*flight {
	first, rest := flying[0], flying[1:]
	<-first.done
	if first.err == nil {
		b.landed(first.chunk, first.results)
		return rest
	}
	var undone []*job
	for _, f := range rest {
		if <-f.done; f.err == nil {
			b.landed(f.chunk, f.results)
		} else {
			undone = append(undone, f.jobs...)
		}
	}
	b.failed(first.chunk, first.err)
	if len(undone) > 0 {
		b.run(undone)
	}
	return nil
}

// failed deals with a chunk that did not land. A refusal fails only who is to blame.
func (b *batch) failed(c *chunk, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
		b.refused(c, no)
	case errors.Is(err, errLost) && b.nb.back(b.ctx) == nil:
		b.again(c.jobs, err) // reading back tells whether it was done
	default:
		fail(c.jobs, err)
	}
}

// count says that NB_Global.nb_cfg goes up by one, and asks what it is then.
func count() []ovsdb.Operation {
	any := []ovsdb.Condition{ovsdb.NewCondition("nb_cfg", ovsdb.ConditionGreaterThanOrEqual, 0)}
	return []ovsdb.Operation{
		{Op: ovsdb.OperationMutate, Table: "NB_Global", Where: any, Mutations: []ovsdb.Mutation{*ovsdb.NewMutation("nb_cfg", ovsdb.MutateOperationAdd, 1)}},
		{Op: ovsdb.OperationSelect, Table: "NB_Global", Columns: []string{"nb_cfg"}},
	}
}

// landed keeps what a committed chunk has changed. A row that nothing refers to
// is gone with the commit that made it, without a word of the server: its parent
// was changed by nobody.
func (b *batch) landed(c *chunk, results []ovsdb.OperationResult) {
	for i, p := range c.joined {
		if r := results[c.firstJoin+i]; r.Count == 0 {
			fail(c.joiners[p], fmt.Errorf("%s %s is gone, and with it what was to be in its %s", p.Table, p.ID, p.Column))
		}
	}
	if b.waits() {
		if last := results[len(results)-1]; len(last.Rows) > 0 {
			if n, ok := last.Rows[0]["nb_cfg"].(float64); ok {
				b.cfg = int(n)
			}
		}
	}
	b.largest = max(b.largest, len(results))
	for _, j := range c.jobs {
		for _, o := range j.owners[1:] {
			b.settled[o.id] = true
		}
	}
	b.index.change(c)
}

// refused finds who is to blame. Where the server does not say, halves are tried.
func (b *batch) refused(c *chunk, no *refusal) {
	var guilty []*job
	switch i := no.op - len(c.needs); {
	case no.op < len(c.needs):
		n := c.needed[no.op]
		guilty = c.needs[n]
		fail(guilty, fmt.Errorf("%s %s, which it needs, is not there", n.table, n.id))
	case no.op >= c.firstGone && no.op < c.firstGone+len(c.gone):
		o := c.gone[no.op-c.firstGone]
		guilty = []*job{o.job}
		if o.inUse {
			fail(guilty, fmt.Errorf("%w: %s still has ports", providers.ErrInUse, o.row))
		} else {
			fail(guilty, fmt.Errorf("OVN refuses to remove %s: %w", o.row, no))
		}
	case i < len(c.ops):
		j := c.ops[i].job
		switch {
		case j.fresh && no.name == "duplicate uuid", c.ops[i].guard:
			b.again(c.jobs, fmt.Errorf("somebody else keeps changing %s", c.ops[i].row))
			return
		default:
			guilty = []*job{j}
			fail(guilty, fmt.Errorf("OVN refuses %s: %w", c.ops[i].row, no))
		}
	case len(c.jobs) == 1:
		fail(c.jobs, fmt.Errorf("OVN refuses it: %w", no))
		return
	default:
		half := len(c.jobs) / 2
		b.run(c.jobs[:half])
		b.run(c.jobs[half:])
		return
	}
	b.run(slices.DeleteFunc(slices.Clone(c.jobs), func(j *job) bool { return slices.Contains(guilty, j) }))
}

// again tries jobs once more, from what is there now.
func (b *batch) again(jobs []*job, why error) {
	for _, j := range jobs {
		j.fresh = false
		if j.tries++; j.tries >= maxTries {
			j.err = fmt.Errorf("%s: %w", j.what, why)
		}
	}
	if _, err := b.known(b.ctx); err != nil {
		fail(jobs, err)
		return
	}
	b.run(jobs)
}
