package sqlite_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/state"
)

// held prints all that a test's spaces hold: claims, ranges, then shares.
func held(t testing.TB, s state.Store, suffix string) string {
	t.Helper()
	var all []string
	claims, err := s.Claims(ctx, "ip"+suffix)
	must(t, err)
	for _, c := range claims {
		all = append(all, fmt.Sprintf("%s/%s has %s", strings.TrimSuffix(c.Stack, suffix), c.Address, c.Key))
	}
	ranges, err := s.Ranges(ctx, "cidr"+suffix)
	must(t, err)
	for i, r := range ranges {
		all = append(all, fmt.Sprintf("%s/%s has %d-%d", strings.TrimSuffix(r.Stack, suffix), r.Address, r.Lo[0], r.Hi[0]))
		if i > 0 && ranges[i-1].Hi[0] >= r.Lo[0] {
			t.Fatalf("ranges overlap: %v", ranges)
		}
	}
	sum, err := s.Sum(ctx, "quota"+suffix, "cores")
	must(t, err)
	used := int64(0)
	for _, x := range sum.Shares {
		used += x.Amount
		all = append(all, fmt.Sprintf("%s/%s has %d cores", strings.TrimSuffix(x.Stack, suffix), x.Address, x.Amount))
	}
	if used != sum.Used {
		t.Fatalf("shares sum up to %d, and %d are used", used, sum.Used)
	}
	sort.Strings(all)
	return strings.Join(all, "; ")
}

func ip(address string, keys ...string) (all []state.Claim) {
	for _, k := range keys {
		all = append(all, state.Claim{Space: "ip", Key: k, Address: address})
	}
	return all
}

func cidr(address string, lo, hi byte) []state.Range {
	return []state.Range{{Space: "cidr", Lo: []byte{lo}, Hi: []byte{hi}, Address: address}}
}

func cores(address string, n int64) []state.Share {
	return []state.Share{{Space: "quota", Key: "cores", Address: address, Amount: n}}
}

func limit(n int64) []state.Limit { return []state.Limit{{Space: "quota", Key: "cores", Max: n}} }

func together(all ...state.Claims) (sum state.Claims) {
	for _, c := range all {
		sum.Take, sum.Ranges, sum.Shares, sum.Limits = append(sum.Take, c.Take...), append(sum.Ranges, c.Ranges...), append(sum.Shares, c.Shares...), append(sum.Limits, c.Limits...)
	}
	return sum
}

