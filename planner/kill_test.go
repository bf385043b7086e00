package planner_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// A run of the test binary with this variable set is an apply that is going to
// be killed, in the folder that it names.
const childDir = "CAIRN_TEST_APPLY"

// childKill says where the child ends itself: "before Commit 3", "after Begin 1",
// "half create 2".
const childKill = "CAIRN_TEST_KILL"

// childLease is short, so that a frozen child is soon taken over.
const childLease = 6 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// The stack before and after: creations, an update, both orders of replacement,
// deletions, a claim that passes on, an object that moves and what it holds with it, a sensitive value, and a value that only apply knows.
const (
	before = `
resource "thing" "keep" {
  name = "keep"
}
resource "thing" "grow" {
  name = "grow"
  size = 1
  uses = [thing.keep.id]
}
resource "thing" "anew" {
  name = "anew"
  kind = "guest"
  uses = [thing.keep.token]
}
resource "thing" "first" {
  name = "first"
  kind = "x"
  lifecycle {
    create_before_destroy = true
  }
}
resource "thing" "leaves" {
  name = "leaves"
  seat = "s9"
  uses = [thing.grow.id]
}
resource "thing" "leaves2" {
  name = "leaves2"
  uses = [thing.leaves.id]
}
resource "thing" "moves" {
  count = 1
  name  = "moves"
  seat  = "s7"
  size  = 1
}
resource "note" "n" {
  text = thing.keep.token
}
`
	after = `
resource "thing" "keep" {
  name = "keep"
}
resource "thing" "grow" {
  name = "grow"
  size = 2
  uses = [thing.keep.id]
}
resource "thing" "anew" {
  name = "anew"
  kind = "guest"
  mode = "m"
  uses = [thing.keep.token, thing.first.token]
}
resource "thing" "again" {
  name = "again"
  kind = "guest"
  password = "very secret"
}
resource "thing" "first" {
  name = "first"
  kind = "y"
  lifecycle {
    create_before_destroy = true
  }
}
resource "thing" "comes" {
  name = "comes"
  seat = "s9"
  uses = [thing.first.token]
}
resource "thing" "moves" {
  name = "moves"
  seat = "s7"
  size = 2
}
resource "thing" "many" {
  count = 3
  name  = "many${count.index}"
  uses  = [thing.comes.id]
}
resource "note" "n" {
  text = thing.first.token
}
output "token" {
  value = thing.comes.token
}
`
)

// child applies the second form of the stack, one call at a time.
func child(dir string) int {
	fail := func(err error) int { fmt.Fprintln(os.Stderr, "child:", err); return 1 }
	ctx := context.Background()
	kill := &killer{at: os.Getenv(childKill), count: map[string]int{}}
	store, err := sqlite.Open(ctx, filepath.Join(dir, "cairn.db"), sqlite.Lease(childLease))
	if err != nil {
		return fail(err)
	}
	site := killSite(dir, store, kill)
	conf, diags := lang.Load(dir, lang.Options{Types: site.Types})
	if diags.HasErrors() {
		return fail(diags)
	}
	fmt.Println("go") // from here on the parent may kill
	lease, err := store.Lock(ctx, "test", state.Me("apply"), 0)
	if err != nil {
		return fail(err)
	}
	if _, err := planner.Recover(ctx, site, "test", lease); err != nil {
		return fail(err)
	}
	p, diags := planner.Make(ctx, site, conf, planner.Options{})
	if diags.HasErrors() {
		return fail(diags)
	}
	out, err := p.Apply(ctx, &killedLease{lease, kill}, planner.ApplyOptions{Command: "apply", Parallelism: 1})
	if err == nil {
		err = failures(out)
	}
	if err != nil {
		return fail(err)
	}
	if err := lease.Release(); err != nil {
		return fail(err)
	}
	fmt.Printf("%s\n", kill)
	return 0
}

func killSite(dir string, store state.Store, kill *killer) *planner.Site {
	return &planner.Site{
		Cloud: &cloud.Cloud{Name: "test"}, Types: types(), Store: store, Keys: seal.Lazy(filepath.Join(dir, "keyset.json")),
		Systems: providers.Link(providers.System{Name: "disk", Handles: map[string]providers.Handle{
			"thing": providers.For[Thing](&disk{dir: filepath.Join(dir, "things"), kill: kill}), "note": providers.For(providers.Kept[note]{}),
		}}),
	}
}

