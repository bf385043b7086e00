package ovn

import (
	"maps"
	"slices"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// An op is an operation with whose it is.
type op struct {
	ovsdb.Operation
	job   *job
	id    string // of the row
	row   string // for people
	guard bool   // it only holds others off
	inUse bool   // it fails while something is in the row
}

// need is a row that must be there for others to be kept.
type need struct{ table, id string }

// member is a row and a place that it comes into or leaves.
type member struct {
	place rows.Place
	id    string
}

// A part is what one job writes.
type part struct {
	job             *job
	ops             []op
	joins, leaves   []member
	needs           []need
	inserted, moved []entry
	deleted         []string
}

func (p *part) join(places []rows.Place, r rows.Row) {
	for _, place := range places {
		p.joins = append(p.joins, member{place, r.ID})
		p.needs = append(p.needs, need{place.Table, place.ID})
	}
}

func (p *part) leave(places []rows.Place, id string) {
	for _, place := range places {
		p.leaves = append(p.leaves, member{place, id})
	}
}

// need notes what a row refers to: a reference to what is not there is dropped by
// the server without a word.
func (p *part) need(r rows.Row) {
	columns := nbschema.Northbound().Tables[r.Table].Columns
	add := func(name string, v any) {
		if ref, ok := v.(rows.Ref); ok {
			p.needs = append(p.needs, need{columns[name].Type.Key.RefTable, string(ref)})
		}
	}
	for name, v := range r.Columns {
		add(name, v)
		if set, ok := v.(rows.Set); ok {
			for _, e := range set {
				add(name, e)
			}
		}
	}
}

// A chunk is the parts of one transaction.
type chunk struct {
	jobs            []*job
	ops             []op
	gone            []op // rows that go, after what left them
	firstGone       int
	needs           map[need][]*job
	needed          []need // in the order of their operations
	joins, leaves   map[rows.Place][]string
	joiners         map[rows.Place][]*job
	joined          []rows.Place // in the order of their operations
	firstJoin       int
	inserted, moved []entry
	made, deleted   map[string]bool
	writers         map[string]*job // by row
}

func newChunk() *chunk {
	return &chunk{needs: map[need][]*job{}, joins: map[rows.Place][]string{}, leaves: map[rows.Place][]string{}, joiners: map[rows.Place][]*job{}, made: map[string]bool{}, deleted: map[string]bool{}, writers: map[string]*job{}}
}

func (c *chunk) add(j *job, p *part) {
	c.jobs = append(c.jobs, j)
	for _, o := range p.ops {
		if other := c.writers[o.id]; other != nil && other != j { // two jobs come to the same rows of a neighbour
			continue
		}
		c.writers[o.id] = j
		if o.Op == ovsdb.OperationDelete || o.inUse {
			c.gone = append(c.gone, o)
			continue
		}
		c.ops = append(c.ops, o)
		if o.Op == ovsdb.OperationInsert {
			c.made[o.id] = true
		}
	}
	for _, n := range p.needs {
		if jobs := c.needs[n]; len(jobs) == 0 || jobs[len(jobs)-1] != j {
			c.needs[n] = append(jobs, j)
		}
	}
	for _, m := range p.joins {
		c.joins[m.place] = append(c.joins[m.place], m.id)
		c.joiners[m.place] = append(c.joiners[m.place], j)
	}
	for _, m := range p.leaves {
		c.leaves[m.place] = append(c.leaves[m.place], m.id)
	}
	c.inserted, c.moved = append(c.inserted, p.inserted...), append(c.moved, p.moved...)
	for _, id := range p.deleted {
		c.deleted[id] = true
	}
}

// size is about how many operations the chunk comes to.
func (c *chunk) size() int {
	return len(c.ops) + len(c.gone) + len(c.needs) + len(c.joins) + len(c.leaves) + 2
}

func (c *chunk) empty() bool { return len(c.ops)+len(c.gone)+len(c.joins)+len(c.leaves) == 0 }

// operations puts the chunk into the order in which the server takes it: first
// what must be there, then the rows, then where they are. more comes last.
func (c *chunk) operations(more []ovsdb.Operation) []ovsdb.Operation {
	for n := range c.needs {
		if c.made[n.id] { // it comes with the chunk
			delete(c.needs, n)
		}
	}
	c.needed = slices.SortedFunc(maps.Keys(c.needs), func(a, b need) int { return compare(a.table+a.id, b.table+b.id) })
	var all []ovsdb.Operation
	now := 0
	for _, n := range c.needed {
		all = append(all, ovsdb.Operation{Op: ovsdb.OperationWait, Table: n.table, Where: is(n.id), Columns: []string{"_uuid"}, Until: "==",
			Rows: []ovsdb.Row{{"_uuid": ovsdb.UUID{GoUUID: n.id}}}, Timeout: &now})
	}
	for _, o := range c.ops {
		all = append(all, o.Operation)
	}
	for _, p := range sortedPlaces(c.leaves) {
		if !c.deleted[p.ID] || guarded[p.Table] == p.Column {
			all = append(all, mutate(p, ovsdb.MutateOperationDelete, c.leaves[p]))
		}
	}
	c.firstGone = len(all)
	for _, o := range c.gone {
		all = append(all, o.Operation)
	}
	c.joined, c.firstJoin = sortedPlaces(c.joins), len(all)
	for _, p := range c.joined {
		all = append(all, mutate(p, ovsdb.MutateOperationInsert, c.joins[p]))
	}
	return append(all, more...)
}

func sortedPlaces(m map[rows.Place][]string) []rows.Place {
	return slices.SortedFunc(maps.Keys(m), func(a, b rows.Place) int {
		return compare(a.Table+a.ID+a.Column, b.Table+b.ID+b.Column)
	})
}

func mutate(p rows.Place, how ovsdb.Mutator, ids []string) ovsdb.Operation {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	set := make([]any, len(ids))
	for i, id := range ids {
		set[i] = ovsdb.UUID{GoUUID: id}
	}
	return ovsdb.Operation{Op: ovsdb.OperationMutate, Table: p.Table, Where: is(p.ID), Mutations: []ovsdb.Mutation{*ovsdb.NewMutation(p.Column, how, ovsdb.OvsSet{GoSet: set})}}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// guarded are the columns whose members keep a row from going: OVN itself would
// take the ports along.
var guarded = map[string]string{"Logical_Switch": "ports", "Logical_Router": "ports", "Port_Group": "ports"}

// empty is what clears a column.
func empty(table, column string) any {
	t := nbschema.Northbound().Tables[table].Columns[column].Type
	switch {
	case t.Value != nil:
		return wire(rows.Map{})
	case t.Max != 1 || t.Min == 0:
		return wire(rows.Set{})
	}
	switch t.Key.Type {
	case "integer", "real":
		return 0
	case "boolean":
		return false
	}
	return ""
}
