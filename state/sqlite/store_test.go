package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

var ctx = context.Background()

func open(t testing.TB, path string, options ...sqlite.Option) state.Store {
	t.Helper()
	s, err := sqlite.Open(ctx, path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fresh(t testing.TB, options ...sqlite.Option) state.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "cairn.db"), options...)
}

func lock(t testing.TB, s state.Store, stack string) state.Lease {
	t.Helper()
	l, err := s.Lock(ctx, stack, state.Me("test"), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, s state.Store, stack string) *state.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(ctx, stack)
	must(t, err)
	return snap
}

// begin starts a run with an intent for each address, at the stack's serial.
func begin(t testing.TB, s state.Store, l state.Lease, stack string, claims state.Claims, addresses ...string) int64 {
	t.Helper()
	r := state.NewRun{Serial: snapshot(t, s, stack).Serial, Command: "apply", Claims: claims}
	for _, a := range addresses {
		r.Steps = append(r.Steps, state.Step{Action: "create", Address: a, Type: "thing", ID: "id-" + a, Ready: true, Put: record(a, "wanted")})
	}
	run, err := l.Begin(ctx, r)
	must(t, err)
	return run
}

func finish(t testing.TB, l state.Lease, run int64) {
	t.Helper()
	must(t, l.Finish(ctx, run, state.Finish{Status: state.RunDone}))
}

func record(address, text string) *state.Record {
	return &state.Record{Address: address, Type: "thing", ID: "id-" + address, SchemaVersion: 1,
		Want: []byte("want"), Seen: []byte("seen"), Attrs: []byte(`{"text":"` + text + `"}`), Deps: []string{"network.a", "subnet.b"}, Serial: 3}
}

// addresses prints what a stack records, one word a record.
func addresses(records []state.Record) string {
	var all []string
	for _, r := range records {
		w := r.Address
		if r.Deposed != "" {
			w += "!" + r.Deposed
		}
		all = append(all, w)
	}
	return strings.Join(all, " ")
}

