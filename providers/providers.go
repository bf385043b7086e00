// Package providers is who makes resources real: the Driver interface, and one
// folder a system below. It knows nothing of the language, the planner or the
// state.
package providers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
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
	// there is no such object. Where the system holds what no attribute can tell, a
	// DiffersError comes with the object. Any other error means unknown, never gone.
	Read(ctx context.Context, w schema.World, have T) (T, error)
	Update(ctx context.Context, w schema.World, have, want T) (T, error)
	// Delete removes have, which w does not know any more. To delete what is gone
	// already is no error.
	Delete(ctx context.Context, w schema.World, have T) error
}

// A Bulk driver reads all that is ours in one look. The function that it returns
// answers as Read does, from that look.
type Bulk[T any] interface {
	ReadAll(ctx context.Context, w schema.World) (read func(have T) (T, error), err error)
}

// An Importer finds an object that cairn did not make, by the id that a person knows.
type Importer[T any] interface {
	Import(ctx context.Context, id string) (T, error)
}

// A Reticent importer finds objects that do not tell all: it names the attributes of
// which what the configuration says is taken to be so.
type Reticent interface {
	Untold() []string
}

// A Stray is an object in a system that cairn has not made, with what an author would
// write to take it over.
type Stray struct {
	Type     string // of the resource
	ID, Name string // ID is what Import takes
	// Object is a pointer to the struct that declares its type, as Import answers; nil:
	// it can't be taken over.
	Object any
	// With are objects that it refers to and that are made beside it.
	With []any
	// Left says what of it stays outside, or why it can't be taken over.
	Left []string
}

// An Actor does to an object what no attribute says: it happens, and is over. What an
// attribute says instead is put right again by the next apply.
type Actor[T any] interface {
	Verbs() []Verb
	// Act does it to an object that is there. What it has to tell goes to do.Out.
	Act(ctx context.Context, w schema.World, have T, do Act) error
}

// A Verb is one thing that an Actor does.
type Verb struct {
	Name, Summary string
	Words         []Word // that come after it, those that may be left out last
	// Looks: it changes nothing, takes no lock, and is not kept in the history.
	Looks bool
}

// A Word is one that comes after a verb.
type Word struct {
	Name, Summary string
	Optional      bool
	Secret        bool // no history keeps it
}

// An Act is a verb with its words, by their names.
type Act struct {
	Verb  string
	Words map[string]string
	Out   io.Writer
}

// ErrNotFound is Read's answer when there is no such object.
var ErrNotFound = errors.New("not found")

// A DiffersError says how an object's form in its system is not what the object
// comes to: rows, elements or settings that somebody else has changed. Update
// puts it right.
type DiffersError struct{ Differences []Difference }

// A Difference is one thing that is not as it was made.
type Difference struct {
	Attribute string // that it breaks; "" where it is none of the author's
	Thing     string // in the system's words: Logical_Switch_Port 5f0c...
	Says      string // enabled is false, not true
}

func (d Difference) String() string { return d.Thing + ": " + d.Says }

func (e *DiffersError) Error() string {
	all := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		all[i] = d.String()
	}
	return "it is not as it was made: " + strings.Join(all, "; ")
}

// ErrUnrealised is an answer, wrapped, to a change that was made as it was wanted,
// while those who must act on it have not done so in time.
var ErrUnrealised = errors.New("not realised yet")

// ErrAfter is the answer for a change whose After has failed.
var ErrAfter = errors.New("what it comes after has failed")

// ErrInUse is Delete's answer, wrapped, while something else still uses the object:
// it can go once that is gone.
var ErrInUse = errors.New("in use")

