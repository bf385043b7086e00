package sqlite_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/state"
)

// sorted is what held prints of these.
func sorted(all string) string {
	words := strings.Split(all, "; ")
	slices.Sort(words)
	return strings.Join(words, "; ")
}

func create(address string) state.Step {
	return state.Step{Action: "create", Address: address, Put: record(address, "wanted")}
}

func remove(address, deposed string) state.Step {
	return state.Step{Action: "delete", Address: address, Deposed: deposed}
}

// In each case stack erp has a with 1, 10-19 and 4 cores, stack web has c with
// 3. The limit is 10 cores.
func TestExtend(t *testing.T) {
	t.Parallel()
	const a, c = "erp/a has 1; erp/a has 10-19; erp/a has 4 cores", "web/c has 3"
	claims := func(all ...state.Claims) state.Claims { return together(all...) }
	take := func(address string, keys ...string) state.Claims { return state.Claims{Take: ip(address, keys...)} }
	made := func(step int64, address string) state.End {
		return state.End{Step: step, Put: record(address, "made")}
	}
	failed := func(step int64) state.End { return state.End{Step: step, Err: "no"} }
	steps := func(all ...state.Step) []state.Step { return all }
	ends := func(all ...state.End) []state.End { return all }
	cases := []struct {
		reason string
		calls  []state.Extension
		ready  state.Claims // late, for step 2, before the last call
		refuse string       // the last call
		held   string
	}{
		{reason: "nothing more is no error", calls: []state.Extension{{}}, held: a + "; " + c},
		{reason: "steps come one after the other, each with the end of the one before",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: take("d", "5")},
				{Ends: ends(made(1, "d")), Steps: steps(create("e"), create("f")), Claims: claims(take("e", "6"), take("f", "7"))},
				{Ends: ends(made(2, "e"), failed(3))}},
			held: a + "; " + c + "; erp/d has 5; erp/e has 6"},
		{reason: "a creation that failed is tried again with other claims",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "5"), Shares: cores("d", 6)}},
				{Ends: ends(failed(1))},
				{Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "6"), Shares: cores("d", 5)}},
				{Ends: ends(made(2, "d"))}},
			held: a + "; " + c + "; erp/d has 5 cores; erp/d has 6"},
		{reason: "the end and the second try may come in one call, with the same claims",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "5"), Ranges: cidr("d", 40, 49), Shares: cores("d", 6)}},
				{Ends: ends(failed(1)), Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "5"), Ranges: cidr("d", 40, 49), Shares: cores("d", 6)}},
				{Ends: ends(made(2, "d"))}},
			held: a + "; " + c + "; erp/d has 5; erp/d has 40-49; erp/d has 6 cores"},
		{reason: "it fails again, and all is as before",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: take("d", "5")},
				{Ends: ends(failed(1)), Steps: steps(create("d")), Claims: take("d", "5", "6")},
				{Ends: ends(failed(2))}},
			held: a + "; " + c},
		{reason: "a second step that comes to nothing leaves what the first has made",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "5"), Ranges: cidr("d", 40, 49), Shares: cores("d", 2)}},
				{Ends: ends(made(1, "d")), Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "5", "6"), Ranges: cidr("d", 45, 55), Shares: cores("d", 3)}},
				{Ends: ends(failed(2))}},
			held: a + "; " + c + "; erp/d has 5; erp/d has 40-49; erp/d has 2 cores"},
		{reason: "the same, of an object that was there before the run, and dropped by the run's end",
			calls: []state.Extension{
				{Steps: steps(create("a")), Claims: state.Claims{Take: ip("a", "5"), Ranges: cidr("a", 15, 25), Shares: cores("a", 5)}},
				{Ends: ends(made(1, "a"))},
				{Steps: steps(create("a")), Claims: state.Claims{Take: ip("a", "6"), Ranges: cidr("a", 5, 12), Shares: cores("a", 1)}}},
			held: "erp/a has 1; erp/a has 5; erp/a has 10-25; erp/a has 5 cores; " + c},
		{reason: "what is claimed late by Ready is given back with the rest of its step only",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: take("d", "5")},
				{Ends: ends(made(1, "d")), Steps: steps(create("d"))},
				{Ends: ends(failed(2))}},
			ready: take("d", "6"), held: a + "; " + c + "; erp/d has 5"},
		{reason: "what a step has released another takes, and nobody has it when that fails",
			calls: []state.Extension{
				{Steps: steps(remove("a", ""))},
				{Ends: ends(state.End{Step: 1, Release: "a", Remove: &state.Ref{Address: "a"}})},
				{Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14), Shares: cores("d", 10)}},
				{Ends: ends(failed(2))}},
			held: c},
		{reason: "it may be released by the same call",
			calls: []state.Extension{
				{Steps: steps(remove("a", ""))},
				{Ends: ends(state.End{Step: 1, Release: "a", Remove: &state.Ref{Address: "a"}}),
					Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14), Shares: cores("d", 10)}},
				{Ends: ends(made(2, "d"))}},
			held: c + "; erp/d has 1; erp/d has 12-14; erp/d has 10 cores"},
		{reason: "what an update has let go of another takes, and the first doesn't get it back",
			calls: []state.Extension{
				{Steps: steps(create("a")), Claims: take("a", "5")},
				{Ends: ends(state.End{Step: 1, Put: record("a", "made"), Keep: &state.Kept{Address: "a", Claims: state.Claims{Take: ip("a", "5"), Ranges: cidr("a", 10, 12)}}}),
					Steps: steps(create("d")), Claims: state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 13, 19)}},
				{Ends: ends(failed(2))}},
			held: "erp/a has 5; erp/a has 10-12; " + c},
		{reason: "what passed on in a call comes back when its taker fails, though more was claimed since",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: state.Claims{Take: []state.Claim{{Space: "ip", Key: "1", Address: "d", From: "a"}}, Ranges: []state.Range{{Space: "cidr", Lo: []byte{12}, Hi: []byte{14}, Address: "d", From: "a"}}}},
				{Steps: steps(create("e")), Claims: take("e", "5")},
				{Ends: ends(failed(1), made(2, "e"))}},
			held: a + "; " + c + "; erp/e has 5"},
		{reason: "a deletion that fails takes nothing from an update of the same address that is under way",
			calls: []state.Extension{
				{Steps: steps(create("a"), remove("a", "old")), Claims: take("a", "5")},
				{Ends: ends(failed(2))},
				{Ends: ends(made(1, "a"))}},
			held: a + "; " + c + "; erp/a has 5"},
		{reason: "when the update fails as well, all is given back",
			calls: []state.Extension{
				{Steps: steps(create("a"), remove("a", "old")), Claims: take("a", "5")},
				{Ends: ends(failed(2))},
				{Ends: ends(failed(1))}},
			held: a + "; " + c},
		{reason: "a step for the same address comes while one is under way, and what both claim stays for the last of them",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: take("d", "5")},
				{Steps: steps(create("d")), Claims: take("d", "6")},
				{Ends: ends(failed(1))},
				{Ends: ends(made(2, "d"))}},
			held: a + "; " + c + "; erp/d has 5; erp/d has 6"},
		{reason: "destroyed first, and not made again: what the new one claimed is free",
			calls: []state.Extension{
				{Steps: steps(remove("a", ""), create("a")), Claims: take("a", "5")},
				{Ends: ends(state.End{Step: 1, Remove: &state.Ref{Address: "a"}}, failed(2))}},
			held: a + "; " + c},
		{reason: "the run's end drops what is under way", calls: []state.Extension{{Steps: steps(create("d")), Claims: take("d", "5")}}, held: a + "; " + c},
		{reason: "who is refused has written nothing, the ends of the same call neither, and is told all",
			calls: []state.Extension{
				{Steps: steps(create("d")), Claims: take("d", "5")},
				{Ends: ends(made(1, "d")), Steps: steps(create("e")), Claims: claims(take("e", "3", "1"), state.Claims{Shares: cores("e", 7)})}},
			refuse: "stack erp: e asks for ip 3, which c of stack web holds\ne asks for ip 1, which a of stack erp holds\ne asks for 7 of quota cores, and 6 are left",
			held:   a + "; " + c},
		{reason: "a step that says its number says the one it gets",
			calls:  []state.Extension{{Steps: steps(create("d"))}, {Ends: ends(made(1, "d")), Steps: []state.Step{{Step: 1, Address: "e"}}, Claims: take("e", "5")}},
			refuse: "step 2, e: it calls itself step 1", held: a + "; " + c},
		{reason: "and it may say so", calls: []state.Extension{{Steps: []state.Step{{Step: 1, Address: "d"}}}, {Steps: []state.Step{{Step: 2, Address: "e"}, {Step: 3, Address: "f"}}}}, held: a + "; " + c},
		{reason: "an end of what is not under way",
			calls: []state.Extension{{Ends: ends(failed(1)), Steps: steps(create("d"))}}, refuse: "no step 1", held: a + "; " + c},
	}
	for _, x := range cases {
		t.Run(x.reason, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			erp, web := lock(t, s, "erp"), lock(t, s, "web")
			stood(t, s, erp, "erp", together(state.Claims{Limits: limit(10)}, state.Claims{Take: ip("a", "1"), Ranges: cidr("a", 10, 19), Shares: cores("a", 4)}), "a")
			stood(t, s, web, "web", state.Claims{Take: ip("c", "3")}, "c")

			run := begin(t, s, erp, "erp", state.Claims{})
			want, left := 0, 0
			for i, more := range x.calls {
				before := whole(t, s, "erp")
				err := erp.Extend(ctx, run, more)
				if i == len(x.calls)-1 && x.refuse != "" {
					if err == nil || !strings.Contains(err.Error(), x.refuse) {
						t.Errorf("got %v", err)
					}
					var one *state.ClaimedError
					if strings.Contains(x.refuse, "asks for") && !errors.As(err, &one) {
						t.Errorf("a %T", err)
					}
					if after := whole(t, s, "erp"); after != before {
						t.Errorf("something was written: %s\nbefore: %s", after, before)
					}
					break
				}
				must(t, err)
				if x.ready.Take != nil && i == len(x.calls)-2 {
					must(t, erp.Ready(ctx, run, 2, record("d", "ready"), x.ready))
				}
				want += len(more.Steps)
				left += len(more.Steps)
				for _, e := range more.Ends {
					if e.Step != 0 {
						left--
					}
				}
				open := snapshot(t, s, "erp")
				if open.Open.Steps != want || open.Open.Left != left || len(open.Intents) != left {
					t.Errorf("after call %d: %d steps and %d without an end of %d and %d", i+1, open.Open.Steps, open.Open.Left, want, left)
				}
			}
			finish(t, erp, run)
			if got := held(t, s, ""); got != sorted(x.held) {
				t.Errorf("got  %s\nwant %s", got, sorted(x.held))
			}
			_, journal, err := s.Run(ctx, "erp", run)
			must(t, err)
			for i, j := range journal {
				if j.Step != int64(i+1) {
					t.Errorf("step %d is the %dth", j.Step, i+1)
				}
			}
		})
	}
}

