// Package providertest is the suite that every driver passes, on the embedded
// cloud and on real ones: what the laws of package providers come to when they
// are tried.
package providertest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

// A Suite is what is tried on a system.
type Suite struct {
	// Types declares what the samples are; those of package resources unless set.
	Types *schema.Types
	// Cloud is the facts; Cloud() unless set.
	Cloud *cloud.Cloud
	// Open answers with the drivers of a system that holds nothing of the samples.
	Open func(t testing.TB) map[string]providers.Handle
	// Untold names attributes, as TYPE.ATTRIBUTE, that the system does not tell.
	Untold []string
	// Comes writes what an object comes to in a system that tells no attributes but
	// how its form differs from that; "" for what it holds nothing of. Nil: the
	// system tells attributes.
	Comes func(w schema.World, object any) string
	// Unheld are types of which the system holds nothing before something uses them.
	Unheld []string

	Samples  []Sample
	Refusals []Refusal
}

// A Sample is an object to make. Objects are pointers to structs, wholly known.
type Sample struct {
	Type   string
	With   []any // what must be there before, in the order to make it
	Object any
	// Changes are what the object may become in place, one after another. Together
	// they must change each attribute that may change so.
	Changes []any
}

// A Refusal is a call that a system must answer with no. Exactly one of Create,
// Update and Delete is set.
type Refusal struct {
	Reason                 string
	Given                  []any
	Create, Update, Delete any
	Says                   string // what the error must contain, where it matters
}

// Run tries a suite.
func Run(t testing.TB, s Suite) {
	t.Helper()
	if s.Types == nil {
		s.Types = resources.All()
	}
	if s.Cloud == nil {
		s.Cloud = Cloud()
	}
	if len(s.Samples) == 0 {
		t.Fatalf("a suite without samples tries nothing")
	}
	for _, sample := range s.Samples {
		for _, l := range laws {
			each(t, sample.Type+"/"+l.name, func(t testing.TB) { s.try(t, sample, l.law) })
		}
	}
	for _, r := range s.Refusals {
		each(t, "refusal/"+r.Reason, func(t testing.TB) { s.refuse(t, r) })
	}
}

// each runs a test inside a test, beside others where t can do that.
func each(t testing.TB, name string, f func(testing.TB)) {
	if r, ok := t.(*testing.T); ok {
		r.Run(name, func(t *testing.T) { t.Parallel(); f(t) })
		return
	}
	f(named{t, name})
}

// named puts the name of a test before what it says.
type named struct {
	testing.TB
	name string
}

func (n named) Errorf(format string, args ...any) {
	n.Helper()
	n.TB.Errorf("%s: %s", n.name, fmt.Sprintf(format, args...))
}

func (n named) Fatalf(format string, args ...any) {
	n.Helper()
	n.TB.Fatalf("%s: %s", n.name, fmt.Sprintf(format, args...))
}

// A bench is one sample on one system, its neighbours made.
type bench struct {
	testing.TB
	suite   Suite
	handles map[string]providers.Handle
	world   *world.World
	sample  Sample
	typ     *schema.Type
	handle  providers.Handle
}

func (s Suite) bench(t testing.TB, with []any) *bench {
	b := &bench{TB: t, suite: s, handles: s.Open(t), world: world.New(s.Types, s.Cloud, with...)}
	for _, o := range with {
		if _, err := b.of(o).Create(t.Context(), b.world, b.copy(o)); err != nil {
			t.Fatalf("create a neighbour: %v", err)
		}
	}
	return b
}

func (s Suite) try(t testing.TB, sample Sample, law func(*bench)) {
	b := s.bench(t, sample.With)
	b.sample, b.typ, b.handle = sample, b.typeOf(sample.Object), b.of(sample.Object)
	if b.typ.Name != sample.Type {
		t.Fatalf("the sample is a %s", b.typ.Name)
	}
	b.world.Put(sample.Object)
	law(b)
	_ = b.handle.Delete(t.Context(), b.world, b.copy(sample.Object))
	b.clean(sample.With)
}

// clean takes objects away, the last first.
func (b *bench) clean(objects []any) {
	for _, o := range slices.Backward(objects) {
		if err := b.of(o).Delete(b.Context(), b.world, b.copy(o)); err != nil {
			b.Errorf("delete a neighbour: %v", err)
		}
	}
}

func (b *bench) typeOf(o any) *schema.Type {
	t := b.suite.Types.ByGo(reflect.TypeOf(o).Elem())
	if t == nil {
		b.Fatalf("nobody declares %T", o)
	}
	return t
}

func (b *bench) of(o any) providers.Handle {
	h := b.handles[b.typeOf(o).Name]
	if h == nil {
		b.Fatalf("the system has no driver of %s", b.typeOf(o).Name)
	}
	return h
}

// copy makes a twin, so that drivers can't change the samples.
func (b *bench) copy(o any) any {
	t := b.typeOf(o)
	twin, err := t.ToGo(t.FromGo(o, cty.NilVal))
	if err != nil {
		b.Fatalf("copy a %s: %v", t.Name, err)
	}
	return twin
}

// agrees reports attributes in which got is not what was wanted. What the system
// tells by itself counts only when strict.
func (b *bench) agrees(doing string, got, want any, strict bool) {
	b.Helper()
	t := b.typeOf(want)
	if got == nil || reflect.TypeOf(got) != reflect.TypeOf(want) {
		b.Errorf("%s: answered with a %T", doing, got)
		return
	}
	g, w := t.FromGo(got, cty.NilVal), t.FromGo(want, cty.NilVal)
	for _, a := range t.Attributes {
		if !strict && (a.Source == schema.Computed || a.Source == schema.Live) {
			continue
		}
		if gv, wv := g.GetAttr(a.Name), w.GetAttr(a.Name); !gv.RawEquals(wv) {
			b.Errorf("%s: %s is %s, not %s", doing, a.Name, gv.GoString(), wv.GoString())
		}
	}
}