// A Handle is a driver without its type: all that the planner sees of it. The
// values are pointers to the struct that declares the type.
type Handle interface {
	Create(ctx context.Context, w schema.World, want any) (any, error)
	Read(ctx context.Context, w schema.World, have any) (any, error)
	Update(ctx context.Context, w schema.World, have, want any) (any, error)
	Delete(ctx context.Context, w schema.World, have any) error
	// ReadAll is nil when the driver reads one object a call.
	ReadAll(ctx context.Context, w schema.World) (func(have any) (any, error), error)
	// CanReadAll reports whether ReadAll answers.
	CanReadAll() bool
	// Import answers errors.ErrUnsupported where the driver has none.
	Import(ctx context.Context, id string) (any, error)
	// Untold is empty where the driver is not Reticent.
	Untold() []string
	// Verbs are what Act does; none where the driver is no Actor.
	Verbs() []Verb
	Act(ctx context.Context, w schema.World, have any, do Act) error
	// Kept reports that the object is its record: no system holds it.
	Kept() bool
}

// For wraps a driver. It is the only place where a resource changes form.
func For[T any](d Driver[T]) Handle { return handle[T]{d} }

type handle[T any] struct{ d Driver[T] }

func (h handle[T]) Create(ctx context.Context, w schema.World, want any) (any, error) {
	return ptr(h.d.Create(ctx, w, *want.(*T)))
}

func (h handle[T]) Read(ctx context.Context, w schema.World, have any) (any, error) {
	return ptr(h.d.Read(ctx, w, *have.(*T)))
}

func (h handle[T]) Update(ctx context.Context, w schema.World, have, want any) (any, error) {
	return ptr(h.d.Update(ctx, w, *have.(*T), *want.(*T)))
}

func (h handle[T]) Delete(ctx context.Context, w schema.World, have any) error {
	return h.d.Delete(ctx, w, *have.(*T))
}

func (h handle[T]) CanReadAll() bool { _, ok := h.d.(Bulk[T]); return ok }

