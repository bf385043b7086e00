package providertest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/schema"
)

// box is a thing that a small, good driver keeps in memory.
type box struct {
	// ID of the box.
	ID string `hcl:"id" plan:"assigned"`
	// Name of the box.
	Name string `hcl:"name,optional"`
	// Labels on the box.
	Labels schema.Set[string] `hcl:"labels,optional"`
	// Colour needs a new box.
	Colour string `hcl:"colour,optional" plan:"replace"`
	// Lid is chosen by cairn.
	Lid string `hcl:"lid,optional" plan:"assigned,live"`
	// Serial is the system's number.
	Serial string `hcl:"serial" plan:"computed"`
}

// shelf is a good driver. Each hook breaks it in one way.
type shelf struct {
	mu    sync.Mutex
	boxes map[string]box
	made  int
	alone bool // it can't bear two calls at a time
	busy  atomic.Bool

	create  func(s *shelf, ctx context.Context, want box) (box, error)
	read    func(s *shelf, ctx context.Context, have box) (box, error)
	update  func(s *shelf, ctx context.Context, have, want box) (box, error)
	remove  func(s *shelf, ctx context.Context, have box) error
	readAll func(s *shelf, ctx context.Context) (func(box) (box, error), error)
}

func (s *shelf) put(ctx context.Context, want box) (box, error) {
	if err := ctx.Err(); err != nil {
		return want, err
	}
	if want.Colour == "plaid" {
		return want, errors.New("no box is plaid")
	}
	if want.Serial = s.boxes[want.ID].Serial; want.Serial == "" {
		s.made++
		want.Serial = fmt.Sprint("serial ", s.made)
	}
	s.boxes[want.ID] = want
	return want, nil
}

func (s *shelf) look(ctx context.Context, have box) (box, error) {
	if err := ctx.Err(); err != nil {
		return have, err
	}
	x, ok := s.boxes[have.ID]
	if !ok {
		return have, providers.ErrNotFound
	}
	return x, nil
}

