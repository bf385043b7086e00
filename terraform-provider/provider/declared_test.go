package provider

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	cloudfacts "github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// Lock is a type with what no real one has yet: a secret that its author gives.
type Lock struct {
	// ID of the lock.
	ID string `hcl:"id" plan:"assigned"`
	// Name of the lock.
	Name string `hcl:"name,optional" plan:"assigned,live"`
	// Code opens it.
	Code schema.Secret `hcl:"code"`
	// Hint is another secret, which may be left out.
	Hint schema.Secret `hcl:"hint,optional"`
	// Doors that it is on.
	Doors []string `hcl:"doors,optional"`
}

// Claims gives it a name.
func (x *Lock) Claims(_ schema.World, _ schema.Ledger) error {
	if x.Name == "" {
		x.Name = "lock"
	}
	return nil
}

// safe is the system that holds locks, in memory.
type safe struct {
	mu    sync.Mutex
	locks map[string]Lock
	calls []string
}

func (s *safe) put(call string, x Lock) (Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call+" "+x.Code.Reveal()+" "+x.Hint.Reveal())
	s.locks[x.ID] = x
	return x, nil
}

func (s *safe) Create(_ context.Context, _ schema.World, want Lock) (Lock, error) {
	return s.put("create", want)
}

func (s *safe) Update(_ context.Context, _ schema.World, _, want Lock) (Lock, error) {
	return s.put("update", want)
}

func (s *safe) Read(_ context.Context, _ schema.World, have Lock) (Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.locks[have.ID]
	if !ok {
		return have, providers.ErrNotFound
	}
	have.Name, have.Doors = x.Name, x.Doors // it never tells a secret
	return have, nil
}

func (s *safe) Delete(_ context.Context, _ schema.World, have Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.locks, have.ID)
	return nil
}

func (s *safe) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// Crate is a type in its third version, under two names.
type Crate struct {
	// ID of the crate.
	ID string `hcl:"id" plan:"assigned"`
	// Content of the crate.
	Content string `hcl:"content,optional"`
	// Layers that it is packed in.
	Layers []string `hcl:"layers,optional"`
}

func crateVersions() schema.Option {
	return schema.Version(
		func(attrs map[string]any) error { // the content was called stuff
			attrs["content"] = attrs["stuff"]
			delete(attrs, "stuff")
			return nil
		},
		func(attrs map[string]any) error { // there was one layer
			if layer, ok := attrs["layer"].(string); ok {
				if layer == "" {
					return errors.New("a crate without a layer can't be packed")
				}
				attrs["layers"] = []any{layer}
			}
			delete(attrs, "layer")
			return nil
		})
}

// ready is a provider whose cloud is linked by the test.
type ready struct {
	*Provider
	cloud *cloud
}

func (r ready) Configure(_ context.Context, _ provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = r.cloud, r.cloud, r.cloud
}

// newBench is a cloud of test types.
func newBench(t *testing.T) (*lab, *safe) {
	t.Helper()
	dir := t.TempDir()
	types := schema.NewTypes(schema.Declare[Lock]("lock"), schema.Declare[Crate]("crate", crateVersions()), schema.Declare[Crate]("box", crateVersions()))
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "cairn.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &safe{locks: map[string]Lock{}}
	p := New(types)
	c := &cloud{shut: store.Close, work: planner.OpenSession(&planner.Site{
		Cloud: &cloudfacts.Cloud{Name: "bench"}, Types: types, Store: store, Keys: seal.Lazy(filepath.Join(dir, "keyset.json")),
		Systems: providers.Link(providers.System{Name: "bench", Handles: map[string]providers.Handle{
			"lock": providers.For[Lock](s), "crate": providers.For[Crate](providers.Kept[Crate]{}), "box": providers.For[Crate](providers.Kept[Crate]{}),
		}}),
	}, planner.SessionOptions{Stack: "lab", Front: state.Terraform, Command: "terraform"})}
	p.clouds = append(p.clouds, c)
	l := &lab{TB: t, provider: p, dir: dir}
	t.Cleanup(l.close)
	if l.engine, err = newEngine(t.Context(), ready{p, c}); err != nil {
		t.Fatal(err)
	}
	if err := l.configure(t.Context(), nil, false); err != nil {
		t.Fatal(err)
	}
	return l, s
}

// nowhere checks that a text is in no file of the cloud.
func (l *lab) nowhere(secret string) {
	l.Helper()
	files, err := os.ReadDir(l.dir)
	if err != nil {
		l.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(l.dir, f.Name()))
		if err != nil {
			l.Fatal(err)
		}
		if bytes.Contains(text, []byte(secret)) {
			l.Errorf("the secret %q is in %s", secret, f.Name())
		}
	}
}

