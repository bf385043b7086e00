package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// tx is one transaction. It is a schema.World of what the cloud holds, as the
// transaction has left it so far; the first error of a look is kept in err.
type tx struct {
	ctx   context.Context
	cloud *Cloud
	db    *database
	raw   *sql.Tx
	err   error
	cache map[string]any  // pointers to objects by type and id; nil: there is none
	fresh map[string]bool // rows of OVN that were written (true) or taken out (false)
}

func (t *tx) exec(query string, args ...any) error {
	s, err := t.db.prepare(t.ctx, query)
	if err != nil {
		return err
	}
	if _, err := t.raw.StmtContext(t.ctx, s).ExecContext(t.ctx, args...); err != nil {
		return fmt.Errorf("embedded cloud: %w", err)
	}
	return nil
}

// query calls f for each row, with a scanner of its columns.
func (t *tx) query(f func(scan func(...any) error) error, query string, args ...any) error {
	s, err := t.db.prepare(t.ctx, query)
	if err != nil {
		return err
	}
	return each(t.ctx, t.raw.StmtContext(t.ctx, s), f, args...)
}

func each(ctx context.Context, s *sql.Stmt, f func(scan func(...any) error) error, args ...any) error {
	found, err := s.QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("embedded cloud: %w", err)
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		if err := f(found.Scan); err != nil {
			return fmt.Errorf("embedded cloud: %w", err)
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("embedded cloud: %w", err)
	}
	return nil
}

// typeOf is the declaration of a struct.
func (c *Cloud) typeOf(t reflect.Type) *schema.Type { return c.types.ByGo(t) }

func (c *Cloud) decode(t reflect.Type, body, secret []byte) (any, error) {
	typ := c.typeOf(t)
	v, err := typ.Decode(typ.Version, body, secret)
	if err != nil {
		return nil, err
	}
	return typ.ToGo(v)
}

// Find answers with the object of a type and id, or nil.
func (t *tx) Find(typ reflect.Type, id string) any {
	h := t.cloud.tables[typ]
	if h == nil || id == "" {
		return nil
	}
	key := h.name() + "/" + id
	if o, known := t.cache[key]; known {
		return o
	}
	var found any
	err := t.query(func(scan func(...any) error) error {
		var body, secret []byte
		if err := scan(&body, &secret); err != nil {
			return err
		}
		var err error
		found, err = t.cloud.decode(typ, body, secret)
		return err
	}, `SELECT body, secret FROM objects WHERE type = ? AND id = ?`, h.name(), id)
	t.note(err)
	t.cache[key] = found
	return found
}

func (t *tx) note(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Where lists the objects whose attribute has the value, or holds it.
func (t *tx) Where(typ reflect.Type, attribute, value string) iter.Seq[any] {
	h := t.cloud.tables[typ]
	if h == nil {
		return func(func(any) bool) {}
	}
	if a := t.cloud.typeOf(typ).Attribute(attribute); a == nil || a.Refers == nil {
		return func(yield func(any) bool) {
			for o := range t.All(typ) {
				if slices.Contains(t.cloud.typeOf(typ).Texts(o, attribute), value) && !yield(o) {
					return
				}
			}
		}
	}
	return t.list(typ, `SELECT id FROM refs WHERE target = ? AND type = ? AND attribute = ?`, value, h.name(), attribute)
}

// holding lists the objects that name an id with an attribute, nested ones too,
// such as fixed_ips.subnet_id.
func holding[T any](t *tx, attribute, id string) iter.Seq[*T] {
	typ := reflect.TypeFor[T]()
	return func(yield func(*T) bool) {
		for o := range t.list(typ, `SELECT id FROM refs WHERE target = ? AND type = ? AND attribute = ?`, id, t.cloud.tables[typ].name(), attribute) {
			if !yield(o.(*T)) {
				return
			}
		}
	}
}

// All lists the objects of a type.
func (t *tx) All(typ reflect.Type) iter.Seq[any] {
	h := t.cloud.tables[typ]
	if h == nil {
		return func(func(any) bool) {}
	}
	return t.list(typ, `SELECT id FROM objects WHERE type = ?`, h.name())
}

// list reads ids first, so that what is done with an object may look again.
func (t *tx) list(typ reflect.Type, query string, args ...any) iter.Seq[any] {
	return func(yield func(any) bool) {
		var ids []string
		t.note(t.query(func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		}, query, args...))
		slices.Sort(ids)
		for _, id := range ids {
			if o := t.Find(typ, id); o != nil && !yield(o) {
				return
			}
		}
	}
}