func (h handle[T]) ReadAll(ctx context.Context, w schema.World) (func(any) (any, error), error) {
	read, err := h.d.(Bulk[T]).ReadAll(ctx, w)
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

func (h handle[T]) Untold() []string {
	if i, ok := h.d.(Reticent); ok {
		return i.Untold()
	}
	return nil
}

func (h handle[T]) Verbs() []Verb {
	if a, ok := h.d.(Actor[T]); ok {
		return a.Verbs()
	}
	return nil
}

func (h handle[T]) Act(ctx context.Context, w schema.World, have any, do Act) error {
	a, ok := h.d.(Actor[T])
	if !ok {
		return errors.ErrUnsupported
	}
	return a.Act(ctx, w, *have.(*T), do)
}

func (h handle[T]) Kept() bool { _, ok := h.d.(Kept[T]); return ok }

func ptr[T any](v T, err error) (any, error) { return &v, err }

// Kept is the driver of what lives in its record alone: a value, a quota, a
// flavor.
type Kept[T any] struct{}

// Create answers with what is wanted.
func (Kept[T]) Create(_ context.Context, _ schema.World, want T) (T, error) { return want, nil }

// Read answers with the record.
func (Kept[T]) Read(_ context.Context, _ schema.World, have T) (T, error) { return have, nil }

// Update answers with what is wanted.
func (Kept[T]) Update(_ context.Context, _ schema.World, _, want T) (T, error) { return want, nil }

// Delete has nothing to do.
func (Kept[T]) Delete(context.Context, schema.World, T) error { return nil }

// Systems are the linked systems of a cloud.
type Systems struct {
	all []*System
	of  map[string]*System // by the name of the resource type
}

// A System is one linked system: what it realises, and how it is let go. What
// it need not do is nil.
type System struct {
	Name    string
	Handles map[string]Handle
	// Batch makes several changes in as few transactions as their order allows; each
	// has its own result, in the same order. Calls may overlap.
	Batch func(ctx context.Context, w schema.World, changes []Change) []Result
	// Look takes one look at the whole system, from which ReadAll answers until done.
	Look func(ctx context.Context) (done func(), err error)
	// Learn adds what the system knows of the cloud to its facts, before a plan.
	Learn func(ctx context.Context, c *cloud.Cloud) error
	// Fits answers with what reports what the connected version can't realise of an
	// object; nil when it can realise all that is declared.
	Fits func(ctx context.Context) (func(w schema.World, object any) error, error)
	// Strays lists what is on a host and nobody knows to be cairn's but its state.
	Strays func(ctx context.Context, host string) ([]Stray, error)
	// Watch tells the ids of objects that somebody may have changed, as it happens,
	// until the context ends.
	Watch func(ctx context.Context, changed func(ids []string)) error
	// Follow asks the system's own tool how a packet would fare. What is asked and what
	// it prints are in the tool's words.
	Follow func(ctx context.Context, words []string) (printed string, err error)
	Close  func() error
	// Purge removes what is left of an empty system's own.
	Purge func(context.Context) error
}

// A Change is one object that a system shall make (Have is nil), change, or
// remove (Want is nil). Both are pointers to the struct that declares the type.
type Change struct {
	Have, Want any
	// After are changes before it in the same call: when one of them fails, it must
	// not be made, and fails too.
	After []int
}

// A Result is what a driver's call for the change would have answered.
type Result struct {
	Object any
	Err    error
}

// Link puts systems together. Two that realise one type are a bug of main.
func Link(systems ...System) *Systems {
	s := &Systems{of: map[string]*System{}}
	for i := range systems {
		sys := &systems[i]
		s.all = append(s.all, sys)
		for name := range sys.Handles {
			if s.of[name] != nil {
				panic("providers: " + name + " is realised twice, again by " + sys.Name)
			}
			s.of[name] = sys
		}
	}
	return s
}

// For finds the driver of a type, or nil.
func (s *Systems) For(typeName string) Handle {
	if sys := s.of[typeName]; sys != nil {
		return sys.Handles[typeName]
	}
	return nil
}

// Of finds the system that realises a type, or nil.
func (s *Systems) Of(typeName string) *System { return s.of[typeName] }

// Learn adds what the systems know of a cloud to its facts.
func (s *Systems) Learn(ctx context.Context, c *cloud.Cloud) error {
	for _, sys := range s.all {
		if sys.Learn == nil {
			continue
		}
		if err := sys.Learn(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", sys.Name, err)
		}
	}
	return nil
}

// Watch has every system that can watch tell of changes, until the context ends
// or one of them can't go on. Without such a system it is ErrUnsupported.
func (s *Systems) Watch(ctx context.Context, changed func(ids []string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(s.all))
	watching := 0
	for _, sys := range s.all {
		if sys.Watch == nil {
			continue
		}
		watching++
		go func() {
			err := sys.Watch(ctx, changed)
			if err != nil {
				err = fmt.Errorf("watch %s: %w", sys.Name, err)
			}
			ends <- err
		}()
	}
	if watching == 0 {
		return errors.ErrUnsupported
	}
	var first error
	for range watching {
		if err := <-ends; err != nil && first == nil {
			first = err
		}
		cancel()
	}
	return first
}

// Strays lists what is on a host, whether a stack has it or not, in all systems.
// Without one that can tell it is ErrUnsupported.
func (s *Systems) Strays(ctx context.Context, host string) (all []Stray, err error) {
	err = errors.ErrUnsupported
	for _, sys := range s.all {
		if sys.Strays == nil {
			continue
		}
		some, failed := sys.Strays(ctx, host)
		if failed != nil {
			return nil, fmt.Errorf("%s: %w", sys.Name, failed)
		}
		all, err = append(all, some...), nil
	}
	return all, err
}

// Close lets go of every system.
func (s *Systems) Close() error {
	var errs []error
	for _, sys := range s.all {
		if sys.Close != nil {
			errs = append(errs, sys.Close())
		}
	}
	return errors.Join(errs...)
}

// Purge removes what is left of the systems' own, once they are empty.
func (s *Systems) Purge(ctx context.Context) error {
	var errs []error
	for _, sys := range s.all {
		if sys.Purge != nil {
			errs = append(errs, sys.Purge(ctx))
		}
	}
	return errors.Join(errs...)
}
