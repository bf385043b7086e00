package sqlite_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// things are what an address has by the model: keys and the numbers of ranges,
// as words, and cores.
type things struct {
	words map[string]bool
	cores int64
}

func (h things) copy() things { return things{maps.Clone(h.words), h.cores} }

func (h things) none() bool { return len(h.words) == 0 && h.cores == 0 }

func (h *things) add(more things) {
	h.words = maps.Clone(h.words)
	if h.words == nil {
		h.words = map[string]bool{}
	}
	maps.Copy(h.words, more.words)
	if more.cores > 0 {
		h.cores = more.cores
	}
}

// booking is a reservation by the model.
type booking struct {
	address string
	has     things
	until   time.Time
}

// mill is one stack by the model.
type mill struct {
	lease    state.Lease
	run      int64
	steps    int64
	has      map[string]things
	before   map[string]things // what it had when its open step came
	asked    map[string]things // by its open step
	open     map[string]int64
	recorded map[string]bool
	booked   map[string]booking // by key
}

func (m *mill) copy() *mill {
	c := *m
	c.has, c.before, c.asked = maps.Clone(m.has), maps.Clone(m.before), maps.Clone(m.asked)
	c.open, c.recorded, c.booked = maps.Clone(m.open), maps.Clone(m.recorded), maps.Clone(m.booked)
	return &c
}

// at is the key of what is reserved for an address now.
func (m *mill) at(address string, now time.Time) (string, bool) {
	for key, b := range m.booked {
		if b.address == address && b.until.After(now) {
			return key, true
		}
	}
	return "", false
}

func (m *mill) vacate(address string, now time.Time) {
	if key, ok := m.at(address, now); ok {
		delete(m.booked, key)
	}
}

// end is the outcome of an address's open step.
func (m *mill) end(address, how string, now time.Time) {
	switch how {
	case "made": // with all that it had, and what it asked for
		if !m.recorded[address] {
			m.vacate(address, now)
		}
		m.recorded[address] = true
	case "kept": // with what it asked for only
		m.vacate(address, now)
		m.recorded[address] = true
		m.has[address] = m.asked[address]
	case "gone":
		m.vacate(address, now)
		delete(m.recorded, address)
		delete(m.has, address)
	default:
		m.has[address] = m.before[address]
	}
	delete(m.open, address)
}

type mills map[string]*mill

// each calls f with everybody who has something now, reserved or not.
func (all mills) each(now time.Time, f func(who string, h things)) {
	for stack, m := range all {
		for address, h := range m.has {
			f(stack+"/"+address, h)
		}
		for _, b := range m.booked {
			if b.until.After(now) {
				f(stack+"/"+b.address, b.has)
			}
		}
	}
}

// with is all with another model of one stack, and with what stays counted of a
// reservation until it is taken.
func (all mills) with(stack string, m *mill, counted int64) mills {
	others := maps.Clone(all)
	others[stack] = m
	others["nobody"] = &mill{has: map[string]things{"": {cores: counted}}}
	return others
}

// fits reports whether who can have more, as it has something already.
func (all mills) fits(now time.Time, who string, had int64, more things, limit int64) bool {
	used, free := int64(0), true
	all.each(now, func(other string, h things) {
		used += h.cores
		for w := range more.words {
			free = free && (other == who || !h.words[w])
		}
	})
	grows := more.cores - had
	return free && (more.cores == 0 || grows <= 0 || used+grows <= limit)
}

func (all mills) print(now time.Time) string {
	var words []string
	all.each(now, func(who string, h things) {
		for w := range h.words {
			words = append(words, who+" "+w)
		}
		if h.cores > 0 {
			words = append(words, fmt.Sprintf("%s %d cores", who, h.cores))
		}
	})
	slices.Sort(words)
	return strings.Join(words, "; ")
}