// Cloud is the facts of the cloud.
func (t *tx) Cloud() *cloud.Cloud { return t.cloud.cloud }

// A reference is an id that an object names.
type reference struct {
	attribute string
	to        reflect.Type
	id        string
}

// references lists the ids that an object names, those in nested blocks too.
func references(typ *schema.Type, v cty.Value) []reference {
	var all []reference
	for _, a := range typ.Attributes {
		collect(a, a.Name, v.GetAttr(a.Name), &all)
	}
	return all
}

func collect(a *schema.Attribute, path string, v cty.Value, all *[]reference) {
	if v, _ = v.Unmark(); v.IsNull() || !v.IsKnown() {
		return
	}
	t := v.Type()
	switch {
	case a.Refers == nil && a.Nested == nil:
	case t == cty.String:
		if id := v.AsString(); id != "" {
			*all = append(*all, reference{path, a.Refers, id})
		}
	case t.IsListType() || t.IsSetType() || t.IsMapType():
		for _, e := range v.AsValueSlice() {
			collect(a, path, e, all)
		}
	case t.IsObjectType():
		for _, n := range a.Nested {
			collect(n, path+"."+n.Name, v.GetAttr(n.Name), all)
		}
	}
}

// store writes an object, and what is found by it.
func (t *tx) store(typ *schema.Type, id string, object any) error {
	v := typ.FromGo(object, cty.NilVal)
	body, secret := typ.Encode(v)
	if err := t.exec(`INSERT OR REPLACE INTO objects (type, id, body, secret) VALUES (?, ?, ?, ?)`, typ.Name, id, body, secret); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM refs WHERE type = ? AND id = ?`, typ.Name, id); err != nil {
		return err
	}
	for _, r := range references(typ, v) {
		if err := t.exec(`INSERT OR IGNORE INTO refs (target, type, attribute, id) VALUES (?, ?, ?, ?)`, r.id, typ.Name, r.attribute, id); err != nil {
			return err
		}
	}
	t.cache[typ.Name+"/"+id] = object
	return nil
}

// remove takes an object out, with all that is found by it.
func (t *tx) remove(name, id string) error {
	t.cache[name+"/"+id] = nil
	return errors.Join(
		t.exec(`DELETE FROM objects WHERE type = ? AND id = ?`, name, id),
		t.exec(`DELETE FROM refs WHERE type = ? AND id = ?`, name, id),
		t.exec(`DELETE FROM holds WHERE type = ? AND id = ?`, name, id),
	)
}

// A hold is a thing that only one object can have.
type hold struct {
	space, key string
	what       string // for the message: address 10.0.0.5
}

// take gives an object what it holds, and lets go of what it held before.
func (t *tx) take(name, id string, holds []hold) error {
	if err := t.exec(`DELETE FROM holds WHERE type = ? AND id = ?`, name, id); err != nil {
		return err
	}
	for _, h := range holds {
		var who string
		err := t.query(func(scan func(...any) error) error {
			var typ, other string
			err := scan(&typ, &other)
			who = typ + " " + other
			return err
		}, `SELECT type, id FROM holds WHERE space = ? AND key = ?`, h.space, h.key)
		if err != nil {
			return err
		}
		if who != "" {
			return refused("%s is taken by %s", h.what, who)
		}
		if err := t.exec(`INSERT INTO holds (space, key, type, id) VALUES (?, ?, ?, ?)`, h.space, h.key, name, id); err != nil {
			return err
		}
	}
	return nil
}

// users lists what is plugged into an object.
func (t *tx) users(name, id string) ([]string, error) {
	var all []string
	err := t.query(func(scan func(...any) error) error {
		var by string
		err := scan(&by)
		all = append(all, by)
		return err
	}, `SELECT by FROM uses WHERE type = ? AND id = ? ORDER BY by`, name, id)
	return all, err
}
