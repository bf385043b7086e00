package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// The laws. Each begins on a system that has the sample's neighbours alone.
var laws = []struct {
	name string
	law  func(*bench)
}{
	{"what is not there is not found", func(b *bench) { b.gone("nothing") }},
	{"what is made is as wanted", func(b *bench) {
		got := b.create()
		b.agrees("create", got, b.sample.Object, false)
		b.read("create", got, got, true)
		b.read("create", b.sample.Object, b.sample.Object, false)
	}},
	{"create may be repeated", func(b *bench) {
		first := b.create()
		again := b.create()
		b.agrees("create again", again, first, true)
		b.read("create again", again, first, true)
	}},
	{"what was made half is finished", func(b *bench) {
		if len(b.sample.Changes) == 0 {
			return
		}
		b.create()
		want := b.sample.Changes[0]
		got, err := b.handle.Create(b.Context(), b.world, b.copy(want))
		if err != nil {
			b.Errorf("create over something else: %v", err)
			return
		}
		b.agrees("create over something else", got, want, false)
		b.read("create over something else", want, want, false)
	}},
	{"every change arrives", changes},
	{"samples change all that may change", covered},
	{"what is gone is not changed", func(b *bench) {
		if len(b.sample.Changes) == 0 {
			return
		}
		if _, err := b.handle.Update(b.Context(), b.world, b.copy(b.sample.Object), b.copy(b.sample.Changes[0])); err == nil {
			b.read("update of what is not there", b.sample.Changes[0], b.sample.Changes[0], false)
		}
	}},
	{"reading all is reading each", func(b *bench) {
		got := b.create()
		b.readAll("create", func(read func(any) (any, error)) {
			all, err := read(b.copy(got))
			if err != nil {
				b.Errorf("create, then read all: %v", err)
				return
			}
			one, err := b.handle.Read(b.Context(), b.world, b.copy(got))
			if err != nil {
				b.Errorf("create, then read: %v", err)
				return
			}
			b.agrees("read all", all, one, true)
		})
		for _, o := range b.sample.With {
			if b.typeOf(o) != b.typ {
				continue
			}
			b.readAll("create", func(read func(any) (any, error)) {
				if _, err := read(b.copy(o)); err != nil {
					b.Errorf("read all misses a neighbour: %v", err)
				}
			})
		}
	}},
	{"reading changes nothing", func(b *bench) {
		got := b.create()
		have := b.copy(got)
		for range 2 {
			b.read("create", have, got, true)
		}
		b.agrees("what the driver was given", have, got, true)
	}},
	{"delete may be repeated", func(b *bench) {
		b.create()
		for _, doing := range []string{"delete", "delete again"} {
			if err := b.handle.Delete(b.Context(), b.world, b.copy(b.sample.Object)); err != nil {
				b.Errorf("%s: %v", doing, err)
			}
			b.gone(doing)
		}
		b.agrees("create after delete", b.create(), b.sample.Object, false)
		b.read("create after delete", b.sample.Object, b.sample.Object, false)
	}},
	{"what was never made may be deleted", func(b *bench) {
		if err := b.handle.Delete(b.Context(), b.world, b.copy(b.sample.Object)); err != nil {
			b.Errorf("delete of what was never made: %v", err)
		}
	}},
	{"a call that is broken off can be repeated", broken},
	{"two at a time", together},
}

func changes(b *bench) {
	have := b.create()
	for i, change := range b.sample.Changes {
		doing := fmt.Sprintf("change %d", i+1)
		b.world.Put(change)
		given := b.copy(change)
		got, err := b.handle.Update(b.Context(), b.world, b.copy(have), given)
		if err != nil {
			b.Errorf("%s: %v", doing, err)
			continue
		}
		b.agrees("what the driver was given", given, change, true)
		b.agrees(doing, got, change, false)
		b.read(doing, have, change, false) // from the old record: the system must tell the new
		again, err := b.handle.Update(b.Context(), b.world, b.copy(have), b.copy(change))
		if err != nil {
			b.Errorf("%s again: %v", doing, err)
			continue
		}
		b.agrees(doing+" again", again, got, true)
		b.read(doing+" again", again, change, false)
		have = again
	}
	b.world.Put(b.sample.Object)
}

// covered holds the sample to its promise: an attribute that no change changes
// is one that no driver is tried on.
func covered(b *bench) {
	missing := map[string]bool{}
	for _, a := range b.typ.Attributes {
		if a.Settable && a.Change == schema.InPlace && a.Source != schema.Computed && a.Source != schema.Live {
			missing[a.Name] = true
		}
	}
	was := b.typ.FromGo(b.sample.Object, cty.NilVal)
	for i, change := range b.sample.Changes {
		now := b.typ.FromGo(change, cty.NilVal)
		for _, a := range b.typ.Attributes {
			if was.GetAttr(a.Name).RawEquals(now.GetAttr(a.Name)) {
				continue
			}
			delete(missing, a.Name)
			if a.Change == schema.Replace {
				b.Errorf("change %d changes %s, which takes a new object", i+1, a.Name)
			}
		}
		was = now
	}
	var names []string
	for name := range missing {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 0 {
		b.Errorf("no change of the sample changes %s", strings.Join(names, ", "))
	}
}

// broken breaks calls off before they begin and while they run. What they leave
// must let the repeat arrive.
func broken(b *bench) {
	off, cancel := context.WithCancel(b.Context())
	cancel()
	if _, err := b.handle.Create(off, b.world, b.copy(b.sample.Object)); err == nil {
		b.Errorf("create that was broken off before it began: no error")
	}
	if err := b.handle.Delete(off, b.world, b.copy(b.sample.Object)); err == nil {
		b.Errorf("delete that was broken off before it began: no error")
	}
	if _, err := b.handle.Read(off, b.world, b.copy(b.sample.Object)); err == nil || errors.Is(err, providers.ErrNotFound) {
		b.Errorf("read that was broken off: %v, which does not say that it does not know", err)
	}
	for range 5 {
		racing, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() { cancel(); close(done) }()
		_, _ = b.handle.Create(racing, b.world, b.copy(b.sample.Object)) // either end will do
		<-done
		b.agrees("create after one that was broken off", b.create(), b.sample.Object, false)
		b.read("create after one that was broken off", b.sample.Object, b.sample.Object, false)
		if err := b.handle.Delete(b.Context(), b.world, b.copy(b.sample.Object)); err != nil {
			b.Errorf("delete: %v", err)
		}
	}
}

// together calls from two sides. An apply does not call twice for one object,
// but a call that was given up may still run.
func together(b *bench) {
	var calls sync.WaitGroup
	errs := make(chan error, 8)
	for range 2 {
		calls.Go(func() {
			_, err := b.handle.Create(b.Context(), b.world, b.copy(b.sample.Object))
			errs <- err
			_, err = b.handle.Read(b.Context(), b.world, b.copy(b.sample.Object))
			errs <- err
			if b.handle.CanReadAll() {
				_, err = b.handle.ReadAll(b.Context(), b.world)
				errs <- err
			}
		})
	}
	calls.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			b.Errorf("two at a time: %v", err)
		}
	}
	b.read("two at a time", b.sample.Object, b.sample.Object, false)
}