// counted prints the same of the store; sums must be right.
func counted(rt *rapid.T, s state.Store, suffix string) string {
	var words []string
	claims, err := s.Claims(ctx, "ip"+suffix)
	if err != nil {
		rt.Fatal(err)
	}
	for _, c := range claims {
		words = append(words, fmt.Sprintf("%s/%s ip %s", strings.TrimSuffix(c.Stack, suffix), c.Address, c.Key))
	}
	ranges, err := s.Ranges(ctx, "cidr"+suffix)
	if err != nil {
		rt.Fatal(err)
	}
	for _, r := range ranges {
		for n := r.Lo[0]; n <= r.Hi[0]; n++ {
			words = append(words, fmt.Sprintf("%s/%s number %d", strings.TrimSuffix(r.Stack, suffix), r.Address, n))
		}
	}
	sum, err := s.Sum(ctx, "quota"+suffix, "cores")
	if err != nil {
		rt.Fatal(err)
	}
	used := int64(0)
	for _, x := range sum.Shares {
		used += x.Amount
		words = append(words, fmt.Sprintf("%s/%s %d cores", strings.TrimSuffix(x.Stack, suffix), x.Address, x.Amount))
	}
	if used != sum.Used {
		rt.Fatalf("shares sum up to %d, and %d are used", used, sum.Used)
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}

// wish draws what somebody asks for, as the model says it and as claims.
func wish(rt *rapid.T, address, suffix string) (things, state.Claims) {
	h := things{words: map[string]bool{}}
	var claims state.Claims
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6", "7"}), 0, 2, rapid.ID[string]).Draw(rt, "keys") {
		h.words["ip "+k] = true
		claims.Take = append(claims.Take, state.Claim{Space: "ip" + suffix, Key: k, Address: address})
	}
	if rapid.IntRange(0, 2).Draw(rt, "range") == 0 {
		lo := rapid.ByteRange(1, 40).Draw(rt, "lo")
		hi := lo + rapid.ByteRange(0, 5).Draw(rt, "length")
		for n := lo; n <= hi; n++ {
			h.words[fmt.Sprintf("number %d", n)] = true
		}
		claims.Ranges = append(claims.Ranges, state.Range{Space: "cidr" + suffix, Lo: []byte{lo}, Hi: []byte{hi}, Address: address})
	}
	if h.cores = rapid.Int64Range(0, 6).Draw(rt, "cores"); h.cores > 0 {
		claims.Shares = append(claims.Shares, state.Share{Space: "quota" + suffix, Key: "cores", Address: address, Amount: h.cores})
	}
	return h, claims
}