// read reads from a record, and holds the answer to what is wanted.
func (b *bench) read(doing string, have, want any, strict bool) any {
	b.Helper()
	got, err := b.handle.Read(b.Context(), b.world, b.copy(have))
	if b.suite.Comes != nil {
		b.differs(doing+", then read", err, have, want)
		return got
	}
	if err != nil {
		b.Errorf("%s: read: %v", doing, err)
		return nil
	}
	b.agrees(doing+", then read", got, b.told(have, want), strict)
	return got
}

// differs holds a read to what a record and the object come to.
func (b *bench) differs(doing string, err error, have, want any) {
	b.Helper()
	alike := b.suite.Comes(b.world, have) == b.suite.Comes(b.world, want)
	told := errors.As(err, new(*providers.DiffersError))
	switch {
	case err != nil && !told && b.suite.Comes(b.world, want) != "" && b.suite.Comes(b.world, have) != "":
		b.Errorf("%s: %v", doing, err)
	case alike && told:
		b.Errorf("%s: it should be as it was made: %v", doing, err)
	case !alike && err == nil && b.suite.Comes(b.world, have) != "":
		b.Errorf("%s: the system holds another form, and nothing says so", doing)
	}
}

// held reports whether the system holds anything of the sample.
func (b *bench) held() bool {
	if slices.Contains(b.suite.Unheld, b.typ.Name) {
		return false
	}
	return b.suite.Comes == nil || b.suite.Comes(b.world, b.sample.Object) != ""
}

// told is want, but for what the system does not tell: there have's stays.
func (b *bench) told(have, want any) any {
	t := b.typeOf(want)
	vals := t.FromGo(want, cty.NilVal).AsValueMap()
	old := t.FromGo(have, cty.NilVal)
	for name := range vals {
		if slices.Contains(b.suite.Untold, t.Name+"."+name) {
			vals[name] = old.GetAttr(name)
		}
	}
	o, err := t.ToGo(cty.ObjectVal(vals))
	if err != nil {
		b.Fatalf("%v", err)
	}
	return o
}

// create makes the sample, and answers with what the driver said.
func (b *bench) create() any {
	b.Helper()
	want := b.copy(b.sample.Object)
	got, err := b.handle.Create(b.Context(), b.world, want)
	if err != nil {
		b.Fatalf("create: %v", err)
	}
	b.agrees("what the driver was given", want, b.sample.Object, true)
	return got
}

func (b *bench) gone(doing string) {
	b.Helper()
	if !b.held() {
		return
	}
	if _, err := b.handle.Read(b.Context(), b.world, b.copy(b.sample.Object)); !errors.Is(err, providers.ErrNotFound) {
		b.Errorf("%s, then read: %v, not ErrNotFound", doing, err)
	}
	b.readAll(doing, func(read func(any) (any, error)) {
		if _, err := read(b.copy(b.sample.Object)); !errors.Is(err, providers.ErrNotFound) {
			b.Errorf("%s, then read all: %v, not ErrNotFound", doing, err)
		}
	})
}

func (b *bench) readAll(doing string, f func(read func(any) (any, error))) {
	b.Helper()
	if !b.handle.CanReadAll() {
		return
	}
	read, err := b.handle.ReadAll(b.Context(), b.world)
	if err != nil {
		b.Errorf("%s, then read all: %v", doing, err)
		return
	}
	f(read)
}

// refuse tries a call that must be answered with no, and leave all as it was.
func (s Suite) refuse(t testing.TB, r Refusal) {
	b := s.bench(t, r.Given)
	var err error
	var object any
	switch {
	case r.Create != nil:
		object = r.Create
		b.world.Put(object)
		_, err = b.of(object).Create(t.Context(), b.world, b.copy(object))
	case r.Update != nil:
		object = r.Update
		_, err = b.of(object).Update(t.Context(), b.world, b.copy(b.had(r.Given, object)), b.copy(object))
	default:
		object = r.Delete
		err = b.of(object).Delete(t.Context(), b.world, b.copy(object))
	}
	switch {
	case err == nil:
		t.Errorf("it was not refused")
	case errors.Is(err, providers.ErrNotFound):
		t.Errorf("%v is no refusal", err)
	case !strings.Contains(err.Error(), r.Says):
		t.Errorf("%v does not say %q", err, r.Says)
	}
	_, err = b.of(object).Read(t.Context(), b.world, b.copy(object))
	if r.Create != nil && b.had(r.Given, object) == nil {
		if !slices.Contains(s.Unheld, b.typeOf(object).Name) && !errors.Is(err, providers.ErrNotFound) {
			t.Errorf("what was refused is there: %v", err)
		}
	} else if had := b.had(r.Given, object); err != nil {
		t.Errorf("the refusal left nothing behind: %v", err)
	} else {
		b.handle = b.of(object)
		b.read("the refusal", object, had, false)
	}
	if r.Create != nil {
		_ = b.of(object).Delete(t.Context(), b.world, b.copy(object))
	}
	b.clean(r.Given)
}

// had finds the object as it was given, by its id.
func (b *bench) had(given []any, object any) any {
	t := b.typeOf(object)
	for _, o := range given {
		if reflect.TypeOf(o) == reflect.TypeOf(object) && t.Texts(o, "id")[0] == t.Texts(object, "id")[0] {
			return o
		}
	}
	return nil
}
