package ovn

import (
	"context"
	"fmt"
	"reflect"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// maxOps bounds a transaction: its cost grows faster than its size, and a
// cluster holds its elections meanwhile.
const maxOps = 1000

// bulkOps bounds the transactions of what one can't hold: the server takes several
// of them in half the time of a large one.
const bulkOps = 200

// inFlight is how many transactions are under way at once: one is written while
// the server is at another.
const inFlight = 2

// maxTries bounds how often a change is laid out again because others wrote to
// the same rows meanwhile, or because the connection broke off.
const maxTries = 4

// A job is one change under way.
type job struct {
	owners []owner // the object first, then those whose rows hang on it
	what   string  // port 5f0c...
	object any     // what the call answers with
	fresh  bool    // nothing of it is thought to be there
	part   *part   // what it writes, laid out beforehand as if it were fresh
	tries  int
	up     bool // a port of it is in use
	err    error

	readers []any  // whose rows may hang on it
	after   []*job // that must land before it
}

// answer is the object as it is now.
func (j *job) answer() any {
	p, ok := j.object.(*resources.Port)
	if !ok {
		return j.object
	}
	told := *p
	told.Status = status(j.up)
	return &told
}

// An owner is an object and the rows that it comes to.
type owner struct {
	id     string
	wanted []rows.Row
	former []rows.Row // what it came to before, as far as a record tells
}

// Batch makes several changes in as few transactions as their order allows.
// Calls overlap: one is laid out while another writes, and waiting for the
// chassis holds nobody up.
func (d *Driver) Batch(ctx context.Context, w schema.World, changes []providers.Change) []providers.Result {
	b := &batch{Driver: d, ctx: ctx, settled: map[string]bool{}}
	jobs := make([]*job, len(changes))
	batched := make(map[string]bool, len(changes))
	for i, c := range changes {
		jobs[i] = b.job(w, c)
		for _, n := range c.After {
			jobs[i].after = append(jobs[i].after, jobs[n])
			b.ordered = true
		}
		batched[jobs[i].owners[0].id] = true
	}
	b.write(w, jobs, batched)
	late := d.await(ctx, b.cfg)
	results := make([]providers.Result, len(changes))
	for i, j := range jobs {
		results[i] = providers.Result{Object: j.answer(), Err: j.err}
		if j.err == nil && late != nil {
			results[i].Err = fmt.Errorf("%s: %w", j.what, late)
		}
	}
	return results
}

func (b *batch) write(w schema.World, jobs []*job, batched map[string]bool) {
	if _, _, err := b.layouts(b.ctx); err != nil {
		fail(jobs, err)
		return
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	for _, j := range jobs {
		if err := b.admit(w, j, batched); err != nil && j.err == nil {
			j.err = fmt.Errorf("%s: %w", j.what, err)
		}
	}
	b.run(jobs)
}

func or(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// batch is the changes of one call.
type batch struct {
	*Driver
	ctx context.Context
	// settled are the neighbours whose rows have been written
	settled map[string]bool
	// ordered: some jobs must not land before others
	ordered bool
	cfg     int // what NB_Global.nb_cfg is after the last transaction; 0: nobody waits
}

// job says what a change means for the object itself.
func (b *batch) job(w schema.World, c providers.Change) *job {
	subject := or(c.Want, c.Have)
	t := b.types.ByGo(reflect.TypeOf(subject).Elem())
	own := owner{id: b.id(subject)}
	j := &job{what: t.Name + " " + own.id, object: c.Want, fresh: c.Have == nil}
	if c.Have != nil {
		own.former = rows.Of(w, c.Have)
		j.readers = rows.Readers(w, c.Have)
	}
	if c.Want != nil {
		own.wanted = rows.Of(w, c.Want)
		j.readers = append(j.readers, rows.Readers(w, c.Want)...)
	}
	j.owners = []owner{own}
	err := b.ctx.Err()
	if c, ok := c.Want.(schema.Checker); ok && err == nil {
		err = c.Check()
	}
	if err != nil {
		j.err = fmt.Errorf("%s: %w", j.what, err)
		return j
	}
	if j.fresh {
		j.part = b.lay(j, nil)
	}
	return j
}

// admit adds what a change means for others: for those already there whose rows
// hang on the object.
func (b *batch) admit(w schema.World, j *job, batched map[string]bool) error {
	if j.err != nil {
		return j.err
	}
	own := &j.owners[0]
	if err := b.fits(own.wanted); err != nil {
		return err
	}
	if len(j.readers) == 0 && j.fresh && b.index == nil { // the server says when it is there already
		return nil
	}
	known, err := b.known(b.ctx)
	if err != nil {
		return err
	}
	met := map[string]bool{}
	for _, r := range j.readers {
		id := b.id(r)
		if met[id] || batched[id] || len(known.owned[id]) == 0 {
			continue
		}
		met[id] = true
		j.owners = append(j.owners, owner{id: id, wanted: rows.Of(w, r)})
	}
	if len(known.owned[own.id]) > 0 {
		j.fresh = false
	}
	return nil
}

func fail(jobs []*job, err error) {
	for _, j := range jobs {
		if j.err == nil {
			j.err = fmt.Errorf("%s: %w", j.what, err)
		}
	}
}

// read looks at what is there of jobs that are not all new.
func (b *batch) read(jobs []*job) (*snapshot, error) {
	var wanted []rows.Row
	also := map[string]string{}
	for _, j := range jobs {
		for i, o := range j.owners {
			if i == 0 && j.fresh {
				continue
			}
			wanted = append(wanted, o.wanted...)
			for _, r := range o.former {
				also[r.ID] = r.Table
			}
			if b.index != nil {
				for _, id := range b.index.owned[o.id] {
					also[id] = b.index.rows[id].table
				}
			}
		}
	}
	if len(wanted)+len(also) == 0 {
		return newSnapshot(), nil
	}
	return b.fetch(b.ctx, wanted, also)
}