// In each case stack erp has: a with 1, 10-19 and 4 cores; b with 2, 20-29 and
// 2 cores; stack web: c with 3, 30-39 and 2 cores. The limit is 10 cores.
func TestLedger(t *testing.T) {
	t.Parallel()
	const a, b, c = "erp/a has 1; erp/a has 10-19; erp/a has 4 cores", "erp/b has 2; erp/b has 2 cores; erp/b has 20-29", "web/c has 2 cores; web/c has 3; web/c has 30-39"
	const all = a + "; " + b + "; " + c
	take := func(claims ...state.Claims) state.Claims { return together(claims...) }
	passing := func(c state.Claims, from string) state.Claims {
		for i := range c.Take {
			c.Take[i].From = from
		}
		for i := range c.Ranges {
			c.Ranges[i].From = from
		}
		return c
	}
	put := func(address string) state.End { return state.End{Put: record(address, "x")} }
	cases := []struct {
		reason string
		claims state.Claims
		steps  []string // an intent for each address
		ends   []state.End
		held   string
		refuse string
	}{
		{reason: "nothing asked for changes nothing", held: all},
		{reason: "what an address holds it may take again: a replacement does",
			claims: state.Claims{Take: ip("a", "1"), Ranges: cidr("a", 10, 19), Shares: cores("a", 4)}, steps: []string{"a"}, ends: []state.End{put("a")}, held: all},
		{reason: "a share is replaced, not added to",
			claims: state.Claims{Shares: cores("a", 6)}, steps: []string{"a"}, ends: []state.End{put("a")}, held: strings.Replace(all, "4 cores", "6 cores", 1)},
		{reason: "every conflict is told, not the first",
			claims: state.Claims{Take: append(ip("d", "3"), ip("d", "2")...), Ranges: cidr("d", 39, 50), Shares: cores("d", 3)},
			refuse: "d asks for ip 3, which c of stack web holds\nd asks for ip 2, which b of stack erp holds\nd asks for cidr 1e-27, which c of stack web holds\nd asks for 3 of quota cores, and 2 are left", held: all},
		{reason: "two of one call can't have the same",
			claims: state.Claims{Take: append(ip("d", "9"), ip("e", "9")...)}, refuse: "e asks for ip 9, which d of stack erp holds", held: all},
		{reason: "what is left counts the asker's own share in",
			claims: state.Claims{Shares: cores("a", 7)}, refuse: "a asks for 7 of quota cores, and 6 are left", held: all},
		{reason: "what shrinks makes room for what grows in the same call, in any order",
			claims: state.Claims{Shares: append(cores("d", 5), cores("a", 1)...)}, steps: []string{"a", "d"}, ends: []state.End{put("a"), put("d")},
			held: strings.Replace(all, "4 cores", "1 cores", 1) + "; erp/d has 5 cores"},
		{reason: "a limit below what is used holds growth back",
			claims: take(state.Claims{Limits: limit(5)}, state.Claims{Shares: cores("b", 3)}), refuse: "b asks for 3 of quota cores, and 2 are left", held: all},
		{reason: "under such a limit shrinking works, though it is still over",
			claims: take(state.Claims{Limits: limit(5)}, state.Claims{Shares: cores("a", 3)}), steps: []string{"a"}, ends: []state.End{put("a")}, held: strings.Replace(all, "4 cores", "3 cores", 1)},
		{reason: "a limit below 0 is none",
			claims: take(state.Claims{Limits: limit(-1)}, state.Claims{Shares: cores("b", 99)}), steps: []string{"b"}, ends: []state.End{put("b")}, held: strings.Replace(all, "erp/b has 2 cores", "erp/b has 99 cores", 1)},
		{reason: "release gives all back", steps: []string{"a"}, ends: []state.End{{Release: "a"}}, held: b + "; " + c},
		{reason: "keep gives back what is not kept, takes nothing, and enlarges nothing", steps: []string{"a"},
			ends: []state.End{{Keep: &state.Kept{Address: "a", Claims: state.Claims{Take: ip("a", "7"), Ranges: cidr("a", 12, 14), Shares: cores("a", 9)}}}},
			held: "erp/a has 12-14; erp/a has 4 cores; " + b + "; " + c},
		{reason: "keep lowers a share", steps: []string{"a"}, ends: []state.End{{Keep: &state.Kept{Address: "a", Claims: state.Claims{Take: ip("a", "1"), Ranges: cidr("a", 10, 19), Shares: cores("a", 1)}}}},
			held: strings.Replace(all, "4 cores", "1 cores", 1)},
		{reason: "a dropped step holds what it held before: claims, a share that grew, a range that was widened",
			claims: state.Claims{Take: ip("a", "1", "8"), Ranges: cidr("a", 5, 12), Shares: cores("a", 6)}, steps: []string{"a"}, ends: []state.End{{Drop: true}}, held: all},
		{reason: "so does one that failed with nothing made",
			claims: state.Claims{Take: ip("d", "8"), Ranges: cidr("d", 1, 2), Shares: cores("d", 1)}, steps: []string{"d"}, ends: []state.End{{Err: "no"}}, held: all},
		{reason: "so does one that the run's end drops", claims: state.Claims{Take: ip("d", "8")}, steps: []string{"d"}, held: all},
		{reason: "one that failed with something made keeps it",
			claims: state.Claims{Take: ip("d", "8")}, steps: []string{"d"}, ends: []state.End{{Err: "half", Put: record("d", "x")}}, held: a + "; " + b + "; erp/d has 8; " + c},
		{reason: "the second step of a replacement is dropped, and the new object keeps what it has",
			claims: state.Claims{Take: ip("d", "8")}, steps: []string{"d", "d"}, ends: []state.End{put("d"), {Drop: true}}, held: a + "; " + b + "; erp/d has 8; " + c},
		{reason: "a share that shrank comes back over the limit, if somebody took the room",
			claims: state.Claims{Shares: append(cores("a", 1), cores("d", 5)...)}, steps: []string{"a", "d"}, ends: []state.End{{Drop: true}, put("d")}, held: all + "; erp/d has 5 cores"},
		{reason: "a claim passes on to another of the stack",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 10, 19)}, "a"), steps: []string{"a", "d"}, ends: []state.End{{Release: "a"}, put("d")},
			held: b + "; erp/d has 1; erp/d has 10-19; " + c},
		{reason: "it passes from who is named only",
			claims: passing(state.Claims{Take: ip("d", "2"), Ranges: cidr("d", 25, 26)}, "a"), refuse: "d asks for ip 2, which b of stack erp holds\nd asks for cidr 14-1d, which b of stack erp holds", held: all},
		{reason: "it never passes between stacks",
			claims: passing(state.Claims{Take: ip("d", "3")}, "c"), refuse: "d asks for ip 3, which c of stack web holds", held: all},
		{reason: "what passed on comes back when neither happened",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14)}, "a"), steps: []string{"a", "d"}, ends: []state.End{{Drop: true}, {Drop: true}}, held: all},
		{reason: "the same, the taker first",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 25)}, "a"), refuse: "d asks for cidr 14-1d, which b of stack erp holds", held: all},
		{reason: "the same, the giver released afterwards",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14)}, "a"), steps: []string{"d", "a"}, ends: []state.End{{Drop: true}, {Release: "a"}}, held: b + "; " + c},
		{reason: "it is free when the giver is gone and the taker was not made",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14)}, "a"), steps: []string{"a", "d"}, ends: []state.End{{Release: "a"}, {Err: "no"}}, held: b + "; " + c},
		{reason: "it is free when the giver was updated to do without, and the taker was not made",
			claims: passing(state.Claims{Take: ip("d", "1"), Ranges: cidr("d", 12, 14)}, "a"), steps: []string{"a", "d"},
			ends: []state.End{{Put: record("a", "x"), Keep: &state.Kept{Address: "a", Claims: state.Claims{Ranges: cidr("a", 15, 19), Shares: cores("a", 4)}}}, {Drop: true}},
			held: "erp/a has 15-19; erp/a has 4 cores; " + b + "; " + c},
		{reason: "half of a range passes on, and the rest stays",
			claims: passing(state.Claims{Ranges: cidr("d", 15, 19)}, "a"), steps: []string{"d"}, ends: []state.End{put("d")},
			held: strings.Replace(all, "10-19", "10-14", 1) + "; erp/d has 15-19"},
		{reason: "a move takes claims, ranges and shares along", ends: []state.End{{Put: record("a", "x")}, {Move: &state.Move{From: state.Ref{Address: "a"}, To: state.Ref{Address: "z"}}}},
			held: b + "; erp/z has 1; erp/z has 10-19; erp/z has 4 cores; " + c},
		{reason: "deposing leaves them with the address", ends: []state.End{{Put: record("a", "x")}, {Move: &state.Move{From: state.Ref{Address: "a"}, To: state.Ref{Address: "a", Deposed: "1"}}, Put: record("a", "new")}}, held: all},
	}
	for _, x := range cases {
		t.Run(x.reason, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			erp, web := lock(t, s, "erp"), lock(t, s, "web")
			start := func(l state.Lease, stack string, claims state.Claims, addresses ...string) {
				run := begin(t, s, l, stack, claims, addresses...)
				for i, a := range addresses {
					must(t, l.Commit(ctx, run, []state.End{{Step: int64(i + 1), Put: record(a, "start")}, {Remove: &state.Ref{Address: a}}}))
				}
				finish(t, l, run)
			}
			start(erp, "erp", together(state.Claims{Limits: limit(10)},
				state.Claims{Take: ip("a", "1"), Ranges: cidr("a", 10, 19), Shares: cores("a", 4)},
				state.Claims{Take: ip("b", "2"), Ranges: cidr("b", 20, 29), Shares: cores("b", 2)}), "a", "b")
			start(web, "web", state.Claims{Take: ip("c", "3"), Ranges: cidr("c", 30, 39), Shares: cores("c", 2)}, "c")

			r := state.NewRun{Serial: snapshot(t, s, "erp").Serial, Claims: x.claims}
			for _, a := range x.steps {
				r.Steps = append(r.Steps, state.Step{Address: a, Action: "create"})
			}
			run, err := erp.Begin(ctx, r)
			if x.refuse != "" {
				var one *state.ClaimedError
				if !errors.As(err, &one) || !strings.HasSuffix(err.Error(), "stack erp: "+x.refuse) {
					t.Errorf("got %v", err)
				}
			} else {
				must(t, err)
				for i := range x.ends {
					if i < len(x.steps) {
						x.ends[i].Step = int64(i + 1)
					}
				}
				must(t, erp.Commit(ctx, run, x.ends))
				finish(t, erp, run)
			}
			want := strings.Split(x.held, "; ")
			sort.Strings(want)
			if got := held(t, s, ""); got != strings.Join(want, "; ") {
				t.Errorf("got  %s\nwant %s", got, strings.Join(want, "; "))
			}
		})
	}
}