// Whatever is begun, extended, ended, reserved, given back and over, in any
// order: everybody has in the ledger just what a simple model says, who is
// refused can't have had it, and what is listed as reserved is what was.
func TestFrontEndLaw(t *testing.T) {
	t.Parallel()
	const limit = 14
	c := &clock{now: time.Now().Round(0)}
	s := fresh(t, sqlite.Clock(c.Now), sqlite.Lease(100_000*time.Hour))
	var checks atomic.Int64
	addresses := rapid.SampledFrom([]string{"a", "b", "c"})
	keys := rapid.SampledFrom([]string{"k1", "k2", "k3"})
	endings := rapid.SampledFrom([]string{"made", "kept", "kept", "failed", "dropped", "gone"})
	rapid.Check(t, func(rt *rapid.T) {
		suffix := fmt.Sprintf("#%d", checks.Add(1))
		ok := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		all := mills{}
		for _, stack := range []string{"erp", "web"} {
			l, err := s.Lock(ctx, stack+suffix, state.Me("test"), 0)
			ok(err)
			defer l.Release()
			all[stack] = &mill{lease: l, has: map[string]things{}, before: map[string]things{}, asked: map[string]things{},
				open: map[string]int64{}, recorded: map[string]bool{}, booked: map[string]booking{}}
		}
		first := all["web"].lease
		run, err := first.Begin(ctx, state.NewRun{Claims: state.Claims{Limits: []state.Limit{{Space: "quota" + suffix, Key: "cores", Max: limit}}}})
		ok(err)
		ok(first.Finish(ctx, run, state.Finish{Status: state.RunDone}))

		// ending is the end of an address's open step, in the model and as it is written.
		claimsOf := map[string]state.Claims{} // of the open steps
		ending := func(m *mill, stack, address string) state.End {
			how := endings.Draw(rt, "ending")
			e := state.End{Step: m.open[address]}
			switch how {
			case "made":
				e.Put = record(address, fmt.Sprint(m.steps))
			case "kept":
				e.Put, e.Keep = record(address, fmt.Sprint(m.steps)), &state.Kept{Address: address, Claims: claimsOf[stack+address]}
			case "failed":
				e.Err = "no"
			case "dropped":
				e.Drop = true
			case "gone":
				e.Remove, e.Release = &state.Ref{Address: address}, address
			}
			m.end(address, how, c.Now())
			return e
		}
		for range rapid.IntRange(1, 30).Draw(rt, "calls") {
			stack := rapid.SampledFrom([]string{"erp", "web"}).Draw(rt, "stack")
			address := addresses.Draw(rt, "address")
			m, who := all[stack], stack+"/"+address
			now := c.Now()
			switch do := rapid.SampledFrom([]string{"extend", "extend", "extend", "end", "finish", "reserve", "reserve", "unreserve", "wait"}).Draw(rt, "do"); do {
			case "extend":
				next := m.copy()
				var more state.Extension
				if next.open[address] != 0 {
					more.Ends = append(more.Ends, ending(next, stack, address))
				}
				if m.run != 0 && rapid.Bool().Draw(rt, "fulfil") {
					more.Fulfil = []string{keys.Draw(rt, "key")}
				}
				h, claims := wish(rt, address, suffix)
				more.Claims = claims
				fulfil := more.Fulfil
				if key, ok := next.at(address, now); ok && !h.none() {
					fulfil = append(slices.Clone(fulfil), key)
				}
				reserved := int64(0) // for the address itself: no growth
				for _, key := range fulfil {
					if b := next.booked[key]; b.address == address && b.until.After(now) {
						reserved = b.has.cores
					}
					delete(next.booked, key)
				}
				fits := all.with(stack, next, reserved).fits(now, who, next.has[address].cores+reserved, h, limit)
				next.before[address], next.asked[address] = next.has[address].copy(), h
				took := next.has[address].copy()
				took.add(h)
				next.has[address] = took
				next.steps++
				next.open[address] = next.steps
				more.Steps = []state.Step{create(address)}
				var err error
				if m.run == 0 {
					next.steps, next.open[address] = 1, 1
					r := newRun(rt, s, stack+suffix, claims, nil)
					r.Steps = more.Steps
					next.run, err = m.lease.Begin(ctx, r)
				} else {
					err = m.lease.Extend(ctx, m.run, more)
				}
				if (err == nil) != fits {
					rt.Fatalf("%s: the model says %t, the store %v", who, fits, err)
				}
				if err == nil {
					all[stack] = next
					claimsOf[stack+address] = claims
				}
			case "end":
				if m.open[address] != 0 {
					e := ending(m, stack, address)
					ok(m.lease.Commit(ctx, m.run, []state.End{e}))
				}
			case "finish":
				if m.run != 0 {
					for a := range m.open {
						m.end(a, "dropped", now)
					}
					ok(m.lease.Finish(ctx, m.run, state.Finish{Status: state.RunDone}))
					m.run = 0
				}
			case "reserve":
				key := keys.Draw(rt, "key")
				h, claims := wish(rt, address, suffix)
				until := now.Add(5 * time.Hour * time.Duration(rapid.IntRange(1, 3).Draw(rt, "hours")))
				next := m.copy()
				had := int64(0)
				if b := next.booked[key]; b.until.After(now) && b.address == address {
					had = b.has.cores
				}
				delete(next.booked, key)
				_, another := next.at(address, now)
				fits := !m.recorded[address] && !another && m.has[address].none() && all.with(stack, next, had).fits(now, who, had, h, limit)
				err := s.Reserve(ctx, stack+suffix, state.Reservation{Key: key, Object: *record(address, "planned"), Claims: claims, Expires: until})
				if (err == nil) != fits {
					rt.Fatalf("%s for %s: the model says %t, the store %v", key, who, fits, err)
				}
				if err == nil {
					next.booked[key] = booking{address, h, until}
					all[stack] = next
				}
			case "unreserve":
				key := keys.Draw(rt, "key")
				ok(s.Unreserve(ctx, stack+suffix, key))
				delete(m.booked, key)
			case "wait":
				c.add(time.Duration(rapid.IntRange(1, 4).Draw(rt, "hours")) * 5 * time.Hour)
			}
			now = c.Now()
			if got, want := counted(rt, s, suffix), all.print(now); got != want {
				rt.Fatalf("got  %s\nwant %s", got, want)
			}
			for name, m := range all {
				var want, got []string
				for key, b := range m.booked {
					if b.until.After(now.Add(-24 * time.Hour)) {
						want = append(want, key+" for "+b.address)
					}
				}
				slices.Sort(want)
				reserved, err := s.Reservations(ctx, name+suffix)
				ok(err)
				for _, r := range reserved {
					got = append(got, r.Key+" for "+r.Object.Address)
				}
				if !slices.Equal(got, want) {
					rt.Fatalf("%s: %q are reserved, not %q", name, got, want)
				}
				snap, err := s.Snapshot(ctx, name+suffix)
				ok(err)
				if (snap.Open != nil) != (m.run != 0) || snap.Open != nil && (snap.Open.Left != len(m.open) || snap.Open.Steps != int(m.steps) || len(snap.Intents) != len(m.open)) {
					rt.Fatalf("%s: open is %+v with %d intents, of %d steps %v", name, snap.Open, len(snap.Intents), m.steps, m.open)
				}
			}
		}
	})
}
