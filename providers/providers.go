// Package providers is who makes resources real: the Driver interface, and one
// folder a system below. It knows nothing of the language, the planner or the
// state.
package providers

import (
	"context"
	"errors"

	"github.com/cairncloud/cairn/resources/schema"
)

// A Driver makes resources of type T real on one kind of system. Every method
// may be called again with the same arguments after a crash, and must then
// arrive at the same end. A driver gets wholly known structs; it must not keep
// or change what it is given.
type Driver[T any] interface {
	// Create makes want, whose id is chosen already, and answers with it, computed
	// attributes filled in. With an error it may answer with what was made of it.
	Create(ctx context.Context, w schema.World, want T) (T, error)
	// Read starts from have and overwrites what the system tells; ErrNotFound when
	// there is no such object. Any other error means unknown, never gone.
	Read(ctx context.Context, have T) (T, error)
	Update(ctx context.Context, w schema.World, have, want T) (T, error)
	// Delete removes have, which w does not know any more. To delete what is gone
	// already is no error.
	Delete(ctx context.Context, w schema.World, have T) error
}

// A Bulk driver reads all that is ours in one look. The function that it returns
// answers as Read does, from that look.
type Bulk[T any] interface {
	ReadAll(ctx context.Context) (read func(have T) (T, error), err error)
}

// An Importer finds an object that cairn did not make, by the id that a person knows.
type Importer[T any] interface {
	Import(ctx context.Context, id string) (T, error)
}

// ErrNotFound is Read's answer when there is no such object.
var ErrNotFound = errors.New("not found")

// ErrInUse is Delete's answer, wrapped, while something else still uses the object:
// it can go once that is gone.
var ErrInUse = errors.New("in use")

// A Handle is a driver without its type: all that the planner sees of it. The
// values are pointers to the struct that declares the type.
type Handle interface {
	Create(ctx context.Context, w schema.World, want any) (any, error)
	Read(ctx context.Context, have any) (any, error)
	Update(ctx context.Context, w schema.World, have, want any) (any, error)
	Delete(ctx context.Context, w schema.World, have any) error
	// ReadAll is nil when the driver reads one object a call.
	ReadAll(ctx context.Context) (func(have any) (any, error), error)
	// CanReadAll reports whether ReadAll answers.
	CanReadAll() bool
	// Import answers errors.ErrUnsupported where the driver has none.
	Import(ctx context.Context, id string) (any, error)
	// Kept reports that the object is its record: no system holds it.
	Kept() bool
}

// For wraps a driver. It is the only place where a resource changes form.
func For[T any](d Driver[T]) Handle { return handle[T]{d} }

type handle[T any] struct{ d Driver[T] }

func (h handle[T]) Create(ctx context.Context, w schema.World, want any) (any, error) {
	return ptr(h.d.Create(ctx, w, *want.(*T)))
}

func (h handle[T]) Read(ctx context.Context, have any) (any, error) {
	return ptr(h.d.Read(ctx, *have.(*T)))
}

func (h handle[T]) Update(ctx context.Context, w schema.World, have, want any) (any, error) {
	return ptr(h.d.Update(ctx, w, *have.(*T), *want.(*T)))
}

func (h handle[T]) Delete(ctx context.Context, w schema.World, have any) error {
	return h.d.Delete(ctx, w, *have.(*T))
}

func (h handle[T]) CanReadAll() bool { _, ok := h.d.(Bulk[T]); return ok }

func (h handle[T]) ReadAll(ctx context.Context) (func(any) (any, error), error) {
	read, err := h.d.(Bulk[T]).ReadAll(ctx)
	if err != nil {
		return nil, err
	}
	return func(have any) (any, error) { return ptr(read(*have.(*T))) }, nil
}

func (h handle[T]) Import(ctx context.Context, id string) (any, error) {
	i, ok := h.d.(Importer[T])
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return ptr(i.Import(ctx, id))
}

func (h handle[T]) Kept() bool { _, ok := h.d.(Kept[T]); return ok }

func ptr[T any](v T, err error) (any, error) { return &v, err }

// Kept is the driver of what lives in its record alone: a value, a quota, a
// flavor.
type Kept[T any] struct{}

// Create answers with what is wanted.
func (Kept[T]) Create(_ context.Context, _ schema.World, want T) (T, error) { return want, nil }

// Read answers with the record.
func (Kept[T]) Read(_ context.Context, have T) (T, error) { return have, nil }

// Update answers with what is wanted.
func (Kept[T]) Update(_ context.Context, _ schema.World, _, want T) (T, error) { return want, nil }

// Delete has nothing to do.
func (Kept[T]) Delete(context.Context, schema.World, T) error { return nil }

// Import takes any id: there is nothing to look at.
func (Kept[T]) Import(context.Context, string) (T, error) {
	var none T
	return none, errors.ErrUnsupported
}

// Systems are the handles of a cloud by the name of the resource type.
type Systems struct {
	handles map[string]Handle
	close   []func() error
	purge   []func(context.Context) error
}

// A System is one linked system: what it realises, and how it is let go.
type System struct {
	Name    string
	Handles map[string]Handle
	Close   func() error
	// Purge removes what is left of an empty system's own; nil: nothing ever is.
	Purge func(context.Context) error
}

// Link puts systems together. Two that realise one type are a bug of main.
func Link(systems ...System) *Systems {
	s := &Systems{handles: map[string]Handle{}}
	for _, sys := range systems {
		for name, h := range sys.Handles {
			if s.handles[name] != nil {
				panic("providers: " + name + " is realised twice, again by " + sys.Name)
			}
			s.handles[name] = h
		}
		if sys.Close != nil {
			s.close = append(s.close, sys.Close)
		}
		if sys.Purge != nil {
			s.purge = append(s.purge, sys.Purge)
		}
	}
	return s
}

// For finds the driver of a type, or nil.
func (s *Systems) For(typeName string) Handle { return s.handles[typeName] }

// Close lets go of every system.
func (s *Systems) Close() error {
	var errs []error
	for _, c := range s.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// Purge removes what is left of the systems' own, once they are empty.
func (s *Systems) Purge(ctx context.Context) error {
	var errs []error
	for _, p := range s.purge {
		errs = append(errs, p(ctx))
	}
	return errors.Join(errs...)
}