// whole prints all of a stack but its lock, which renews itself.
func whole(t testing.TB, s state.Store, stack string) string {
	t.Helper()
	snap := snapshot(t, s, stack)
	snap.Lock = nil
	if snap.Open != nil {
		snap.Open.Lock = nil
	}
	text, err := json.Marshal(snap)
	must(t, err)
	return string(text)
}

// stood is a stack that has had an object at each address for long.
func stood(t testing.TB, s state.Store, l state.Lease, stack string, claims state.Claims, addresses ...string) {
	t.Helper()
	run := begin(t, s, l, stack, claims, addresses...)
	for i, a := range addresses {
		must(t, l.Commit(ctx, run, []state.End{{Step: int64(i + 1), Put: record(a, "start")}}))
	}
	finish(t, l, run)
}

func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	more := state.Extension{Steps: []state.Step{create("d")}}
	for _, x := range []struct {
		reason string
		do     func(s state.Store, l state.Lease, run int64) error
		is     error
		says   string
	}{
		{"a run that has ended is no longer extended", func(s state.Store, l state.Lease, run int64) error {
			finish(t, l, run)
			return l.Extend(ctx, run, more)
		}, nil, "has ended (done)"},
		{"a run of another stack is none of this one", func(s state.Store, l state.Lease, run int64) error {
			return lock(t, s, "other").Extend(ctx, run, more)
		}, state.ErrNoRun, ""},
		{"a lock that was broken writes no more", func(s state.Store, l state.Lease, run int64) error {
			must(t, s.ForceUnlock(ctx, "erp", l.Fence()))
			return l.Extend(ctx, run, more)
		}, state.ErrFenced, ""},
	} {
		t.Run(x.reason, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			l := lock(t, s, "erp")
			run := begin(t, s, l, "erp", state.Claims{}, "thing.a")
			err := x.do(s, l, run)
			if err == nil || x.is != nil && !errors.Is(err, x.is) || !strings.Contains(err.Error(), x.says) {
				t.Errorf("got %v", err)
			}
			if r, _, err := s.Run(ctx, "erp", run); err != nil || r.Steps != 1 {
				t.Errorf("the run has %d steps, %v", r.Steps, err)
			}
		})
	}
}

// What was begun with steps is extended behind them, and a run that was killed
// is extended and ended by whoever holds the lock next.
func TestExtendForAnother(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	first := lock(t, s, "erp")
	run := begin(t, s, first, "erp", state.Claims{}, "a", "b")
	must(t, first.Extend(ctx, run, state.Extension{Steps: []state.Step{create("c")}, Claims: state.Claims{Take: ip("c", "1")}}))
	must(t, s.ForceUnlock(ctx, "erp", first.Fence()))
	next := lock(t, s, "erp")
	must(t, next.Extend(ctx, run, state.Extension{Ends: []state.End{{Step: 3, Put: record("c", "found")}}, Steps: []state.Step{{Step: 4, Address: "d"}}, Claims: state.Claims{Take: ip("d", "2")}}))
	must(t, next.Finish(ctx, run, state.Finish{Status: state.RunInterrupted}))
	if got := held(t, s, ""); got != "erp/c has 1" {
		t.Errorf("held: %s", got)
	}
	if got := addresses(snapshot(t, s, "erp").Records); got != "c" {
		t.Errorf("records: %s", got)
	}
}
