package ovn

import (
	"maps"
	"slices"
	"strings"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

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
		p.inserted = append(p.inserted, entry{id: r.ID, table: r.Table, owner: r.Map("external_ids")[rows.IDMark], places: r.Into})
		p.join(r.Into, r)
		p.need(r)
		return
	}
	if r.Table == "Logical_Switch_Port" {
		p.job.up = p.job.up || h.up()
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
			maps.DeleteFunc(marks, func(k, _ string) bool { return strings.HasPrefix(k, rows.Marks) })
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
