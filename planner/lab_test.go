package planner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// Thing is a resource with one attribute of every kind of change.
type Thing struct {
	// ID of the thing.
	ID string `hcl:"id" plan:"assigned"`
	// Name changes in place.
	Name string `hcl:"name,optional"`
	// Kind needs a new thing.
	Kind string `hcl:"kind,optional" plan:"replace"`
	// Size can only grow.
	Size int `hcl:"size,optional" plan:"grow"`
	// Mode stops the thing to change.
	Mode string `hcl:"mode,optional" plan:"stop"`
	// Uses is what it hangs on; changes in place.
	Uses []string `hcl:"uses,optional"`
	// Seat is unique; the first free one of four unless set.
	Seat string `hcl:"seat,optional" plan:"assigned"`
	// Token is what the system says when the thing is made.
	Token string `hcl:"token" plan:"computed"`
	// Mood moves by itself.
	Mood string `hcl:"mood" plan:"live"`
	// Password is secret.
	Password schema.Secret `hcl:"password,optional"`
}

// Claims takes a seat when one is asked for.
func (x *Thing) Claims(_ schema.World, l schema.Ledger) error {
	switch {
	case x.Seat == "any":
		return nil
	case x.Seat != "":
		return l.Claim("seat", x.Seat)
	case x.Kind == "guest":
		seat, err := l.Choose("seat", 4, func(i uint64) string { return fmt.Sprint("seat", i) })
		x.Seat = seat
		return err
	}
	return nil
}

// room is the system that holds things, in memory. It may be told to fail.
type room struct {
	mu     sync.Mutex
	things map[string]Thing
	calls  []string
	fail   func(call string) error
	// together: several are taken at once; batches are those calls.
	together bool
	batches  []string
	// half are calls that have their effect and fail all the same.
	half map[string]error
	// late may fail a call that had its effect.
	late func(call string) error
	// after is told of each call once it had its effect, before it answers.
	after func(call string)
}

func newRoom() *room { return &room{things: map[string]Thing{}} }

func (r *room) did(what string, x Thing) error {
	call := what + " " + x.Name
	r.calls = append(r.calls, call)
	if r.fail != nil {
		return r.fail(call)
	}
	return nil
}

func (r *room) done(what string, x Thing) error {
	if r.after != nil {
		r.after(what + " " + x.Name)
	}
	if r.late != nil {
		return r.late(what + " " + x.Name)
	}
	return r.half[what+" "+x.Name]
}

func (r *room) Create(_ context.Context, _ schema.World, want Thing) (Thing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("create", want); err != nil {
		return Thing{}, err
	}
	want.Token = "token-" + want.ID[:4]
	want.Mood = "fresh"
	r.things[want.ID] = want
	return want, r.done("create", want)
}

func (r *room) Read(_ context.Context, _ schema.World, have Thing) (Thing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.things[have.ID]
	if !ok {
		return have, providers.ErrNotFound
	}
	return x, nil
}

func (r *room) ReadAll(ctx context.Context, w schema.World) (func(Thing) (Thing, error), error) {
	return func(have Thing) (Thing, error) { return r.Read(ctx, w, have) }, nil
}

func (r *room) Update(_ context.Context, _ schema.World, have, want Thing) (Thing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("update", want); err != nil {
		return Thing{}, err
	}
	if _, ok := r.things[have.ID]; !ok {
		return Thing{}, providers.ErrNotFound
	}
	want.Token, want.Mood = r.things[have.ID].Token, "changed"
	r.things[have.ID] = want
	return want, r.done("update", want)
}

func (r *room) Delete(_ context.Context, _ schema.World, have Thing) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.did("delete", have); err != nil {
		return err
	}
	delete(r.things, have.ID)
	return r.done("delete", have)
}

func (r *room) Import(_ context.Context, id string) (Thing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x, ok := r.things[id]; ok {
		return x, nil
	}
	return Thing{}, providers.ErrNotFound
}

// take returns the calls since the last time.
func (r *room) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// lab is one cloud with one stack.
type lab struct {
	*testing.T
	dir  string
	room *room
	site *planner.Site
	shut func() // closes the database before the test ends
}

func types() *schema.Types {
	return schema.NewTypes(schema.Declare[Thing]("thing"), schema.Declare[note]("note"), schema.Declare[plot]("plot"))
}

// note is kept in its record alone.
type note struct {
	// ID of the note.
	ID string `hcl:"id" plan:"assigned"`
	// Text of any type.
	Text schema.Any `hcl:"text,optional"`
	// Again is the text again.
	Again schema.Any `hcl:"again" plan:"assigned" from:"text"`
}

// plot holds one of everything that the ledger knows.
type plot struct {
	// ID of the plot.
	ID string `hcl:"id" plan:"assigned"`
	// Name is unique.
	Name string `hcl:"name"`
	// From and To are its ends, of one digit each; no two plots overlap.
	From string `hcl:"from"`
	To   string `hcl:"to"`
	// Weight is its share of ten.
	Weight int `hcl:"weight"`
}

