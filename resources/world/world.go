// Package world is a schema.World in memory: objects that somebody put there.
// It is for whoever has objects and no plan.
package world

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// A World holds objects by type and id. Readers may share it; while it is
// changed nobody may read it.
type World struct {
	types *schema.Types
	cloud *cloud.Cloud
	kinds map[reflect.Type]*kind
}

type kind struct {
	order []string
	byID  map[string]any
}

// New makes a world of objects: pointers to structs that types declare.
func New(types *schema.Types, c *cloud.Cloud, objects ...any) *World {
	w := &World{types: types, cloud: c, kinds: map[reflect.Type]*kind{}}
	w.Put(objects...)
	return w
}

// Put adds objects; one with the type and id of another takes its place.
func (w *World) Put(objects ...any) {
	for _, o := range objects {
		t := reflect.TypeOf(o).Elem()
		k := w.kinds[t]
		if k == nil {
			k = &kind{byID: map[string]any{}}
			w.kinds[t] = k
		}
		id := w.id(o)
		if k.byID[id] == nil {
			k.order = append(k.order, id)
		}
		k.byID[id] = o
	}
}

// Drop takes objects out.
func (w *World) Drop(objects ...any) {
	for _, o := range objects {
		k, id := w.kinds[reflect.TypeOf(o).Elem()], w.id(o)
		if k == nil || k.byID[id] == nil {
			continue
		}
		delete(k.byID, id)
		k.order = slices.DeleteFunc(k.order, func(other string) bool { return other == id })
	}
}

func (w *World) id(o any) string {
	ids := w.typeOf(reflect.TypeOf(o).Elem()).Texts(o, "id")
	if len(ids) != 1 {
		panic(fmt.Sprintf("world: a %T without an id", o))
	}
	return ids[0]
}

func (w *World) typeOf(t reflect.Type) *schema.Type {
	typ := w.types.ByGo(t)
	if typ == nil {
		panic("world: nobody declares " + t.String())
	}
	return typ
}

// Find answers with the object of a type and id, or nil.
func (w *World) Find(t reflect.Type, id string) any {
	if k := w.kinds[t]; k != nil {
		return k.byID[id]
	}
	return nil
}

// All lists the objects of a type, in the order in which they came.
func (w *World) All(t reflect.Type) iter.Seq[any] {
	return func(yield func(any) bool) {
		k := w.kinds[t]
		if k == nil {
			return
		}
		for _, id := range k.order {
			if !yield(k.byID[id]) {
				return
			}
		}
	}
}

// Where lists the objects whose attribute has the value, or holds it.
func (w *World) Where(t reflect.Type, attribute, value string) iter.Seq[any] {
	typ := w.typeOf(t)
	return func(yield func(any) bool) {
		for o := range w.All(t) {
			if slices.Contains(typ.Texts(o, attribute), value) && !yield(o) {
				return
			}
		}
	}
}

// Cloud is the facts of the cloud.
func (w *World) Cloud() *cloud.Cloud { return w.cloud }