func (s *shelf) Create(ctx context.Context, _ schema.World, want box) (box, error) {
	if s.alone {
		if !s.busy.CompareAndSwap(false, true) {
			return want, errors.New("busy")
		}
		defer s.busy.Store(false)
		time.Sleep(20 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.create != nil {
		return s.create(s, ctx, want)
	}
	return s.put(ctx, want)
}

func (s *shelf) Read(ctx context.Context, _ schema.World, have box) (box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil {
		return s.read(s, ctx, have)
	}
	return s.look(ctx, have)
}

func (s *shelf) Update(ctx context.Context, _ schema.World, have, want box) (box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.update != nil {
		return s.update(s, ctx, have, want)
	}
	if _, err := s.look(ctx, have); err != nil {
		return want, err
	}
	return s.put(ctx, want)
}

func (s *shelf) Delete(ctx context.Context, _ schema.World, have box) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remove != nil {
		return s.remove(s, ctx, have)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(s.boxes, have.ID)
	return nil
}

func (s *shelf) ReadAll(ctx context.Context, w schema.World) (func(box) (box, error), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readAll != nil {
		return s.readAll(s, ctx)
	}
	all := maps.Clone(s.boxes)
	return func(have box) (box, error) {
		if x, ok := all[have.ID]; ok {
			return x, nil
		}
		return have, providers.ErrNotFound
	}, nil
}

func suite(breaks func(*shelf)) providertest.Suite {
	one := &box{ID: "one", Name: "first", Labels: schema.Set[string]{"a", "b"}, Colour: "red", Lid: "flat"}
	return providertest.Suite{
		Types: schema.NewTypes(schema.Declare[box]("box")),
		Open: func(testing.TB) map[string]providers.Handle {
			s := &shelf{boxes: map[string]box{}}
			breaks(s)
			return map[string]providers.Handle{"box": providers.For[box](s)}
		},
		Samples: []providertest.Sample{{
			Type: "box", With: []any{&box{ID: "other", Name: "second"}}, Object: one,
			Changes: []any{
				&box{ID: "one", Name: "new", Colour: "red", Lid: "flat"},
				&box{ID: "one", Labels: schema.Set[string]{"c"}, Colour: "red", Lid: "round"},
			},
		}},
		Refusals: []providertest.Refusal{{Reason: "a plaid box", Create: &box{ID: "plaid", Colour: "plaid"}}},
	}
}

func TestGoodDriverPasses(t *testing.T) {
	t.Parallel()
	providertest.Run(t, suite(func(*shelf) {}))
	if said := try(t, suite(func(*shelf) {})); len(said) > 0 {
		t.Errorf("a recorder hears of %q", said)
	}
}

func TestBrokenDriversFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		breaks func(*shelf)
		says   string
	}{
		{"an update is forgotten", func(s *shelf) {
			s.update = func(_ *shelf, _ context.Context, _, want box) (box, error) { return want, nil }
		}, "name is"},
		{"one attribute of an update is forgotten", func(s *shelf) {
			s.update = func(s *shelf, ctx context.Context, have, want box) (box, error) {
				kept := want
				kept.Labels = s.boxes[have.ID].Labels
				_, err := s.put(ctx, kept)
				return want, err
			}
		}, "labels is"},
		{"update answers with the old", func(s *shelf) {
			s.update = func(s *shelf, ctx context.Context, have, want box) (box, error) {
				if _, err := s.put(ctx, want); err != nil {
					return want, err
				}
				return have, nil
			}
		}, "change 1: name is"},
		{"read answers with the record", func(s *shelf) {
			s.read = func(s *shelf, ctx context.Context, have box) (box, error) {
				_, err := s.look(ctx, have)
				return have, err
			}
		}, "then read: name is"},
		{"create can't be repeated", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				if _, there := s.boxes[want.ID]; there {
					return want, errors.New("it exists")
				}
				return s.put(ctx, want)
			}
		}, "it exists"},
		{"create makes another one each time", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				delete(s.boxes, want.ID)
				return s.put(ctx, want)
			}
		}, "serial is"},
		{"create takes what is there for done", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				if had, there := s.boxes[want.ID]; there {
					return had, ctx.Err()
				}
				return s.put(ctx, want)
			}
		}, "create over something else"},
		{"attributes are invented", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				want.Lid = "invented"
				return s.put(ctx, want)
			}
		}, "lid is"},
		{"the system's own spelling", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				want.Name = strings.ToUpper(want.Name)
				return s.put(ctx, want)
			}
		}, "name is"},
		{"the second delete is an error", func(s *shelf) {
			s.remove = func(s *shelf, ctx context.Context, have box) error {
				if _, err := s.look(ctx, have); err != nil {
					return err
				}
				delete(s.boxes, have.ID)
				return nil
			}
		}, "delete again"},
		{"delete leaves it there", func(s *shelf) {
			s.remove = func(_ *shelf, ctx context.Context, _ box) error { return ctx.Err() }
		}, "not ErrNotFound"},
		{"what is gone is empty", func(s *shelf) {
			s.read = func(s *shelf, ctx context.Context, have box) (box, error) { return s.boxes[have.ID], ctx.Err() }
		}, "not ErrNotFound"},
		{"what is gone is some error", func(s *shelf) {
			s.read = func(s *shelf, ctx context.Context, have box) (box, error) {
				if _, there := s.boxes[have.ID]; !there {
					return have, errors.New("404")
				}
				return s.look(ctx, have)
			}
		}, "404, not ErrNotFound"},
		{"unknown is taken for gone", func(s *shelf) {
			s.read = func(s *shelf, ctx context.Context, have box) (box, error) {
				if x, there := s.boxes[have.ID]; there {
					return x, nil
				}
				return have, providers.ErrNotFound
			}
		}, "does not say that it does not know"},
		{"reading all misses objects", func(s *shelf) {
			s.readAll = func(*shelf, context.Context) (func(box) (box, error), error) {
				return func(have box) (box, error) { return have, providers.ErrNotFound }, nil
			}
		}, "read all"},
		{"reading all misses other objects", func(s *shelf) {
			s.readAll = func(s *shelf, _ context.Context) (func(box) (box, error), error) {
				x, there := s.boxes["one"]
				return func(have box) (box, error) {
					if there && have.ID == "one" {
						return x, nil
					}
					return have, providers.ErrNotFound
				}, nil
			}
		}, "misses a neighbour"},
		{"reading all finds what is gone", func(s *shelf) {
			s.readAll = func(*shelf, context.Context) (func(box) (box, error), error) {
				return func(have box) (box, error) { return have, nil }, nil
			}
		}, "then read all: <nil>"},
		{"reading all reads less", func(s *shelf) {
			s.readAll = func(s *shelf, _ context.Context) (func(box) (box, error), error) {
				all := maps.Clone(s.boxes)
				return func(have box) (box, error) {
					x, there := all[have.ID]
					if !there {
						return have, providers.ErrNotFound
					}
					x.Labels = nil
					return x, nil
				}, nil
			}
		}, "read all: labels is"},
		{"reading changes", func(s *shelf) {
			s.read = func(s *shelf, ctx context.Context, have box) (box, error) {
				x, err := s.look(ctx, have)
				if err == nil {
					next := x
					next.Serial += "!"
					s.boxes[have.ID] = next
				}
				return x, err
			}
		}, "serial is"},
		{"a broken-off call goes on", func(s *shelf) {
			s.create = func(s *shelf, _ context.Context, want box) (box, error) {
				return s.put(context.Background(), want)
			}
		}, "broken off before it began"},
		{"a broken-off call leaves half of it for good", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				if err := ctx.Err(); err != nil {
					s.made = -1
					return want, err
				}
				if s.made < 0 {
					return want, errors.New("half of it is in the way")
				}
				return s.put(ctx, want)
			}
		}, "half of it is in the way"},
		{"what it is given is changed", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				kept := want
				kept.Labels = append(schema.Set[string]{}, want.Labels...)
				if len(want.Labels) > 0 {
					want.Labels[0] = "mine"
				}
				return s.put(ctx, kept)
			}
		}, "what the driver was given"},
		{"one at a time only", func(s *shelf) { s.alone = true }, "two at a time: busy"},
		{"nothing is refused", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				colour := want.Colour
				want.Colour = ""
				if _, err := s.put(ctx, want); err != nil {
					return want, err
				}
				want = s.boxes[want.ID]
				want.Colour = colour
				s.boxes[want.ID] = want
				return want, nil
			}
		}, "was not refused"},
		{"what is refused is made all the same", func(s *shelf) {
			s.create = func(s *shelf, ctx context.Context, want box) (box, error) {
				x, err := s.put(ctx, want)
				if err != nil && ctx.Err() == nil {
					s.boxes[want.ID] = want
				}
				return x, err
			}
		}, "what was refused is there"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			said := strings.Join(try(t, suite(c.breaks)), "\n")
			if !strings.Contains(said, c.says) {
				t.Errorf("the suite said\n%s\nand not %q", said, c.says)
			}
		})
	}
}

func TestSamplesThatTryTooLittleFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		change func(*providertest.Suite)
		says   string
	}{
		{"no samples", func(s *providertest.Suite) { s.Samples = nil }, "tries nothing"},
		{"an attribute that no change changes", func(s *providertest.Suite) { s.Samples[0].Changes = s.Samples[0].Changes[:1] }, "changes lid"},
		{"a change that takes a new object", func(s *providertest.Suite) {
			s.Samples[0].Changes = append(s.Samples[0].Changes, &box{ID: "one", Colour: "blue"})
		}, "changes colour, which takes a new object"},
		{"a sample of another type", func(s *providertest.Suite) { s.Samples[0].Type = "crate" }, "the sample is a box"},
		{"no driver", func(s *providertest.Suite) {
			s.Open = func(testing.TB) map[string]providers.Handle { return nil }
		}, "has no driver of box"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := suite(func(*shelf) {})
			c.change(&s)
			if said := strings.Join(try(t, s), "\n"); !strings.Contains(said, c.says) {
				t.Errorf("the suite said\n%s\nand not %q", said, c.says)
			}
		})
	}
}

// recorder is a testing.TB that only listens.
type recorder struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// Fatalf ends the law that is tried, and the suite with it.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// try runs a suite beside the test, and answers with what it complained of.
func try(t *testing.T, s providertest.Suite) []string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		providertest.Run(r, s)
	}()
	<-done
	return r.said
}
