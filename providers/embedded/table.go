package embedded

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/resources/schema"
)

// A table is the driver of one type: objects that are stored as they are
// wanted, under rules. A rule that is nil lets everything through.
type table[T any] struct {
	cloud *Cloud
	typ   *schema.Type

	// check refuses what can't be created (had is nil) or changed, among the objects
	// that are there. w is what the caller's plan knows.
	check func(t *tx, w schema.World, had, want *T) error
	// holds are the things that no two objects can have.
	holds func(t *tx, x *T) []hold
	// inUse refuses what can't be deleted.
	inUse func(t *tx, x *T) error
	// parts lists objects of other tables that go with it.
	parts func(t *tx, x *T) []any
	// later are references that may lead to what is planned only, because two
	// objects can name each other.
	later []string
	// render makes OVN's rows; rows.Of unless set.
	render func(t *tx, x *T) []rows.Row
	// live reads what moves by itself, of one object or, with "", of all at once,
	// and answers with a function that fills it in.
	live func(ctx context.Context, db *database, id string) (func(*T), error)
}

// add puts a table into the cloud. The type's name is the declaration's.
func add[T any](c *Cloud, t table[T]) {
	typ := reflect.TypeFor[T]()
	t.cloud, t.typ = c, c.typeOf(typ)
	c.tables[typ] = &t
}

func (d *table[T]) name() string             { return d.typ.Name }
func (d *table[T]) handle() providers.Handle { return providers.For[T](d) }
func (d *table[T]) id(x *T) string           { return d.typ.Texts(x, "id")[0] }

// rules are what other tables need of one.
type rules interface {
	id2(object any) string
	rows(t *tx, object any) []rows.Row
	drop(t *tx, object any) error
}

func (d *table[T]) id2(object any) string { return d.id(object.(*T)) }

func (d *table[T]) rows(t *tx, object any) []rows.Row {
	if d.render != nil {
		return d.render(t, object.(*T))
	}
	return rows.Of(t, object)
}

// Create makes want, or what is there already into it.
func (d *table[T]) Create(ctx context.Context, w schema.World, want T) (T, error) {
	return d.put(ctx, "create", w, want, false)
}

// Update makes what is there into want; ErrNotFound where there is nothing.
func (d *table[T]) Update(ctx context.Context, w schema.World, _, want T) (T, error) {
	return d.put(ctx, "update", w, want, true)
}

func (d *table[T]) put(ctx context.Context, verb string, w schema.World, want T, must bool) (T, error) {
	id := d.id(&want)
	op := d.name() + " " + id
	if err := d.cloud.begin(ctx, verb+" "+op); err != nil {
		return want, fmt.Errorf("%s %s: %w", verb, op, err)
	}
	err := d.cloud.write(ctx, func(t *tx) error {
		had, _ := t.Find(reflect.TypeFor[T](), id).(*T)
		if had == nil && must {
			return providers.ErrNotFound
		}
		return d.change(t, w, had, &want)
	})
	if err == nil {
		err = d.cloud.fail(verb + "d " + op)
	}
	if err == nil {
		err = d.fill(ctx, &want)
	}
	if err != nil {
		return want, fmt.Errorf("%s %s: %w", verb, op, err)
	}
	return want, nil
}

func (d *table[T]) change(t *tx, w schema.World, had, want *T) error {
	if c, ok := any(want).(schema.Checker); ok {
		if err := c.Check(); err != nil {
			return refused("%v", err)
		}
	}
	if err := d.lead(t, w, had, want); err != nil {
		return err
	}
	if d.check != nil {
		if err := d.check(t, w, had, want); err != nil {
			return err
		}
	}
	id := d.id(want)
	if d.holds != nil {
		if err := t.take(d.name(), id, d.holds(t, want)); err != nil {
			return err
		}
	}
	var readers []any
	if had != nil {
		readers = rows.Readers(t, had)
	}
	kept := *want
	if err := t.store(d.typ, id, &kept); err != nil {
		return err
	}
	return t.renderAll(append(append([]any{&kept}, readers...), rows.Readers(t, &kept)...))
}

// lead refuses references that lead nowhere. What only cairn's records hold is
// not this cloud's to know, and where something began may be gone since: the
// image of a volume.
func (d *table[T]) lead(t *tx, w schema.World, had, want *T) error {
	var known []reference
	if had != nil {
		known = references(d.typ, d.typ.FromGo(had, nilValue))
	}
	for _, r := range references(d.typ, d.typ.FromGo(want, nilValue)) {
		if t.cloud.tables[r.to] == nil || t.Find(r.to, r.id) != nil || slices.Contains(known, r) {
			continue
		}
		planned := slices.Contains(d.later, r.attribute) && w != nil && w.Find(r.to, r.id) != nil
		if !planned && r.id != d.id(want) {
			return refused("%s: there is no %s %s", r.attribute, t.cloud.tables[r.to].name(), r.id)
		}
	}
	return nil
}