// holding is what the model says one address has.
type holding struct {
	keys   map[string]bool
	lo, hi byte // hi 0: no range
	cores  int64
}

func (h holding) print(who string) (all []string) {
	for k := range h.keys {
		all = append(all, fmt.Sprintf("%s has %s", who, k))
	}
	if h.hi != 0 {
		all = append(all, fmt.Sprintf("%s has %d-%d", who, h.lo, h.hi))
	}
	if h.cores > 0 {
		all = append(all, fmt.Sprintf("%s has %d cores", who, h.cores))
	}
	return all
}

// Whatever is taken, dropped, kept and released: a claim has one owner, ranges
// are disjoint, shares sum up to what is used, a run that can't have all leaves
// no trace, and one whose steps are dropped neither.
func TestLedgerLaw(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	var checks atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		suffix := fmt.Sprintf("#%d", checks.Add(1))
		leases := map[string]state.Lease{}
		for _, stack := range []string{"erp", "web"} {
			l, err := s.Lock(ctx, stack+suffix, state.Me("test"), 0)
			if err != nil {
				rt.Fatal(err)
			}
			defer l.Release()
			leases[stack] = l
		}
		model := map[string]holding{} // by stack/address
		bound := int64(-1)
		for range rapid.IntRange(1, 8).Draw(rt, "runs") {
			stack := rapid.SampledFrom([]string{"erp", "web"}).Draw(rt, "stack")
			addresses := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(rt, "addresses")
			asked := map[string]holding{}
			var claims state.Claims
			if rapid.IntRange(0, 3).Draw(rt, "new limit") == 0 {
				claims.Limits = []state.Limit{{Space: "quota" + suffix, Key: "cores", Max: rapid.Int64Range(-1, 20).Draw(rt, "limit")}}
			}
			for _, a := range addresses {
				h := holding{keys: map[string]bool{}, cores: rapid.Int64Range(1, 9).Draw(rt, "cores")}
				for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"}), 0, 2, rapid.ID[string]).Draw(rt, "keys") {
					h.keys[k] = true
				}
				if rapid.Bool().Draw(rt, "range") {
					h.lo = rapid.ByteRange(1, 60).Draw(rt, "lo")
					h.hi = h.lo + rapid.ByteRange(0, 12).Draw(rt, "length")
				}
				asked[a] = h
				for _, k := range slices.Sorted(maps.Keys(h.keys)) {
					claims.Take = append(claims.Take, state.Claim{Space: "ip" + suffix, Key: k, Address: a})
				}
				if h.hi != 0 {
					claims.Ranges = append(claims.Ranges, state.Range{Space: "cidr" + suffix, Lo: []byte{h.lo}, Hi: []byte{h.hi}, Address: a})
				}
				claims.Shares = append(claims.Shares, state.Share{Space: "quota" + suffix, Key: "cores", Address: a, Amount: h.cores})
			}
			now := bound
			for _, l := range claims.Limits {
				now = l.Max
			}
			fits := modelFits(model, asked, stack, addresses, now)
			run, err := leases[stack].Begin(ctx, newRun(rt, s, stack+suffix, claims, addresses))
			if (err == nil) != fits {
				rt.Fatalf("the model says %t, Begin says %v", fits, err)
			}
			if err == nil {
				bound = now
				var ends []state.End
				for i, a := range addresses {
					who := stack + "/" + a
					e := state.End{Step: int64(i + 1)}
					switch rapid.SampledFrom([]string{"made", "dropped", "failed", "left", "gone"}).Draw(rt, "end") {
					case "made":
						mine := state.Claims{Shares: claims.Shares}
						for _, c := range claims.Take {
							if c.Address == a {
								mine.Take = append(mine.Take, c)
							}
						}
						for _, r := range claims.Ranges {
							if r.Address == a {
								mine.Ranges = append(mine.Ranges, r)
							}
						}
						mine.Shares = []state.Share{{Space: "quota" + suffix, Key: "cores", Address: a, Amount: asked[a].cores}}
						e.Put, e.Keep = record(a, "x"), &state.Kept{Address: a, Claims: mine}
						model[who] = asked[a]
					case "dropped":
						e.Drop = true
					case "failed":
						e.Err = "no"
					case "left":
						continue
					case "gone":
						e.Release, e.Remove = a, &state.Ref{Address: a}
						delete(model, who)
					}
					ends = append(ends, e)
				}
				if err := leases[stack].Commit(ctx, run, ends); err != nil {
					rt.Fatal(err)
				}
				if err := leases[stack].Finish(ctx, run, state.Finish{Status: state.RunDone}); err != nil {
					rt.Fatal(err)
				}
			}
			var want []string
			for who, h := range model {
				want = append(want, h.print(who)...)
			}
			sort.Strings(want)
			if got := held(t, s, suffix); got != strings.Join(want, "; ") {
				rt.Fatalf("got  %s\nwant %s", got, strings.Join(want, "; "))
			}
		}
	})
}

