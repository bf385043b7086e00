package ovn

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// A snapshot is rows as the server had them at one moment.
type snapshot struct {
	rows map[string]held
	// whole: it has every row that carries our mark, and so every place of one
	whole  bool
	owned  map[string][]string     // by the id of the object
	places map[string][]rows.Place // where rows are, by their UUID
}

// held is one row as the server holds it.
type held struct {
	table   string
	columns ovsdb.Row
}

func (h held) owner() string { return canonMap(h.columns["external_ids"])[rows.IDMark] }

// up reports whether a switch's port is in use.
func (h held) up() bool { return slices.Equal(canonSet(h.columns["up"]), []string{"true"}) }

func newSnapshot() *snapshot {
	return &snapshot{rows: map[string]held{}, owned: map[string][]string{}, places: map[string][]rows.Place{}}
}

// add takes a row with what it holds.
func (s *snapshot) add(table string, l layout, columns ovsdb.Row) {
	id := atom(columns["_uuid"])
	h := held{table, columns}
	s.rows[id] = h
	if owner := h.owner(); owner != "" {
		s.owned[owner] = append(s.owned[owner], id)
	}
	for _, column := range l.members {
		for _, member := range canonSet(columns[column]) {
			s.places[member] = append(s.places[member], rows.Place{Table: table, ID: id, Column: column})
		}
	}
}

// look reads every row that carries the cloud's mark, at one moment.
func (d *Driver) look(ctx context.Context) (*snapshot, error) {
	layouts, _, err := d.layouts(ctx)
	if err != nil {
		return nil, err
	}
	tables := slices.Sorted(maps.Keys(layouts))
	ours := ovsdb.NewCondition("external_ids", ovsdb.ConditionIncludes, wire(rows.Map{rows.CloudMark: d.cloud.ID}))
	var ops []ovsdb.Operation
	for _, t := range tables {
		l := layouts[t]
		ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: t, Where: []ovsdb.Condition{ours}, Columns: slices.Concat([]string{"_uuid"}, l.own, l.members, live[t])})
	}
	results, err := d.nb.transact(ctx, ops...)
	if err != nil {
		return nil, fmt.Errorf("read the northbound database: %w", err)
	}
	s := newSnapshot()
	s.whole = true
	for i, t := range tables {
		for _, r := range results[i].Rows {
			s.add(t, layouts[t], r)
		}
	}
	return s, nil
}

// live are the columns of OVN's daemons that objects tell.
var live = map[string][]string{"Logical_Switch_Port": {"up"}}

// fetch reads certain rows, and which of certain places hold them.
func (d *Driver) fetch(ctx context.Context, wanted []rows.Row, also map[string]string) (*snapshot, error) {
	layouts, _, err := d.layouts(ctx)
	if err != nil {
		return nil, err
	}
	type question struct {
		table string
		place rows.Place
		row   string
	}
	var ops []ovsdb.Operation
	var asked []question
	ask := func(table, id string, wanted map[string]any) {
		l := layouts[table]
		columns := slices.Concat([]string{"_uuid"}, l.own, live[table])
		for _, name := range l.members { // some rows decide on their members themselves
			if wanted[name] != nil {
				columns = append(columns, name)
			}
		}
		ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: table, Where: is(id), Columns: columns})
		asked = append(asked, question{table: table})
	}
	known := map[string]bool{}
	for _, r := range wanted {
		if known[r.ID] {
			continue
		}
		known[r.ID] = true
		ask(r.Table, r.ID, r.Columns)
		for _, p := range r.Into {
			ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: p.Table, Columns: []string{"_uuid"},
				Where: append(is(p.ID), ovsdb.NewCondition(p.Column, ovsdb.ConditionIncludes, ovsdb.UUID{GoUUID: r.ID}))})
			asked = append(asked, question{place: p, row: r.ID})
		}
	}
	for id, table := range also {
		if !known[id] {
			ask(table, id, nil)
		}
	}
	s := newSnapshot()
	for len(ops) > 0 {
		n := min(len(ops), 2*maxOps)
		results, err := d.nb.transact(ctx, ops[:n]...)
		if err != nil {
			return nil, fmt.Errorf("read rows of the northbound database: %w", err)
		}
		for i, q := range asked[:n] {
			switch {
			case len(results[i].Rows) == 0:
			case q.row != "":
				s.places[q.row] = append(s.places[q.row], q.place)
			default:
				s.add(q.table, layout{}, results[i].Rows[0])
			}
		}
		ops, asked = ops[n:], asked[n:]
	}
	return s, nil
}