// Read answers with what is stored.
func (d *table[T]) Read(ctx context.Context, _ schema.World, have T) (T, error) {
	id := d.id(&have)
	op := "read " + d.name() + " " + id
	if err := d.cloud.begin(ctx, op); err != nil {
		return have, fmt.Errorf("%s: %w", op, err)
	}
	found, err := d.look(ctx, id)
	if err != nil {
		return have, fmt.Errorf("%s: %w", op, err)
	}
	body, ok := found[id]
	if !ok {
		return have, providers.ErrNotFound
	}
	x, err := d.decode(body)
	if err == nil {
		err = d.fill(ctx, x)
	}
	if err != nil {
		return have, fmt.Errorf("%s: %w", op, err)
	}
	return *x, nil
}

// ReadAll reads the table in one look; nothing is decoded before it is asked for.
func (d *table[T]) ReadAll(ctx context.Context, _ schema.World) (func(T) (T, error), error) {
	op := "read all " + d.name()
	if err := d.cloud.begin(ctx, op); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	found, err := d.look(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	fill := func(*T) {}
	if d.live != nil {
		db, err := d.cloud.open(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		if fill, err = d.live(ctx, db, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	return func(have T) (T, error) {
		body, ok := found[d.id(&have)]
		if !ok {
			return have, providers.ErrNotFound
		}
		x, err := d.decode(body)
		if err != nil {
			return have, err
		}
		fill(x)
		return *x, nil
	}, nil
}

type stored struct{ body, secret []byte }

// look reads one object, or with "" all of them.
func (d *table[T]) look(ctx context.Context, id string) (map[string]stored, error) {
	db, err := d.cloud.open(ctx)
	if err != nil {
		return nil, err
	}
	query, args := `SELECT id, body, secret FROM objects WHERE type = ?`, []any{d.name()}
	if id != "" {
		query, args = query+` AND id = ?`, append(args, id)
	}
	s, err := db.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	all := map[string]stored{}
	err = each(ctx, s, func(scan func(...any) error) error {
		var key string
		var o stored
		err := scan(&key, &o.body, &o.secret)
		all[key] = o
		return err
	}, args...)
	return all, err
}

func (d *table[T]) decode(o stored) (*T, error) {
	x, err := d.cloud.decode(reflect.TypeFor[T](), o.body, o.secret)
	if err != nil {
		return nil, err
	}
	return x.(*T), nil
}

func (d *table[T]) fill(ctx context.Context, x *T) error {
	if d.live == nil {
		return nil
	}
	db, err := d.cloud.open(ctx)
	if err != nil {
		return err
	}
	fill, err := d.live(ctx, db, d.id(x))
	if err != nil {
		return err
	}
	fill(x)
	return nil
}

// Delete takes an object out, unless it is in use.
func (d *table[T]) Delete(ctx context.Context, _ schema.World, have T) error {
	op := d.name() + " " + d.id(&have)
	if err := d.cloud.begin(ctx, "delete "+op); err != nil {
		return fmt.Errorf("delete %s: %w", op, err)
	}
	err := d.cloud.write(ctx, func(t *tx) error {
		x, _ := t.Find(reflect.TypeFor[T](), d.id(&have)).(*T)
		if x == nil {
			return nil
		}
		if d.inUse != nil {
			if err := used(d.inUse(t, x)); err != nil {
				return err
			}
		}
		return d.drop(t, x)
	})
	if err == nil {
		err = d.cloud.fail("deleted " + op)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", op, err)
	}
	return nil
}

// drop takes an object out with its parts, and renders those that read it.
func (d *table[T]) drop(t *tx, object any) error {
	x := object.(*T)
	if d.parts != nil {
		for _, p := range d.parts(t, x) {
			if err := t.cloud.tables[reflect.TypeOf(p).Elem()].drop(t, p); err != nil {
				return err
			}
		}
	}
	readers := rows.Readers(t, x)
	return errors.Join(
		t.remove(d.name(), d.id(x)),
		t.writeRows(d.name()+"/"+d.id(x), nil),
		t.renderAll(readers),
	)
}

// Import finds an object by its id.
func (d *table[T]) Import(ctx context.Context, id string) (T, error) {
	var none T
	found, err := d.look(ctx, id)
	if err != nil {
		return none, fmt.Errorf("import %s %s: %w", d.name(), id, err)
	}
	body, ok := found[id]
	if !ok {
		return none, providers.ErrNotFound
	}
	x, err := d.decode(body)
	if err == nil {
		err = d.fill(ctx, x)
	}
	if err != nil {
		return none, fmt.Errorf("import %s %s: %w", d.name(), id, err)
	}
	return *x, nil
}
