package ovn

import (
	"context"
	"slices"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// An index knows which rows carry our marks, and where they are. It is what the
// last look found and our own changes since; of what others do it learns with
// the next look.
type index struct {
	rows  map[string]entry
	owned map[string][]string // by the id of the object
}

// An entry is one row.
type entry struct {
	id, table, owner string
	places           []rows.Place
}

func newIndex(s *snapshot) *index {
	x := &index{rows: make(map[string]entry, len(s.rows)), owned: make(map[string][]string, len(s.owned))}
	for id, h := range s.rows {
		x.rows[id] = entry{id, h.table, h.owner(), s.places[id]}
	}
	for owner, ids := range s.owned {
		x.owned[owner] = slices.Clone(ids)
	}
	return x
}

// known answers with the index, made when there is none.
func (d *Driver) known(ctx context.Context) (*index, error) {
	if d.index != nil {
		return d.index, nil
	}
	s, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	d.index = newIndex(s)
	return d.index, nil
}

// change follows a committed chunk.
func (x *index) change(c *chunk) {
	if x == nil {
		return
	}
	for id := range c.deleted {
		if e, ok := x.rows[id]; ok {
			x.owned[e.owner] = slices.DeleteFunc(x.owned[e.owner], func(o string) bool { return o == id })
			delete(x.rows, id)
		}
	}
	for _, e := range c.inserted {
		if _, ok := x.rows[e.id]; !ok {
			x.owned[e.owner] = append(x.owned[e.owner], e.id)
		}
		x.rows[e.id] = e
	}
	for _, e := range c.moved {
		x.rows[e.id] = e
	}
}