// killer ends the process at a named moment. It counts the moments that pass.
type killer struct {
	mu     sync.Mutex
	at     string
	count  map[string]int
	passed []string
	calls  atomic.Int32 // of drivers, under way
}

// call counts a driver's call while it lasts.
func (k *killer) call() (end func()) {
	if k == nil {
		return func() {}
	}
	k.calls.Add(1)
	return func() { k.calls.Add(-1) }
}

func (k *killer) moment(name string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.count[name]++
	n := k.count[name]
	k.mu.Unlock()
	k.pass(fmt.Sprintf("%s %d", name, n))
}

func (k *killer) pass(now string) {
	k.mu.Lock()
	k.passed = append(k.passed, now)
	k.mu.Unlock()
	if k.at == "stop "+now {
		for k.calls.Load() > 0 { // frozen inside a call is outside the promise
			time.Sleep(time.Millisecond)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // until somebody says go on
	}
	if k.at == now {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// String lists every moment that passed, for the parent to kill at each.
func (k *killer) String() string {
	slices.Sort(k.passed)
	return strings.Join(k.passed, ",")
}

// killedLease has a moment before and after each write of the journal.
type killedLease struct {
	state.Lease
	kill *killer
}

func (l *killedLease) Begin(ctx context.Context, r state.NewRun) (int64, error) {
	l.kill.moment("before Begin")
	n, err := l.Lease.Begin(ctx, r)
	l.kill.moment("after Begin")
	return n, err
}

func (l *killedLease) Ready(ctx context.Context, run, step int64, put *state.Record, claims state.Claims) error {
	l.kill.moment("before Ready")
	err := l.Lease.Ready(ctx, run, step, put, claims)
	l.kill.moment("after Ready")
	return err
}

func (l *killedLease) Commit(ctx context.Context, run int64, ends []state.End) error {
	l.ending("before Commit", ends)
	err := l.Lease.Commit(ctx, run, ends)
	l.ending("after Commit", ends)
	return err
}

// ending names a commit by the steps that end in it: how many share one hangs on
// the clock.
func (l *killedLease) ending(moment string, ends []state.End) {
	for _, x := range ends {
		l.kill.pass(fmt.Sprintf("%s %d", moment, x.Step))
	}
}

func (l *killedLease) Finish(ctx context.Context, run int64, f state.Finish) error {
	l.kill.moment("before Finish")
	err := l.Lease.Finish(ctx, run, f)
	l.kill.moment("after Finish")
	return err
}

// disk keeps a thing in two files, so that a kill between them leaves one that
// is half made, half changed or half gone.
type disk struct {
	dir  string
	kill *killer
}

type onDisk struct {
	ID, Name, Kind, Mode, Seat, Token, Password string
	Size                                        int
	Uses                                        []string
}

func (d *disk) path(id, part string) string { return filepath.Join(d.dir, id+"."+part) }

func (d *disk) put(x Thing, verb string) error {
	defer d.kill.call()()
	d.kill.moment("before " + verb)
	defer d.kill.moment("after " + verb)
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(onDisk{x.ID, x.Name, x.Kind, x.Mode, x.Seat, x.Token, x.Password.Reveal(), x.Size, x.Uses})
	if err != nil {
		return err
	}
	for _, part := range []string{"body", "head"} {
		if err := os.WriteFile(d.path(x.ID, part)+".new", text, 0o600); err != nil {
			return err
		}
		if err := os.Rename(d.path(x.ID, part)+".new", d.path(x.ID, part)); err != nil {
			return err
		}
		if part == "body" {
			d.kill.moment("half " + verb)
		}
	}
	return nil
}

func (d *disk) Create(_ context.Context, _ schema.World, want Thing) (Thing, error) {
	want.Token = "token-" + want.Name + want.Kind
	return want, d.put(want, "create")
}

func (d *disk) Update(_ context.Context, _ schema.World, have, want Thing) (Thing, error) {
	want.Token = have.Token
	return want, d.put(want, "update")
}

func (d *disk) Read(_ context.Context, _ schema.World, have Thing) (Thing, error) {
	var x onDisk
	text, err := os.ReadFile(d.path(have.ID, "body"))
	if errors.Is(err, os.ErrNotExist) {
		return have, providers.ErrNotFound
	}
	if err != nil {
		return have, err
	}
	if err := json.Unmarshal(text, &x); err != nil {
		return have, err
	}
	have.Name, have.Kind, have.Mode, have.Seat, have.Token, have.Size, have.Uses = x.Name, x.Kind, x.Mode, x.Seat, x.Token, x.Size, x.Uses
	have.Password = schema.NewSecret(x.Password)
	if head, err := os.ReadFile(d.path(have.ID, "head")); err != nil || string(head) != string(text) {
		have.Mode += " (half)" // seen by whoever compares
	}
	return have, nil
}

func (d *disk) Delete(_ context.Context, _ schema.World, have Thing) error {
	defer d.kill.call()()
	d.kill.moment("before delete")
	defer d.kill.moment("after delete")
	for _, part := range []string{"head", "body"} {
		if err := os.Remove(d.path(have.ID, part)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if part == "head" {
			d.kill.moment("half delete")
		}
	}
	return nil
}

// victim is a folder with the first form of the stack applied and the second
// one written.
type victim struct {
	*testing.T
	dir string
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{T: t, dir: t.TempDir()}
	v.write(before)
	v.finish()
	v.write(after)
	return v
}

func (v *victim) write(config string) {
	v.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, "main.stack.hcl"), []byte("stack \"test\" {}\n"+config), 0o600); err != nil {
		v.Fatal(err)
	}
}

// command is the child, not started.
func (v *victim) command(kill string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+v.dir, childKill+"="+kill)
	cmd.Stderr = os.Stderr
	return cmd
}

// killed runs the child and reports whether it was killed at the moment.
func (v *victim) killed(moment string) bool {
	v.Helper()
	err := v.command(moment).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case !errors.As(err, &exit) || exit.ExitCode() != -1:
		v.Fatalf("the child was to be killed: %v", err)
	}
	return true
}

