package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// as is this process as another front end.
func as(front string) state.Holder {
	who := state.Me("test")
	who.Front = front
	return who
}

func lockAs(t testing.TB, s state.Store, stack, front string) state.Lease {
	t.Helper()
	l, err := s.Lock(ctx, stack, as(front), 0)
	must(t, err)
	t.Cleanup(func() { _ = l.Release() })
	return l
}

func TestFrontKeepsItsStack(t *testing.T) {
	t.Parallel()
	const tf = "terraform"
	reservation := func(now time.Time, front string) state.Reservation {
		return state.Reservation{Key: "k", Object: *record("r", "x"), Front: front, Expires: now.Add(time.Hour)}
	}
	for _, x := range []struct {
		reason string
		do     func(s state.Store, c *clock)
		locks  string // who may lock it now: "both" front ends, "tf" only, or "wait" for its holder
	}{
		{"a stack that is not there is anybody's", func(s state.Store, c *clock) {}, "both"},
		{"who had the lock of an empty stack keeps nothing", func(s state.Store, c *clock) { must(t, lockAs(t, s, "erp", tf).Release()) }, "both"},
		{"records do", func(s state.Store, c *clock) {
			l := lockAs(t, s, "erp", tf)
			must(t, l.Edit(ctx, "import", []state.End{{Put: record("a", "x")}}))
			must(t, l.Release())
		}, "tf"},
		{"so do intents of a run that was killed: its objects may be there", func(s state.Store, c *clock) {
			l := lockAs(t, s, "erp", tf)
			begin(t, s, l, "erp", state.Claims{}, "a")
			must(t, l.Release())
		}, "tf"},
		{"a run without intents has made nothing that is not recorded", func(s state.Store, c *clock) {
			l := lockAs(t, s, "erp", tf)
			begin(t, s, l, "erp", state.Claims{})
			must(t, l.Release())
		}, "both"},
		{"when the last record is gone the stack is anybody's", func(s state.Store, c *clock) {
			l := lockAs(t, s, "erp", tf)
			must(t, l.Edit(ctx, "import", []state.End{{Put: record("a", "x")}}))
			must(t, l.Edit(ctx, "rm", []state.End{{Remove: &state.Ref{Address: "a"}}}))
			must(t, l.Release())
		}, "both"},
		{"a reservation keeps it", func(s state.Store, c *clock) { must(t, s.Reserve(ctx, "erp", reservation(c.Now(), tf))) }, "tf"},
		{"a reservation that is over does not", func(s state.Store, c *clock) {
			must(t, s.Reserve(ctx, "erp", reservation(c.Now(), tf)))
			c.add(time.Hour)
		}, "both"},
		{"that it is another's is said before that it is locked: to wait would not help", func(s state.Store, c *clock) {
			must(t, lockAs(t, s, "erp", tf).Edit(ctx, "import", []state.End{{Put: record("a", "x")}}))
		}, "tf waits"},
		{"an empty stack that is locked may be had later", func(s state.Store, c *clock) { lockAs(t, s, "erp", tf) }, "wait"},
	} {
		t.Run(x.reason, func(t *testing.T) {
			t.Parallel()
			c := &clock{now: time.Now().Round(0)}
			s := fresh(t, sqlite.Clock(c.Now), sqlite.Lease(100*time.Hour))
			x.do(s, c)
			got := ""
			for _, front := range []string{"", tf} {
				l, err := s.Lock(ctx, "erp", as(front), 0)
				var foreign *state.FrontError
				switch {
				case err == nil:
					must(t, l.Release())
					if snap := snapshot(t, s, "erp"); snap.Front != front {
						t.Errorf("locked by %q, it is kept by %q", front, snap.Front)
					}
					got += "+"
				case errors.As(err, &foreign):
					if errors.Is(err, state.ErrLocked) || !errors.Is(err, state.ErrFront) || foreign.Front != tf || foreign.Asked != front || foreign.Stack != "erp" {
						t.Errorf("got %v", err)
					}
					got += "x"
				case errors.Is(err, state.ErrLocked):
					got += "w"
				default:
					t.Error(err)
				}
			}
			if want := map[string]string{"both": "++", "tf": "x+", "tf waits": "xw", "wait": "ww"}[x.locks]; got != want {
				t.Errorf("cairn, then terraform: %s, not %s", got, want)
			}
		})
	}
}

