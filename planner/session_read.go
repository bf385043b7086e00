package planner

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
	"github.com/cairncloud/cairn/state"
)

// Data reads a data source.
func (s *Session) Data(ctx context.Context, t *schema.Type, filter cty.Value) (cty.Value, error) {
	return ask(ctx, s, func() (cty.Value, error) {
		w, err := s.look(ctx)
		if err != nil {
			return cty.NilVal, err
		}
		v, problems := look(w.world, s.site.Types, t, filter)
		return v, problems.Err()
	})
}

// Objects lists what the stack has of a type, with the attributes that are asked
// for.
func (s *Session) Objects(ctx context.Context, t *schema.Type, filter map[string]string) ([]Object, error) {
	return ask(ctx, s, func() ([]Object, error) {
		w, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		var all []Object
		for _, p := range w.priors.at {
			if p.typ.Go() != t.Go() || p.addr.Owned != "" {
				continue
			}
			v, err := w.priors.value(p)
			if err != nil {
				return nil, err
			}
			if fits(v, filter) {
				all = append(all, Object{p.record.ID, v})
			}
		}
		slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.ID, b.ID) })
		return all, nil
	})
}

func fits(v cty.Value, filter map[string]string) bool {
	for name, text := range filter {
		if schema.Text(v, name) != text {
			return false
		}
	}
	return true
}

// Import finds an object for the front end: one of its own stack by id or name,
// else one that nobody keeps, which then belongs to the stack.
func (s *Session) Import(ctx context.Context, t *schema.Type, word string) (Object, error) {
	have, err := ask(ctx, s, func() (have Object, err error) {
		w, err := s.look(ctx)
		if err != nil {
			return have, err
		}
		p, err := s.own(w, t, word)
		if p != nil && err == nil {
			have.ID = p.record.ID
			have.Value, err = w.priors.value(p)
		}
		return have, err
	})
	if err != nil {
		return have, err
	}
	if have.Value != cty.NilVal {
		now, there, err := s.Read(ctx, t, have)
		if errors.As(err, new(*providers.DiffersError)) {
			err = nil // the next plan says so
		}
		if err == nil && !there {
			err = schema.Problem{Attribute: "id", Summary: fmt.Sprintf("The %s is gone", t.Name), Detail: "cairn has made it, and its system has it no more."}
		}
		return Object{have.ID, now}, err
	}
	h := s.site.Systems.For(t.Name)
	if h == nil {
		return have, fmt.Errorf("nothing in this cloud makes a %s: name a system that does in its cloud file", t.Name)
	}
	object, err := h.Import(ctx, word)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return have, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("There is no %s %q", t.Name, word), Detail: "It lives in cairn's state alone, and the stack has none of this id or name."}
	case err != nil:
		return have, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("There is no %s %q", t.Name, word), Detail: "No object of the stack has that id or name, and none in the cloud answers to it: " + err.Error() + "."}
	}
	v := t.FromGo(object, cty.NilVal)
	return s.Apply(ctx, Asked{Type: t, Prior: v, Config: t.Configured(v), Adopts: word})
}

// own finds an object of the stack by id or name; nil: it has none. What
// another stack has is not to be had.
func (s *Session) own(w *walk, t *schema.Type, word string) (*prior, error) {
	if p := w.priors.at[s.standing(t, word)]; p != nil {
		return p, nil
	}
	var found []*prior
	if t.Attribute("name") != nil {
		for o := range w.world.Where(t.Go(), "name", word) {
			id := strings.Join(t.Texts(o, "id"), "")
			if p := w.priors.at[s.standing(t, id)]; p != nil {
				found = append(found, p)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("%d are named %q", len(found), word), Detail: "Import it by its id."}
	}
	other := w.world.Find(t.Go(), word)
	if other == nil && t.Attribute("name") != nil {
		for other = range w.world.Where(t.Go(), "name", word) {
			word = strings.Join(t.Texts(other, "id"), "")
			break
		}
	}
	if other != nil {
		return nil, schema.Problem{Attribute: "id", Summary: fmt.Sprintf("The %s is not this stack's", t.Name),
			Detail: fmt.Sprintf("%s has it. An object belongs to one stack: look it up with a data block, or have that stack let go of it first (`cairn state rm`).", w.world.called(word))}
	}
	return nil, nil
}

// An UnheardObject is one that the front end has had made and not mentioned since.
type UnheardObject struct {
	Type *schema.Type
	Object
}

// Unheard lists what the front end does not know of, once what a killed run has
// left is done: what a run has made that was killed (every: any run), and the
// front end has not mentioned when it was heard last. Of others it may still be
// heard: how many they are.
func (s *Session) Unheard(ctx context.Context, every bool) (lost []UnheardObject, doubtful int, err error) {
	lost, err = ask(ctx, s, func() ([]UnheardObject, error) {
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		killed := map[int64]bool{}
		runs, err := s.site.Store.Runs(ctx, s.opt.Stack, 0)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			killed[r.ID] = r.Status == state.RunInterrupted
		}
		var all []UnheardObject
		for _, p := range s.w.priors.at {
			if !p.record.Unheard || !every && !killed[p.record.Run] {
				continue
			}
			if p.record.Run > s.w.snap.Heard {
				doubtful++
				continue
			}
			v, err := s.w.priors.value(p)
			if err != nil {
				return nil, err
			}
			all = append(all, UnheardObject{p.typ, Object{p.record.ID, v}})
		}
		slices.SortFunc(all, func(a, b UnheardObject) int {
			return strings.Compare(a.Type.Name+a.ID, b.Type.Name+b.ID)
		})
		return all, nil
	})
	return lost, doubtful, err
}

// reads are the bulk reads of a session: one a type, of one look at each system
// that can take one.
type reads struct {
	mu    sync.Mutex
	all   map[*schema.Type]func() (func(any) (any, error), error)
	looks map[*providers.System]func() // with how they end
}

// of answers with how to read an object of a type: from one look at the system
// where its driver can, else one call an object.
func (r *reads) of(ctx context.Context, site *Site, w schema.World, t *schema.Type) (func(any) (any, error), error) {
	h := site.Systems.For(t.Name)
	if h == nil {
		return nil, fmt.Errorf("nothing in this cloud makes a %s: name a system that does in its cloud file", t.Name)
	}
	if !h.CanReadAll() {
		return func(o any) (any, error) { return h.Read(ctx, w, o) }, nil
	}
	r.mu.Lock()
	all := r.all[t]
	if all == nil {
		ctx := context.WithoutCancel(ctx)
		if err := r.look(ctx, site.Systems.Of(t.Name)); err != nil {
			r.mu.Unlock()
			return nil, err
		}
		all = sync.OnceValues(func() (func(any) (any, error), error) { return h.ReadAll(ctx, w) })
		r.all[t] = all
	}
	r.mu.Unlock()
	return all()
}

// look looks at a system when nobody has yet.
func (r *reads) look(ctx context.Context, sys *providers.System) error {
	if sys.Look == nil || r.looks[sys] != nil {
		return nil
	}
	done, err := sys.Look(ctx)
	if err != nil {
		return err
	}
	if r.looks == nil {
		r.looks = map[*providers.System]func(){}
	}
	r.looks[sys] = done
	return nil
}

// forget has a type read again, and all that was read with it: something of it was
// changed.
func (r *reads) forget(site *Site, t *schema.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, t)
	sys := site.Systems.Of(t.Name)
	done := r.looks[sys]
	if done == nil {
		return
	}
	done()
	delete(r.looks, sys)
	for other := range r.all {
		if site.Systems.Of(other.Name) == sys {
			delete(r.all, other)
		}
	}
}
