package ovn

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/ovn-org/libovsdb/cache"
	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

const (
	// settle is how long a watcher gathers changes before it tells of them.
	settle = 100 * time.Millisecond
	// retry is how long it waits before it tries a lost server again.
	retry = 250 * time.Millisecond
)

// Watch tells which objects' rows somebody has changed, as it happens: first all
// that are there, and again all after a connection was lost, since nobody knows
// what was changed meanwhile.
func (d *Driver) Watch(ctx context.Context, changed func(ids []string)) error {
	layouts, _, err := d.layouts(ctx)
	if err != nil {
		return err
	}
	c, err := d.nb.connection(ctx)
	if err != nil {
		return err
	}
	models := map[string]model.Model{}
	for table, l := range layouts {
		models[table] = newModel(table, l, c.Schema())
	}
	m, err := model.NewClientDBModel(northbound, models)
	if err != nil {
		return err
	}
	watching, err := d.nb.dialModel(ctx, m, d.nb.endpoints, client.WithInactivityCheck(connectTime, connectTime, backoff.NewConstantBackOff(retry)))
	if err != nil {
		return fmt.Errorf("connect to the northbound database: %w", d.nb.explain(err))
	}
	defer watching.Close()
	w := &watcher{layouts: layouts, owners: map[string]string{}, ids: map[string]bool{}, some: make(chan struct{}, 1)}
	watching.Cache().AddEventHandler(&cache.EventHandlerFuncs{AddFunc: w.added, UpdateFunc: w.updated, DeleteFunc: w.deleted})
	if _, err := watching.MonitorAll(ctx); err != nil {
		return fmt.Errorf("monitor the northbound database: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.some:
		}
		timer := time.NewTimer(settle)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if ids := w.take(); len(ids) > 0 {
			changed(ids)
		}
	}
}

// newModel makes the struct that the library wants of a table, from the server's
// own schema. Its tags keep tables with the same columns apart.
func newModel(table string, l layout, schema ovsdb.DatabaseSchema) model.Model {
	fields := []reflect.StructField{{Name: "UUID", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`ovsdb:"_uuid" table:"` + table + `"`)}}
	for i, column := range slices.Concat(l.own, l.members) {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("C%d", i), Type: ovsdb.NativeType(schema.Table(table).Column(column)), Tag: reflect.StructTag(`ovsdb:"` + column + `"`)})
	}
	return reflect.New(reflect.StructOf(fields)).Interface()
}

// A watcher gathers whose rows have changed. Events come from one goroutine of
// the library's, and are taken by another.
type watcher struct {
	layouts map[string]layout
	some    chan struct{}

	mu     sync.Mutex
	owners map[string]string // of rows
	ids    map[string]bool   // of objects, not told yet
}

func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Sorted(maps.Keys(w.ids))
	clear(w.ids)
	return ids
}

func (w *watcher) note(owner string) {
	if owner == "" {
		return
	}
	w.ids[owner] = true
	select {
	case w.some <- struct{}{}:
	default:
	}
}

func (w *watcher) added(_ string, m model.Model) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, owner := marks(m)
	if owner != "" {
		w.owners[id] = owner
	}
	w.note(owner)
}

func (w *watcher) deleted(_ string, m model.Model) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, owner := marks(m)
	delete(w.owners, id)
	w.note(owner)
}

// updated notes the object of a row, and those of rows that came into it or left it.
func (w *watcher) updated(table string, before, after model.Model) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, was := marks(before)
	_, is := marks(after)
	if is != "" {
		w.owners[id] = is
	}
	members := w.layouts[table].members
	only := true
	each(before, func(column string, i int) {
		a, b := reflect.ValueOf(before).Elem().Field(i), reflect.ValueOf(after).Elem().Field(i)
		if !slices.Contains(members, column) {
			only = only && reflect.DeepEqual(a.Interface(), b.Interface())
			return
		}
		for _, member := range apart(a, b) {
			w.note(w.owners[member])
		}
	})
	if !only {
		w.note(was)
		w.note(is)
	}
}

// apart are the elements that only one of two sets has.
func apart(a, b reflect.Value) []string {
	x, ok1 := a.Interface().([]string)
	y, ok2 := b.Interface().([]string)
	if !ok1 || !ok2 {
		return nil
	}
	seen := map[string]int{}
	for _, e := range x {
		seen[e]++
	}
	for _, e := range y {
		seen[e]--
	}
	maps.DeleteFunc(seen, func(_ string, n int) bool { return n == 0 })
	return slices.Collect(maps.Keys(seen))
}

func each(m model.Model, f func(column string, i int)) {
	t := reflect.TypeOf(m).Elem()
	for i := range t.NumField() {
		if column := t.Field(i).Tag.Get("ovsdb"); !strings.HasPrefix(column, "_") {
			f(column, i)
		}
	}
}

// marks are a row's UUID and the object that it is marked with.
func marks(m model.Model) (id, owner string) {
	v := reflect.ValueOf(m).Elem()
	each(m, func(column string, i int) {
		if ids, ok := v.Field(i).Interface().(map[string]string); ok && column == "external_ids" {
			owner = ids[rows.IDMark]
		}
	})
	return v.Field(0).String(), owner
}