func TestFrontIsTold(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now().Round(0)}
	s := fresh(t, sqlite.Clock(c.Now))
	if got := snapshot(t, s, "erp").Front; got != "" {
		t.Errorf("a stack that is not there is kept by %q", got)
	}
	l := lockAs(t, s, "erp", "terraform")
	run := begin(t, s, l, "erp", state.Claims{}, "a")
	must(t, s.Reserve(ctx, "planned", state.Reservation{Key: "k", Object: *record("a", "x"), Front: "terraform", Expires: c.Now().Add(time.Hour)}))
	must(t, lock(t, s, "own").Edit(ctx, "import", nil))
	snap := snapshot(t, s, "erp")
	if snap.Front != "terraform" || snap.Lock.Front != "terraform" || snap.Open.Lock.Front != "terraform" {
		t.Errorf("%+v, lock %+v, run %d %+v", snap, snap.Lock, run, snap.Open.Lock)
	}
	list := func() string {
		all, err := s.Stacks(ctx)
		must(t, err)
		var words []string
		for _, x := range all {
			words = append(words, x.Name+"/"+x.Front)
		}
		return strings.Join(words, " ")
	}
	if got := list(); got != "erp/terraform own/ planned/terraform" {
		t.Errorf("stacks: %s", got)
	}
	c.add(time.Hour)
	if got := list(); got != "erp/terraform own/" {
		t.Errorf("with nothing but a reservation that is over: %s", got)
	}
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	l := lock(t, s, "erp")
	stood(t, s, l, "erp", state.Claims{Take: ip("a", "1")}, "a")
	for _, a := range []string{"r", "q"} {
		must(t, s.Reserve(ctx, "erp", state.Reservation{Key: a, Object: *record(a, "x"), Claims: state.Claims{Take: ip(a, "of "+a)}, Expires: time.Now().Add(time.Hour)}))
	}
	must(t, s.Reserve(ctx, "web", state.Reservation{Key: "r", Object: *record("r", "x"), Claims: state.Claims{Take: ip("r", "of web")}, Expires: time.Now().Add(time.Hour)}))

	open := begin(t, s, l, "erp", state.Claims{})
	if err := l.HandOver(ctx, "hand over", "terraform", nil); !errors.Is(err, state.ErrUnfinished) {
		t.Errorf("in a run: %v", err)
	}
	finish(t, l, open)
	if err := l.HandOver(ctx, "hand over", "terraform", []state.End{{Put: record("b", "x")}, {Move: &state.Move{From: state.Ref{Address: "no"}, To: state.Ref{Address: "z"}}}}); err == nil {
		t.Error("moved what is not there")
	}
	if snap := snapshot(t, s, "erp"); snap.Front != "" || held(t, s, "") != "erp/a has 1; erp/q has of q; erp/r has of r; web/r has of web" {
		t.Errorf("it was refused, and is kept by %q, which holds %s", snap.Front, held(t, s, ""))
	}

	serial := snapshot(t, s, "erp").Serial
	heard := *record("a", "start")
	heard.Unheard = true
	must(t, l.HandOver(ctx, "hand over", "terraform", []state.End{{Put: &heard}}))
	snap := snapshot(t, s, "erp")
	if snap.Front != "terraform" || snap.Serial != serial+1 || !snap.Records[0].Unheard {
		t.Errorf("%+v", snap)
	}
	if got := held(t, s, ""); got != "erp/a has 1; web/r has of web" {
		t.Errorf("held: %s", got)
	}
	if all, err := s.Reservations(ctx, "erp"); err != nil || len(all) != 0 {
		t.Errorf("reserved: %v, %v", all, err)
	}
	runs, err := s.Runs(ctx, "erp", 1)
	must(t, err)
	if runs[0].Command != "hand over" || runs[0].Status != state.RunDone || runs[0].Steps != 1 {
		t.Errorf("run %+v", runs[0])
	}

	var foreign *state.FrontError
	if err := l.Edit(ctx, "edit", nil); !errors.As(err, &foreign) || foreign.Front != "terraform" {
		t.Errorf("an edit of who has handed it over: %v", err)
	}
	if _, err := l.Begin(ctx, state.NewRun{Serial: serial + 1}); !errors.Is(err, state.ErrFront) {
		t.Errorf("a run of who has handed it over: %v", err)
	}
	if _, err := s.Lock(ctx, "erp", as("terraform"), 0); !errors.Is(err, state.ErrLocked) {
		t.Errorf("before the release: %v", err)
	}
	must(t, l.Release())
	must(t, lockAs(t, s, "erp", "terraform").HandOver(ctx, "hand back", "", nil))
	if got := snapshot(t, s, "erp").Front; got != "" {
		t.Errorf("handed back, it is kept by %q", got)
	}
}

// unheard prints the addresses of the records with the mark.
func unheard(records []state.Record) string {
	var all []string
	for _, r := range records {
		if r.Unheard {
			all = append(all, r.Address)
		}
	}
	return strings.Join(all, " ")
}

func TestHeard(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	l := lockAs(t, s, "erp", "terraform")
	marked := func(address, text string) *state.Record {
		r := record(address, text)
		r.Unheard = true
		return r
	}
	run := begin(t, s, l, "erp", state.Claims{})
	must(t, l.Extend(ctx, run, state.Extension{Steps: []state.Step{{Address: "a", Put: marked("a", "x")}}}))
	if got := snapshot(t, s, "erp").Intents[0].Put; !got.Unheard {
		t.Error("an intent forgets the mark")
	}
	must(t, l.Commit(ctx, run, []state.End{{Step: 1, Put: marked("a", "x")}, {Put: marked("b", "x")}, {Put: marked("c", "x")}}))
	finish(t, l, run)
	serial := snapshot(t, s, "erp").Serial

	must(t, s.Heard(ctx, "erp", []string{"id-a", "id-a", "id-nobody"}))
	must(t, s.Heard(ctx, "erp", nil))
	must(t, s.Heard(ctx, "none", []string{"id-b"}))
	snap := snapshot(t, s, "erp")
	if got := unheard(snap.Records); got != "b c" || snap.Serial != serial || snap.Records[0].Run != run {
		t.Errorf("unheard: %q, at serial %d of %d, of run %d", got, snap.Serial, serial, snap.Records[0].Run)
	}

	// By a put alone it is no change either; with one, the older version keeps it.
	must(t, l.Edit(ctx, "edit", []state.End{{Put: record("b", "x")}, {Put: record("c", "y")}}))
	snap = snapshot(t, s, "erp")
	if got := unheard(snap.Records); got != "" || snap.Records[1].Run != run || snap.Records[2].Run == run {
		t.Errorf("unheard: %q, b of run %d, c of run %d", got, snap.Records[1].Run, snap.Records[2].Run)
	}
	at, err := s.RecordsAt(ctx, "erp", run)
	must(t, err)
	if got := fmt.Sprint(addresses(at), " unheard ", unheard(at)); got != "a b c unheard c" {
		t.Errorf("at the run's end: %s", got)
	}
}