// besides finds the groups of ours that ports are in, wanted or not.
func (d *Driver) besides(ctx context.Context, s *snapshot, wanted []rows.Row) error {
	var ops []ovsdb.Operation
	var ports []string
	for _, r := range wanted {
		if r.Table != "Logical_Switch_Port" {
			continue
		}
		ports = append(ports, r.ID)
		ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Port_Group", Columns: []string{"_uuid"}, Where: []ovsdb.Condition{
			ovsdb.NewCondition("external_ids", ovsdb.ConditionIncludes, wire(rows.Map{rows.CloudMark: d.cloud.ID})),
			ovsdb.NewCondition("ports", ovsdb.ConditionIncludes, ovsdb.UUID{GoUUID: r.ID})}})
	}
	if len(ops) == 0 {
		return nil
	}
	results, err := d.nb.transact(ctx, ops...)
	if err != nil {
		return err
	}
	for i, port := range ports {
		for _, group := range results[i].Rows {
			if p := (rows.Place{Table: "Port_Group", ID: atom(group["_uuid"]), Column: "ports"}); !slices.Contains(s.places[port], p) {
				s.places[port] = append(s.places[port], p)
			}
		}
	}
	return nil
}

func is(id string) []ovsdb.Condition {
	return []ovsdb.Condition{ovsdb.NewCondition("_uuid", ovsdb.ConditionEqual, ovsdb.UUID{GoUUID: id})}
}

// compare says how the rows of an object are not what they should be. Marks that
// others have put on our rows are theirs.
func (s *snapshot) compare(layouts map[string]layout, typ string, wanted []rows.Row, owner string) (differences []providers.Difference, there bool) {
	known := map[string]bool{}
	for _, w := range wanted {
		known[w.ID] = true
		h, ok := s.rows[w.ID]
		if !ok {
			differences = append(differences, providers.Difference{Attribute: rows.Attribute(typ, w.Table, ""), Thing: named(w), Says: "is gone"})
			continue
		}
		there = true
		for _, c := range s.unlike(layouts[w.Table], h, w) {
			differences = append(differences, providers.Difference{Attribute: rows.Attribute(typ, w.Table, c.name), Thing: named(w), Says: difference(c.name, c.is, c.should)})
		}
		differences = append(differences, s.misplaced(typ, w)...)
	}
	for _, id := range s.owned[owner] {
		if !known[id] {
			h := s.rows[id]
			differences = append(differences, providers.Difference{Attribute: rows.Attribute(typ, h.table, ""), Thing: h.table + " " + id, Says: "is there besides, with our mark"})
		}
	}
	return differences, there
}

// An unlike column is one that is not as its row's owner wants it.
type unlikeColumn struct {
	name       string
	is, should value
}

// unlike lists the columns of a row that are not as they are wanted.
func (s *snapshot) unlike(l layout, h held, w rows.Row) []unlikeColumn {
	var all []unlikeColumn
	columns := nbschema.Northbound().Tables[w.Table].Columns
	compare := func(name string) {
		t := &columns[name].Type
		is, should := canon(t, h.columns[name]), canon(t, w.Columns[name])
		if name == "external_ids" {
			wanted := w.Map(name)
			maps.DeleteFunc(is.(map[string]string), func(k, _ string) bool { _, ours := wanted[k]; return !ours && !strings.HasPrefix(k, rows.Marks) })
		}
		if !same(is, should) {
			all = append(all, unlikeColumn{name, is, should})
		}
	}
	for _, name := range l.own {
		compare(name)
	}
	for _, name := range l.members {
		if _, own := w.Columns[name]; own {
			compare(name)
		}
	}
	return all
}

// misplaced says where a row is missing, and where it is although it should not be.
func (s *snapshot) misplaced(typ string, w rows.Row) []providers.Difference {
	var all []providers.Difference
	for _, p := range w.Into {
		if !slices.Contains(s.places[w.ID], p) {
			all = append(all, providers.Difference{Attribute: rows.Attribute(typ, p.Table, p.Column), Thing: named(w), Says: fmt.Sprintf("is not in %s of %s %s", p.Column, p.Table, s.name(p))})
		}
	}
	for _, p := range s.places[w.ID] {
		if !slices.Contains(w.Into, p) && !holds(s.rows[p.ID], p, w) {
			all = append(all, providers.Difference{Attribute: rows.Attribute(typ, p.Table, p.Column), Thing: named(w), Says: fmt.Sprintf("is in %s of %s %s besides", p.Column, p.Table, s.name(p))})
		}
	}
	return all
}

// holds reports whether a row refers to another by a column that its own owner
// decides on.
func holds(h held, p rows.Place, w rows.Row) bool {
	return h.owner() == w.Map("external_ids")[rows.IDMark]
}

func (s *snapshot) name(p rows.Place) string {
	if h, ok := s.rows[p.ID]; ok {
		if name, ok := h.columns["name"].(string); ok && name != "" {
			return name
		}
	}
	return p.ID
}

func named(r rows.Row) string {
	if name := r.String("name"); name != "" {
		return r.Table + " " + name
	}
	return r.Table + " " + r.ID
}