// finish applies what is written, here and without a kill, and answers with what
// there is then: things, records and claims, without ids.
func (v *victim) finish() string {
	v.Helper()
	store, err := sqlite.Open(v.Context(), filepath.Join(v.dir, "cairn.db"))
	if err != nil {
		v.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			v.Error(err)
		}
	}()
	l := &lab{T: v.T, dir: v.dir, site: killSite(v.dir, store, nil)}
	lease, err := store.Lock(v.Context(), "test", state.Me("apply"), 20*time.Second)
	if err != nil {
		v.Fatal(err)
	}
	if _, err := planner.Recover(v.Context(), l.site, "test", lease); err != nil {
		v.Fatal(err)
	}
	conf, diags := lang.Load(v.dir, lang.Options{Types: l.site.Types})
	if diags.HasErrors() {
		v.Fatal(diags)
	}
	p, diags := planner.Make(v.Context(), l.site, conf, planner.Options{})
	if diags.HasErrors() {
		v.Fatal(text(diags))
	}
	if !p.Empty() {
		out, err := p.Apply(v.Context(), lease, planner.ApplyOptions{Command: "apply"})
		if err != nil || out.Err() != nil {
			v.Fatalf("the next apply: %v %v", err, failures(out))
		}
	}
	if again, diags := planner.Make(v.Context(), l.site, conf, planner.Options{}); diags.HasErrors() || !again.Empty() {
		v.Errorf("the next apply left something to do: %v %s", said(again), text(diags))
	}
	if err := lease.Release(); err != nil {
		v.Error(err)
	}
	return v.census(l)
}