func TestARun(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	l := lock(t, s, "erp")
	sources := []byte(strings.Repeat("resource\n", 100))
	run, err := l.Begin(ctx, state.NewRun{Command: "apply", Sources: sources, Steps: []state.Step{
		{Action: "create", Address: "thing.a", Type: "thing", ID: "1", Put: record("thing.a", "intended")},
		{Action: "create", Address: "thing.b", Type: "thing", ID: "2", Ready: true, Put: &state.Record{Address: "thing.b", Secret: []byte("sealed")}},
		{Action: "delete", Address: "thing.c", Deposed: "old", Type: "thing", ID: "3", Last: true, Before: []byte("hash")},
	}})
	must(t, err)

	snap := snapshot(t, s, "erp")
	if snap.Serial != 1 || snap.Open == nil || snap.Open.ID != run || snap.Open.Left != 3 || snap.Open.Lock == nil || snap.Lock == nil {
		t.Fatalf("after Begin: %+v", snap)
	}
	if len(snap.Intents) != 3 {
		t.Fatalf("%d intents", len(snap.Intents))
	}
	a, b, c := snap.Intents[0], snap.Intents[1], snap.Intents[2]
	if a.Put == nil || fmt.Sprint(*a.Put) != fmt.Sprint(*record("thing.a", "intended")) || a.Ready {
		t.Errorf("intent %+v of %+v", a, a.Put)
	}
	if !b.Ready || string(b.Put.Secret) != "sealed" {
		t.Errorf("intent %+v", b)
	}
	if c.Put != nil || !c.Last || c.Deposed != "old" || string(c.Before) != "hash" {
		t.Errorf("intent %+v", c)
	}

	must(t, l.Ready(ctx, run, 1, record("thing.a", "ready"), state.Claims{Take: []state.Claim{{Space: "ip", Key: "10.0.0.1", Address: "thing.a"}}}))
	if x := snapshot(t, s, "erp").Intents[0]; !x.Ready || !strings.Contains(string(x.Put.Attrs), "ready") {
		t.Errorf("made ready: %+v", x)
	}
	must(t, l.Commit(ctx, run, []state.End{{Step: 1, Put: record("thing.a", "made")}, {Step: 2, Err: "no room"}}))
	must(t, l.Finish(ctx, run, state.Finish{Status: state.RunFailed, Error: "1 of 3", Outputs: []state.Output{{Name: "x", Value: []byte("1"), Sensitive: true}}}))

	snap = snapshot(t, s, "erp")
	if snap.Serial != 2 || snap.Open != nil || len(snap.Intents) != 0 || addresses(snap.Records) != "thing.a" || len(snap.Outputs) != 1 {
		t.Fatalf("after Finish: %+v", snap)
	}
	want := *record("thing.a", "made")
	want.Run = run
	if fmt.Sprint(snap.Records[0]) != fmt.Sprint(want) {
		t.Errorf("record %+v\nwant %+v", snap.Records[0], want)
	}
	r, steps, err := s.Run(ctx, "erp", run)
	must(t, err)
	if r.Status != state.RunFailed || r.Steps != 3 || r.Left != 0 || r.Ended.IsZero() || r.Lock != nil || r.Command != "apply" {
		t.Errorf("run %+v", r)
	}
	var words []string
	for _, x := range steps {
		words = append(words, x.Status+":"+x.Error)
	}
	if got := strings.Join(words, " "); got != "done: failed:no room dropped:" {
		t.Errorf("journal: %s", got)
	}
	if steps[0].Put != nil || steps[1].Put == nil {
		t.Error("what a step leads to is kept for what failed only")
	}
	got, err := s.Sources(ctx, "erp", run)
	if must(t, err); string(got) != string(sources) {
		t.Errorf("sources: %q", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	put := func(a string) state.End { return state.End{Put: record(a, "x")} }
	cases := []struct {
		reason string
		do     func(s state.Store, l state.Lease, run int64) error
		is     error
		says   string
	}{
		{"a run while another is open would mix their ends", func(s state.Store, l state.Lease, run int64) error {
			_, err := l.Begin(ctx, state.NewRun{Serial: 1})
			return err
		}, state.ErrUnfinished, "run 1"},
		{"an edit would come between the writes of an open run", func(s state.Store, l state.Lease, run int64) error {
			return l.Edit(ctx, "state mv", []state.End{put("thing.x")})
		}, state.ErrUnfinished, "run 1"},
		{"a plan made before somebody else's run", func(s state.Store, l state.Lease, run int64) error {
			finish(t, l, run)
			_, err := l.Begin(ctx, state.NewRun{Serial: 1})
			return err
		}, state.ErrStale, "at 2, the plan at 1"},
		{"a step ends once", func(s state.Store, l state.Lease, run int64) error {
			must(t, l.Commit(ctx, run, []state.End{{Step: 1}}))
			return l.Commit(ctx, run, []state.End{{Step: 1}})
		}, nil, "no step 1"},
		{"a run that has ended takes no more", func(s state.Store, l state.Lease, run int64) error {
			finish(t, l, run)
			return l.Commit(ctx, run, []state.End{put("thing.x")})
		}, nil, "has ended (done)"},
		{"a run of another stack is none of this one", func(s state.Store, l state.Lease, run int64) error {
			return lock(t, s, "other").Commit(ctx, run, []state.End{put("thing.x")})
		}, state.ErrNoRun, ""},
		{"a run that never was", func(s state.Store, l state.Lease, run int64) error {
			_, err := s.RecordsAt(ctx, "erp", 99)
			return err
		}, state.ErrNoRun, "run 99"},
		{"there is nothing to move", func(s state.Store, l state.Lease, run int64) error {
			return l.Commit(ctx, run, []state.End{{Move: &state.Move{From: state.Ref{Address: "thing.no"}, To: state.Ref{Address: "thing.x"}}}})
		}, nil, "no such record"},
		{"a move never overwrites", func(s state.Store, l state.Lease, run int64) error {
			return l.Commit(ctx, run, []state.End{put("thing.x"), put("thing.y"), {Move: &state.Move{From: state.Ref{Address: "thing.x"}, To: state.Ref{Address: "thing.y"}}}})
		}, nil, "there is a record already"},
		{"a lock that was given back writes no more", func(s state.Store, l state.Lease, run int64) error {
			must(t, l.Release())
			return l.Commit(ctx, run, []state.End{put("thing.x")})
		}, state.ErrFenced, "stack erp"},
		{"a lock that was broken writes no more", func(s state.Store, l state.Lease, run int64) error {
			must(t, s.ForceUnlock(ctx, "erp", l.Fence()))
			return l.Finish(ctx, run, state.Finish{Status: state.RunDone})
		}, state.ErrFenced, ""},
		{"a lock is broken by its number, so that a newer one stays", func(s state.Store, l state.Lease, run int64) error {
			return s.ForceUnlock(ctx, "erp", l.Fence()-1)
		}, state.ErrLocked, "has the number 1 now"},
		{"an end that a run can't have", func(s state.Store, l state.Lease, run int64) error {
			return l.Finish(ctx, run, state.Finish{Status: "well"})
		}, nil, "can't end"},
		{"a range has one length, and its low end first", func(s state.Store, l state.Lease, run int64) error {
			return l.Ready(ctx, run, 1, nil, state.Claims{Ranges: []state.Range{{Space: "cidr", Lo: []byte{2}, Hi: []byte{1}, Address: "thing.a"}}})
		}, nil, "not a range"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			l := lock(t, s, "erp")
			run := begin(t, s, l, "erp", state.Claims{}, "thing.a", "thing.b")
			before := fmt.Sprint(snapshot(t, s, "erp").Records)
			err := c.do(s, l, run)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if after := fmt.Sprint(snapshot(t, s, "erp").Records); after != before {
				t.Errorf("something was written: %s", after)
			}
		})
	}
}

func TestStacks(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	if got := snapshot(t, s, "none"); got.Serial != 0 || got.Records != nil {
		t.Errorf("a stack that is not there: %+v", got)
	}
	a, b, c := lock(t, s, "a"), lock(t, s, "b"), lock(t, s, "c")
	must(t, a.Edit(ctx, "import", []state.End{{Put: record("thing.a", "x")}, {Put: record("thing.b", "x")}}))
	must(t, b.Edit(ctx, "import", []state.End{{Put: &state.Record{Address: "net.a", Type: "net"}}}))
	must(t, a.Release())
	must(t, c.Release())
	_ = b
	all, err := s.Stacks(ctx)
	must(t, err)
	var words []string
	for _, x := range all {
		words = append(words, fmt.Sprintf("%s/%d/%d/%t", x.Name, x.Serial, x.Records, x.Lock != nil))
	}
	if got := strings.Join(words, " "); got != "a/1/2/false b/1/1/true" {
		t.Errorf("stacks: %s (c had a lock only)", got)
	}
	others, err := s.Others(ctx, "b", []string{"thing", "net"})
	must(t, err)
	if len(others) != 2 || others[0].Stack != "a" || others[0].Address != "thing.a" {
		t.Errorf("others: %+v", others)
	}
	runs, err := s.Runs(ctx, "a", 0)
	must(t, err)
	if len(runs) != 1 || runs[0].Command != "import" || runs[0].Status != state.RunDone || runs[0].Steps != 2 {
		t.Errorf("runs: %+v", runs)
	}
	_, steps, err := s.Run(ctx, "a", runs[0].ID)
	must(t, err)
	if len(steps) != 2 || steps[1].Action != "edit" || steps[1].Address != "thing.b" || steps[1].Status != state.StatusDone {
		t.Errorf("steps: %+v", steps)
	}
}

// A killed run is ended by whoever holds the lock next, under its own number.
func TestFinishForAnother(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	first := lock(t, s, "erp")
	run := begin(t, s, first, "erp", state.Claims{Take: []state.Claim{{Space: "ip", Key: "1", Address: "thing.b"}}}, "thing.a", "thing.b")
	must(t, s.ForceUnlock(ctx, "erp", first.Fence()))
	next := lock(t, s, "erp")
	if next.Fence() <= first.Fence() {
		t.Fatalf("fence %d after %d", next.Fence(), first.Fence())
	}
	snap := snapshot(t, s, "erp")
	if snap.Open == nil || snap.Open.Lock != nil {
		t.Fatalf("the open run has nobody who holds it: %+v", snap.Open)
	}
	must(t, next.Commit(ctx, run, []state.End{{Step: 1, Put: record("thing.a", "found")}}))
	must(t, next.Finish(ctx, run, state.Finish{Status: state.RunInterrupted, Error: "killed"}))
	if err := first.Commit(ctx, run, nil); !errors.Is(err, state.ErrFenced) {
		t.Errorf("the first holder: %v", err)
	}
	snap = snapshot(t, s, "erp")
	if snap.Open != nil || addresses(snap.Records) != "thing.a" {
		t.Errorf("%+v", snap)
	}
	if claims, _ := s.Claims(ctx, "ip"); len(claims) != 0 {
		t.Errorf("what was never made holds %v", claims)
	}
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	lock(t, s, "erp")
	short, cancel := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := s.Lock(short, "erp", state.Me("test"), time.Minute)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, state.ErrLocked) {
		t.Errorf("got %v: it says what it waited for", err)
	}
	if _, err := s.Snapshot(short, "erp"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
