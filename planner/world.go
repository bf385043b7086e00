package planner

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// world is schema.World for one plan: what the plan makes of an object, else
// its record, else another stack's. Nothing is decoded before somebody looks.
// Drivers look from their own goroutines, so it is locked: the one thing here that
// several share.
type world struct {
	mu     sync.Mutex
	types  *schema.Types
	cloud  *cloud.Cloud
	stack  string // that is planned
	kinds  map[reflect.Type]*kind
	others func(ctx context.Context, types []string) ([]*entity, error)
	ctx    context.Context
	err    error // of the first read that went wrong
}

// kind is all objects of one Go type.
type kind struct {
	names   []string // the resource types that the struct declares
	byAddr  map[string]*entity
	byID    map[string]*entity
	list    []*entity
	loaded  bool // the other stacks' too
	indexes map[string]map[string]*bucket
}

// bucket is the objects that hold, or held, one value.
type bucket struct {
	list []*entity
	in   map[*entity]bool
}

// entity is one object as the world knows it.
type entity struct {
	stack   string // "" for the stack that is planned
	address string
	typ     *schema.Type
	id      string
	value   func() (cty.Value, error)
	object  any // decoded when somebody looked
	gone    bool
}

func newWorld(ctx context.Context, site *Site, stack string) *world {
	types := site.Types
	w := &world{types: types, cloud: site.Cloud, stack: stack, kinds: map[reflect.Type]*kind{}, ctx: ctx}
	for _, t := range types.All() {
		k := w.kinds[t.Go()]
		if k == nil {
			k = &kind{byAddr: map[string]*entity{}, byID: map[string]*entity{}, indexes: map[string]map[string]*bucket{}}
			w.kinds[t.Go()] = k
		}
		k.names = append(k.names, t.Name)
	}
	return w
}

// saved answers with how to put back what is at an address now.
func (w *world) saved(address string, t *schema.Type) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.kinds[t.Go()]
	e := k.byAddr[address]
	if e == nil {
		return func() { w.remove(address, k) }
	}
	before := *e
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if k.byID[e.id] == e {
			delete(k.byID, e.id)
		}
		*e = before
		k.byID[e.id] = e
	}
}

// remove forgets an object as if it had never been put.
func (w *world) remove(address string, k *kind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := k.byAddr[address]
	delete(k.byAddr, address)
	delete(k.byID, e.id)
	k.list = without(k.list, e)
	for attribute, index := range k.indexes {
		if e.object == nil {
			break // it is in an index only if somebody has looked at it
		}
		for _, text := range e.typ.Texts(e.object, attribute) {
			if b := index[text]; b != nil && b.in[e] {
				delete(b.in, e)
				b.list = without(b.list, e)
			}
		}
	}
}

// without looks for e from the end.
func without(list []*entity, e *entity) []*entity {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == e {
			return slices.Delete(list, i, i+1)
		}
	}
	return list
}

// put says what is at an address from now on.
func (w *world) put(address string, t *schema.Type, id string, value func() (cty.Value, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.kinds[t.Go()]
	e := k.byAddr[address]
	if e == nil {
		e = &entity{address: address, typ: t}
		k.byAddr[address] = e
		k.list = append(k.list, e)
	}
	e.id, e.value, e.object, e.gone = id, value, nil, false
	k.byID[id] = e
	for attribute, index := range k.indexes {
		k.index(w, e, attribute, index)
	}
}

// drop says that nothing is at an address any more; back says that it was not so.
func (w *world) drop(address string, t *schema.Type) (back func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.kinds[t.Go()].byAddr[address]
	if e == nil || e.gone {
		return func() {}
	}
	e.gone = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		e.gone = false
	}
}

func (w *world) get(e *entity) any {
	if e == nil || e.gone {
		return nil
	}
	if e.object != nil {
		return e.object
	}
	v, err := e.value()
	if err == nil {
		e.object, err = e.typ.ToGo(v)
	}
	if err != nil {
		if w.err == nil {
			w.err = fmt.Errorf("%s: %w", e.address, err)
		}
		return nil
	}
	return e.object
}

func (w *world) kind(t reflect.Type) *kind {
	k := w.kinds[t]
	if k == nil {
		panic("planner: nobody declares " + t.String())
	}
	if !k.loaded {
		k.loaded = true
		others, err := w.others(w.ctx, k.names)
		if err != nil && w.err == nil {
			w.err = err
		}
		for _, e := range others {
			k.list = append(k.list, e)
			if k.byID[e.id] == nil {
				k.byID[e.id] = e
			}
		}
	}
	return k
}

// Find answers with the struct whose id it is.
func (w *world) Find(t reflect.Type, id string) any {
	if id == "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.kind(t).byID[id]
	if e == nil || e.id != id {
		return nil
	}
	return w.get(e)
}

// StackOf is the stack that an object belongs to; "" for what nobody has.
func (w *world) StackOf(typ, id string) string {
	t := w.types.Resource(typ)
	if t == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := w.kinds[t.Go()].byID[id]; {
	case e == nil:
		return ""
	case e.stack == "":
		return w.stack
	default:
		return e.stack
	}
}

// called is the address of the object whose id it is; an id of nothing stays one.
func (w *world) called(id string) string {
	for _, k := range w.kinds {
		if e := k.byID[id]; e != nil && e.stack == "" {
			return e.address
		} else if e != nil {
			return e.address + " of stack " + e.stack
		}
	}
	return id
}

// All lists the objects of a type.
func (w *world) All(t reflect.Type) iter.Seq[any] {
	return func(yield func(any) bool) {
		w.mu.Lock()
		k := w.kind(t)
		objects := make([]any, 0, len(k.list))
		for _, e := range k.list {
			if o := w.get(e); o != nil {
				objects = append(objects, o)
			}
		}
		w.mu.Unlock() // who gets them may look further
		each(objects, yield)
	}
}

func each(objects []any, yield func(any) bool) {
	for _, o := range objects {
		if !yield(o) {
			return
		}
	}
}

// Where lists the objects whose attribute has the value, or holds it.
func (w *world) Where(t reflect.Type, attribute, value string) iter.Seq[any] {
	return func(yield func(any) bool) {
		w.mu.Lock()
		objects := w.holding(t, attribute, value)
		w.mu.Unlock()
		each(objects, yield)
	}
}

func (w *world) holding(t reflect.Type, attribute, value string) []any {
	k := w.kind(t)
	index := k.indexes[attribute]
	if index == nil {
		index = map[string]*bucket{}
		k.indexes[attribute] = index
		for _, e := range k.list {
			k.index(w, e, attribute, index)
		}
	}
	b := index[value]
	if b == nil {
		return nil
	}
	objects := make([]any, 0, len(b.list))
	for _, e := range b.list {
		// It may have changed since it was put into the index.
		if o := w.get(e); o != nil && slices.Contains(e.typ.Texts(o, attribute), value) {
			objects = append(objects, o)
		}
	}
	return objects
}

func (k *kind) index(w *world, e *entity, attribute string, index map[string]*bucket) {
	o := w.get(e)
	if o == nil {
		return
	}
	for _, text := range e.typ.Texts(o, attribute) {
		b := index[text]
		if b == nil {
			b = &bucket{in: map[*entity]bool{}}
			index[text] = b
		}
		if !b.in[e] {
			b.in[e] = true
			b.list = append(b.list, e)
		}
	}
}

// Cloud is the facts of the cloud.
func (w *world) Cloud() *cloud.Cloud { return w.cloud }