func newRun(rt *rapid.T, s state.Store, stack string, claims state.Claims, addresses []string) state.NewRun {
	snap, err := s.Snapshot(ctx, stack)
	if err != nil {
		rt.Fatal(err)
	}
	r := state.NewRun{Serial: snap.Serial, Claims: claims}
	for _, a := range addresses {
		r.Steps = append(r.Steps, state.Step{Action: "create", Address: a})
	}
	return r
}

// modelFits reports whether everybody can have what is asked for.
func modelFits(model, asked map[string]holding, stack string, addresses []string, limit int64) bool {
	type owner struct {
		who string
		holding
	}
	var others []owner
	for who, h := range model {
		others = append(others, owner{who, h})
	}
	for _, a := range addresses {
		h, who := asked[a], stack+"/"+a
		for _, o := range others {
			if o.who == who {
				continue
			}
			for k := range h.keys {
				if o.keys[k] {
					return false
				}
			}
			if h.hi != 0 && o.hi != 0 && h.lo <= o.hi && o.lo <= h.hi {
				return false
			}
		}
		// What it held is its own until the run has ended.
		had := model[who]
		if h.hi != 0 && had.hi != 0 && h.lo <= had.hi && had.lo <= h.hi {
			had.lo, had.hi = min(h.lo, had.lo), max(h.hi, had.hi)
			others = append(others, owner{who, holding{lo: had.lo, hi: had.hi}})
		}
		others = append(others, owner{who, h})
	}
	used := int64(0)
	for _, h := range model {
		used += h.cores
	}
	grew := false
	for _, a := range addresses {
		more := asked[a].cores - model[stack+"/"+a].cores
		used += more
		grew = grew || more > 0
	}
	return limit < 0 || !grew || used <= limit
}