func (x *plot) Claims(_ schema.World, l schema.Ledger) error {
	l.Limit("weight", "all", 10)
	return errors.Join(l.Name("plot", x.Name), l.Range("land", []byte(x.From), []byte(x.To)), l.Share("weight", "all", int64(x.Weight)))
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	return openLab(t, dir, newRoom())
}

func openLab(t *testing.T, dir string, r *room) *lab {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, ".cairn", "cairn.db"))
	if err != nil {
		t.Fatal(err)
	}
	shut := sync.OnceFunc(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(shut)
	system := providers.System{Name: "room", Handles: map[string]providers.Handle{
		"thing": providers.For[Thing](r), "note": providers.For(providers.Kept[note]{}), "plot": providers.For(providers.Kept[plot]{}),
	}}
	if r.together {
		system.Batch = r.batch
	}
	return &lab{T: t, dir: dir, room: r, shut: shut, site: &planner.Site{
		Cloud: &cloud.Cloud{Name: "test"}, Types: types(), Store: store, Keys: seal.Lazy(filepath.Join(dir, ".cairn", "keyset.json")),
		Systems: providers.Link(system),
	}}
}

func (l *lab) load(config string) *lang.Stack {
	l.Helper()
	l.write("main.stack.hcl", "stack \"test\" {}\n"+config)
	s, diags := lang.Load(l.dir, lang.Options{Types: l.site.Types})
	if diags.HasErrors() {
		l.Fatalf("load: %s\n%s", diags, config)
	}
	return s
}

func (l *lab) write(name, text string) {
	l.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) tryPlan(config string, opt planner.Options) (*planner.Plan, hcl.Diagnostics) {
	l.Helper()
	return planner.Make(l.Context(), l.site, l.load(config), opt)
}

func (l *lab) plan(config string, opt planner.Options) *planner.Plan {
	l.Helper()
	p, diags := l.tryPlan(config, opt)
	if diags.HasErrors() {
		l.Fatalf("plan: %s\n%s", diags, config)
	}
	return p
}

func (l *lab) lock() state.Lease {
	l.Helper()
	lease, err := l.site.Store.Lock(l.Context(), "test", state.Me("test"), 0)
	if err != nil {
		l.Fatal(err)
	}
	return lease
}

// apply plans and applies, one driver call at a time.
func (l *lab) apply(config string, opt planner.Options) (*planner.Outcome, error) {
	l.Helper()
	lease := l.lock()
	defer func() {
		if err := lease.Release(); err != nil {
			l.Error(err)
		}
	}()
	if _, err := planner.Recover(l.Context(), l.site, "test", lease); err != nil {
		return nil, err
	}
	p := l.plan(config, opt)
	if p.Empty() {
		return &planner.Outcome{}, nil
	}
	sources, err := p.Sources()
	if err != nil {
		l.Fatal(err)
	}
	out, err := p.Apply(l.Context(), lease, planner.ApplyOptions{Command: "apply", Sources: sources, Parallelism: 1})
	if err == nil {
		err = out.Err()
	}
	return out, err
}

func (l *lab) mustApply(config string) {
	l.Helper()
	out, err := l.apply(config, planner.Options{})
	if err != nil {
		l.Fatalf("apply: %v %v", err, failures(out))
	}
}

func failures(out *planner.Outcome) error {
	if out == nil {
		return nil
	}
	var errs []error
	for _, f := range out.Failures {
		errs = append(errs, fmt.Errorf("%s %s: %w", f.Part, f.Change.Address, f.Err))
	}
	return errors.Join(errs...)
}

// said is a plan in a line a change: the action, the address, the reason.
func said(p *planner.Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		line := fmt.Sprintf("%s %s", c.Action, c.Address)
		if c.Deposed != "" {
			line += " deposed"
		}
		if c.Reason != "" {
			line += " " + string(c.Reason)
		}
		lines = append(lines, line)
	}
	return lines
}

func (l *lab) addresses() []string {
	l.Helper()
	snap, err := l.site.Store.Snapshot(l.Context(), "test")
	if err != nil {
		l.Fatal(err)
	}
	var all []string
	for _, r := range snap.Records {
		all = append(all, r.Address+strings.Repeat(" deposed", min(len(r.Deposed), 1))+strings.Repeat(" tainted", b2i(r.Tainted)))
	}
	slices.Sort(all)
	return all
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// claims are who holds which seat.
func (l *lab) claims() []string {
	l.Helper()
	claims, err := l.site.Store.Claims(l.Context(), "seat")
	if err != nil {
		l.Fatal(err)
	}
	var all []string
	for _, c := range claims {
		all = append(all, c.Key+" "+c.Address)
	}
	slices.Sort(all)
	return all
}
