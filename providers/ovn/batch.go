package ovn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/ovn-org/libovsdb/ovsdb"

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
	if err := b.ctx.Err(); err != nil {
		j.err = fmt.Errorf("%s: %w", j.what, err)
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

// lay says what is to be written for a job, given what is there.
func (b *batch) lay(j *job, now *snapshot) *part {
	p := &part{job: j}
	for i, o := range j.owners {
		if i > 0 && b.settled[o.id] {
			continue
		}
		there := now
		if i == 0 && j.fresh {
			there = newSnapshot()
		}
		wanted := map[string]bool{}
		for _, r := range o.wanted {
			wanted[r.ID] = true
			b.layRow(p, there, r)
		}
		for id, places := range b.leftovers(o, wanted, i == 0 && j.fresh) {
			h, ok := there.rows[id]
			if !ok || h.owner() != o.id {
				continue
			}
			p.leave(places, id)
			if column := guarded[h.table]; column != "" {
				now := 0
				p.ops = append(p.ops, op{Operation: ovsdb.Operation{Op: ovsdb.OperationWait, Table: h.table, Where: is(id), Columns: []string{column}, Until: "==",
					Rows: []ovsdb.Row{{column: wire(rows.Set{})}}, Timeout: &now}, job: j, id: id, row: h.table + " " + id, inUse: true})
			}
			p.ops = append(p.ops, op{Operation: ovsdb.Operation{Op: ovsdb.OperationDelete, Table: h.table, Where: is(id)}, job: j, id: id, row: h.table + " " + id})
			p.deleted = append(p.deleted, id)
		}
	}
	return p
}

// leftovers are rows of an object that it does not come to any more, with where
// they are.
func (b *batch) leftovers(o owner, wanted map[string]bool, fresh bool) map[string][]rows.Place {
	all := map[string][]rows.Place{}
	for _, r := range o.former {
		if !wanted[r.ID] {
			all[r.ID] = r.Into
		}
	}
	if b.index != nil && !fresh {
		for _, id := range b.index.owned[o.id] {
			if !wanted[id] {
				all[id] = b.index.rows[id].places
			}
		}
	}
	return all
}

func (b *batch) layRow(p *part, there *snapshot, r rows.Row) {
	h, ok := there.rows[r.ID]
	if !ok {
		row := make(ovsdb.Row, len(r.Columns))
		for name, v := range r.Columns {
			row[name] = wire(v)
		}
		p.ops = append(p.ops, op{Operation: ovsdb.Operation{Op: ovsdb.OperationInsert, Table: r.Table, UUID: r.ID, Row: row}, job: p.job, id: r.ID, row: named(r)})
		p.inserted = append(p.inserted, entry{id: r.ID, table: r.Table, owner: r.Map("external_ids")[idMark], places: r.Into})
		p.join(r.Into, r)
		p.need(r)
		return
	}
	if r.Table == "Logical_Switch_Port" {
		p.job.up = p.job.up || canonSet(h.columns["up"]) != nil && canonSet(h.columns["up"])[0] == "true"
	}
	var missing, besides []rows.Place
	for _, place := range r.Into {
		if !slices.Contains(there.places[r.ID], place) {
			missing = append(missing, place)
		}
	}
	if b.index != nil {
		if e, ok := b.index.rows[r.ID]; ok {
			for _, place := range e.places {
				if !slices.Contains(r.Into, place) {
					besides = append(besides, place)
				}
			}
		}
	}
	if len(missing)+len(besides) > 0 {
		p.moved = append(p.moved, entry{id: r.ID, table: r.Table, owner: h.owner(), places: r.Into})
	}
	p.join(missing, r)
	p.leave(besides, r.ID)
	b.layColumns(p, there, h, r)
}

// layColumns changes the columns of a row that are not as they are wanted,
// unless somebody else changes them first.
func (b *batch) layColumns(p *part, there *snapshot, h held, r rows.Row) {
	unlike := there.unlike(b.tables[r.Table], h, r)
	if len(unlike) == 0 {
		return
	}
	was, row := ovsdb.Row{}, ovsdb.Row{}
	for _, c := range unlike {
		was[c.name] = h.columns[c.name]
		row[c.name] = wire(r.Columns[c.name])
		if r.Columns[c.name] == nil {
			row[c.name] = empty(r.Table, c.name)
		}
		if c.name == "external_ids" { // marks of others stay
			marks := rows.Map{}
			for k, v := range canonMap(h.columns[c.name]) {
				marks[k] = v
			}
			maps.DeleteFunc(marks, func(k, _ string) bool { return len(k) > 6 && k[:6] == "cairn:" })
			maps.Copy(marks, r.Map(c.name))
			row[c.name] = wire(marks)
		}
	}
	now := 0
	p.ops = append(p.ops,
		op{Operation: ovsdb.Operation{Op: ovsdb.OperationWait, Table: r.Table, Where: is(r.ID), Columns: slices.Sorted(maps.Keys(was)), Until: "==", Rows: []ovsdb.Row{was}, Timeout: &now}, job: p.job, id: r.ID, row: named(r), guard: true},
		op{Operation: ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: r.Table, Where: is(r.ID), Row: row}, job: p.job, id: r.ID, row: named(r)})
	p.need(r)
}