// A secret in its second spelling reaches the system and stays nowhere; another
// version of it is brought there, the same version is not.
func TestSecretIsWrittenOnly(t *testing.T) {
	t.Parallel()
	l, s := newBench(t)
	const first, second, third = "tulip-4711-first", "tulip-4711-second", "tulip-4711-third"
	says := func(code, version, more string) string {
		return `name = "l", code_wo = "` + code + `", code_wo_version = ` + version + more
	}
	o := l.none("cairn_lock")
	for _, c := range []struct {
		reason, text string
		calls        []string
	}{
		{"it is made", says(first, "1", ""), []string{"create " + first + " "}},
		{"another secret of the same version is not looked at", says(second, "1", ""), nil},
		{"another version is brought", says(second, "2", ""), []string{"update " + second + " "}},
		{"a version without a change of the secret too", says(second, "3", ""), []string{"update " + second + " "}},
		{"a change of something else brings no secret", says(third, "3", `, doors = ["front"]`), []string{"update  "}},
		{"no version at all is another one", `name = "l", code_wo = "` + third + `"`, []string{"update " + third + " "}},
	} {
		config := l.says("cairn_lock", c.text, l.scope())
		p, err := l.plan(t.Context(), o, config)
		if err != nil {
			t.Fatalf("%s: plan: %s", c.reason, err)
		}
		if p.empty() != (c.calls == nil) {
			t.Errorf("%s: the plan is empty: %t", c.reason, p.empty())
		}
		if !p.empty() {
			if o, err = l.apply(t.Context(), p, config); err != nil {
				t.Fatalf("%s: apply: %s", c.reason, err)
			}
		}
		if calls := s.take(); strings.Join(calls, ",") != strings.Join(c.calls, ",") {
			t.Errorf("%s: the system was called with %q, want %q", c.reason, calls, c.calls)
		}
		if !o.state.GetAttr("code").IsNull() || !o.state.GetAttr("code_wo").IsNull() {
			t.Errorf("%s: the state has %#v", c.reason, o.state)
		}
		again, err := l.refresh(t.Context(), o)
		if err != nil || !again.state.RawEquals(o.state) {
			t.Errorf("%s: it is read as %#v %v", c.reason, again.state, err)
		}
		if p, err = l.plan(t.Context(), again, config); err != nil || !p.empty() {
			t.Errorf("%s: something is left to do: %#v %v", c.reason, p.state, err)
		}
	}
	for _, secret := range []string{first, second, third} {
		l.nowhere(secret)
	}
	if _, err := l.remove(t.Context(), o); err != nil {
		t.Error(err)
	}
}

// Given plainly, a secret is in Terraform's state, as its author has it, and
// sealed in cairn's.
func TestSecretGivenPlainly(t *testing.T) {
	t.Parallel()
	l, s := newBench(t)
	const secret = "rose-0815-plain"
	o, err := l.make(t.Context(), l.none("cairn_lock"), l.says("cairn_lock", `code = "`+secret+`", hint_wo = "rose-0815-hint"`, l.scope()))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(o.state, "code"); got != secret {
		t.Errorf("the state has the code %q", got)
	}
	if calls := s.take(); len(calls) != 1 || calls[0] != "create "+secret+" rose-0815-hint" {
		t.Errorf("the system was called with %q", calls)
	}
	l.nowhere(secret)
	l.nowhere("rose-0815-hint")
	// From one spelling to the other: the state lets go of it.
	config := l.says("cairn_lock", `code_wo = "`+secret+`", code_wo_version = 1`, l.scope())
	if o, err = l.make(t.Context(), o, config); err != nil {
		t.Fatal(err)
	}
	if !o.state.GetAttr("code").IsNull() {
		t.Errorf("the state still has the code: %#v", o.state)
	}
	if p, err := l.plan(t.Context(), o, config); err != nil || !p.empty() {
		t.Errorf("something is left to do: %#v %v", p.state, err)
	}
}