// census checks that records and things are the same set, and writes both.
func (v *victim) census(l *lab) string {
	v.Helper()
	snap, err := l.site.Store.Snapshot(v.Context(), "test")
	if err != nil {
		v.Fatal(err)
	}
	recorded := map[string]string{}
	for _, r := range snap.Records {
		if r.Type == "thing" {
			recorded[r.ID] = r.Address
		}
		if r.Deposed != "" || r.Tainted {
			v.Errorf("%s is left deposed or tainted", r.Address)
		}
	}
	var lines []string
	bodies, err := filepath.Glob(filepath.Join(v.dir, "things", "*.body"))
	if err != nil {
		v.Fatal(err)
	}
	for _, body := range bodies {
		id := strings.TrimSuffix(filepath.Base(body), ".body")
		if recorded[id] == "" {
			v.Errorf("orphan: %s is nobody's", id)
		}
		x, err := (&disk{dir: filepath.Join(v.dir, "things")}).Read(v.Context(), nil, Thing{ID: id})
		if err != nil {
			v.Error(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s kind=%s mode=%s size=%d uses=%d %s", recorded[id], x.Name, x.Kind, x.Mode, x.Size, len(x.Uses), x.Token))
		delete(recorded, id)
	}
	for _, address := range recorded {
		v.Errorf("%s is recorded and not there", address)
	}
	for _, c := range l.claims() { // seats that cairn chose hang on ids: only who has one counts
		key, address, _ := strings.Cut(c, " ")
		if strings.HasPrefix(key, "seat") {
			key = "a seat"
		}
		lines = append(lines, key+" "+address)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	whole := newVictim(t)
	out, err := whole.command("").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, moments, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	want := whole.finish()
	all := strings.Split(moments, ",")
	if len(all) < 40 {
		t.Fatalf("only %d moments: %s", len(all), moments)
	}
	t.Logf("killed at %d moments", len(all))
	for _, moment := range all {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t)
			if !v.killed(moment) {
				t.Fatal("the child never came to the moment")
			}
			if got := v.finish(); got != want {
				t.Errorf("the end:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// kills is how many random moments apply is killed at.
const kills = 300

func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("300 kills take half a minute; run without -short")
	}
	whole := newVictim(t)
	began := time.Now()
	if err := whole.command("").Run(); err != nil {
		t.Fatal(err)
	}
	length := time.Since(began)
	want := whole.finish()
	var mu sync.Mutex
	landed := 0
	t.Cleanup(func() { t.Logf("%d of %d kills met the apply under way", landed, kills) })
	for worker := range 4 {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			dice := rand.New(rand.NewPCG(uint64(worker), 7))
			for range kills / 4 {
				v := newVictim(t)
				cmd := v.command("")
				stdout, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(dice.Int64N(int64(length))))
				if err := cmd.Process.Kill(); err == nil {
					mu.Lock()
					landed++
					mu.Unlock()
				}
				_ = cmd.Wait()
				if got := v.finish(); got != want {
					t.Fatalf("the end:\n%s\nwant:\n%s", got, want)
				}
			}
		})
	}
}

// freeze stops a child at a moment. Its lease may be renewed in the background
// just then, and nobody writes past a process that is frozen with SQLite's lock in
// its hands: such a one is let go, and the next one tried.
func freeze(t *testing.T, moment string) (*victim, *exec.Cmd, *strings.Builder) {
	t.Helper()
	for range 5 {
		v := newVictim(t)
		cmd := v.command("stop " + moment)
		said := &strings.Builder{}
		cmd.Stderr = said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Fatalf("the child was to stop: %v %v", err, status)
		}
		if v.writable() {
			return v, cmd, said
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Fatal("five children in a row were frozen with the database's lock in their hands")
	return nil, nil, nil
}

// writable reports whether the database takes a write.
func (v *victim) writable() bool {
	v.Helper()
	store, err := sqlite.Open(v.Context(), filepath.Join(v.dir, "cairn.db"), sqlite.Patience(time.Second))
	if err != nil {
		v.Fatal(err)
	}
	lease, err := store.Lock(v.Context(), "probe", state.Me("probe"), 0)
	if err == nil {
		err = lease.Release()
	}
	if closed := store.Close(); closed != nil {
		v.Error(closed)
	}
	return err == nil
}

// A process that is frozen between two calls, taken over, and woken again must
// not write another line, and must not undo what its successor did.
func TestFrozenAndTakenOver(t *testing.T) {
	t.Parallel()
	whole := newVictim(t)
	if err := whole.command("").Run(); err != nil {
		t.Fatal(err)
	}
	want := whole.finish()
	for _, moment := range []string{"after Begin 1", "before Commit 1", "before Ready 1", "after Commit 2", "before Finish 1"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			v, cmd, said := freeze(t, moment)
			if got := v.finish(); got != want {
				t.Errorf("the end after the take-over:\n%s\nwant:\n%s", got, want)
			}
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), state.ErrFenced.Error()) {
				t.Errorf("the child was to be fenced off: %v: %s", err, said.String())
			}
			if got := v.finish(); got != want {
				t.Errorf("the end after it woke:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