func TestSecretIsGivenOnce(t *testing.T) {
	t.Parallel()
	l, _ := newBench(t)
	for _, c := range []struct{ reason, text, want string }{
		{"both spellings", `code = "a", code_wo = "b"`, "error at code_wo: The secret is given twice: Take code or code_wo out."},
		{"none of a required one", `name = "x"`, "error at code: The secret is missing: Give code, or code_wo to keep it out of the state."},
		{"both of an optional one", `code = "a", hint = "b", hint_wo = "b"`, "error at hint_wo: The secret is given twice: Take hint or hint_wo out."},
	} {
		if _, err := l.plan(t.Context(), l.none("cairn_lock"), l.says("cairn_lock", c.text, l.scope())); err == nil || err.Error() != c.want {
			t.Errorf("%s was answered with %v, want %s", c.reason, err, c.want)
		}
	}
	vague := l.says("cairn_lock", `code = "a"`, l.scope())
	for _, name := range []string{"code", "hint", "code_wo_version"} {
		w := l.resources["cairn_lock"].word(name)
		if _, err := l.plan(t.Context(), l.none("cairn_lock"), l.but("cairn_lock", vague, map[string]cty.Value{name: cty.UnknownVal(w.typ)})); err != nil {
			t.Errorf("%s unknown: %s", name, err)
		}
	}
	for name, flags := range map[string][3]bool{"code": {true, false, false}, "code_wo": {true, true, false}, "code_wo_version": {false, false, false}, "name": {false, false, true}} {
		w := l.resources["cairn_lock"].word(name)
		if w == nil || w.Sensitive != flags[0] || w.WriteOnly != flags[1] || w.Computed != flags[2] || !w.Optional {
			t.Errorf("%s is declared to Terraform as %+v", name, w.SchemaAttribute)
		}
	}
}

// States of older declarations are brought up to date, one version after the
// other.
func TestOlderStates(t *testing.T) {
	t.Parallel()
	l, _ := newBench(t)
	for _, c := range []struct {
		reason  string
		version int64
		text    string
		want    string // the attributes after it, or the refusal
	}{
		{"two versions ago", 0, `{"id":"c","stuff":"tea","layer":"paper","timeouts":null}`, `id = "c", content = "tea", layers = ["paper"]`},
		{"one version ago", 1, `{"id":"c","content":"tea","layer":"paper"}`, `id = "c", content = "tea", layers = ["paper"]`},
		{"this version", 2, `{"id":"c","content":"tea","layers":["paper","straw"],"timeouts":null}`, `id = "c", content = "tea", layers = ["paper", "straw"]`},
		{"nothing optional", 0, `{"id":"c"}`, `id = "c"`},
		{"an upgrade that can't be made", 1, `{"id":"c","layer":""}`, "The state of a crate can't be brought up to date"},
		{"no JSON", 0, `{"id":`, "The state of a crate can't be brought up to date"},
		{"of a newer provider", 3, `{"id":"c"}`, "version"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			o, err := l.upgrade(t.Context(), object{typ: "cairn_crate", version: c.version}, []byte(c.text))
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("it was refused: %s", err)
				}
				return
			}
			if want := l.says("cairn_crate", c.want, l.scope()); !o.state.RawEquals(want) {
				t.Errorf("it became %#v, want %#v", o.state, want)
			}
		})
	}
}

// An object that was made moves between two names of its declaration, and is
// that object afterwards.
func TestMovedBetweenNames(t *testing.T) {
	t.Parallel()
	l, _ := newBench(t)
	config := l.says("cairn_crate", `content = "tea"`, l.scope())
	o, err := l.make(t.Context(), l.none("cairn_crate"), config)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := l.moves(t.Context(), o, "cairn_box")
	if err != nil {
		t.Fatal(err)
	}
	if !moved.state.RawEquals(o.state) {
		t.Errorf("%#v became %#v", o.state, moved.state)
	}
	now, err := l.refresh(t.Context(), moved)
	if err != nil || !now.state.RawEquals(o.state) {
		t.Fatalf("it is read as %#v %v", now.state, err)
	}
	if p, err := l.plan(t.Context(), now, config); err != nil || !p.empty() {
		t.Errorf("something is left to do: %#v %v", p.state, err)
	}
	if now, err = l.make(t.Context(), now, l.says("cairn_box", `content = "coffee"`, l.scope())); err != nil {
		t.Fatalf("update it by its new name: %s", err)
	}
	if text(now.state, "id") != text(o.state, "id") {
		t.Errorf("%#v became %#v", o.state, now.state)
	}
	if _, err := l.remove(t.Context(), now); err != nil {
		t.Error(err)
	}
	if have, err := l.list(t.Context(), "cairn_crate", nil, false, 0); err != nil || len(have) > 0 {
		t.Errorf("the old name still has %v %v", have, err)
	}
	if _, err := l.moves(t.Context(), o, "cairn_lock"); err == nil {
		t.Error("a crate became a lock")
	}
}
