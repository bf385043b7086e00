package sqlite_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// site is what reservations are tried on: stack erp has a with 1, 10-19 and 4
// cores, and for an hour reserved as kr: r with 2, 20-29 and 3 cores. Stack
// web has c with 3. The limit is 10 cores.
type site struct {
	*testing.T
	*clock
	state.Store
	erp, web state.Lease
}

const (
	siteA   = "erp/a has 1; erp/a has 10-19; erp/a has 4 cores"
	siteR   = "erp/r has 2; erp/r has 20-29; erp/r has 3 cores"
	siteC   = "web/c has 3"
	siteAll = siteA + "; " + siteR + "; " + siteC
)

func newSite(t *testing.T) *site {
	c := &clock{now: time.Now().Round(0)}
	s := &site{T: t, clock: c, Store: fresh(t, sqlite.Clock(c.Now))}
	s.erp, s.web = lock(t, s.Store, "erp"), lock(t, s.Store, "web")
	stood(t, s.Store, s.erp, "erp", together(state.Claims{Limits: limit(10)}, state.Claims{Take: ip("a", "1"), Ranges: cidr("a", 10, 19), Shares: cores("a", 4)}), "a")
	stood(t, s.Store, s.web, "web", state.Claims{Take: ip("c", "3")}, "c")
	must(t, s.reserve("erp", "kr", "r", siteClaims()))
	return s
}

func siteClaims() state.Claims {
	return state.Claims{Take: ip("r", "2"), Ranges: cidr("r", 20, 29), Shares: cores("r", 3)}
}

func (s *site) reserve(stack, key, address string, claims state.Claims) error {
	return s.Reserve(ctx, stack, state.Reservation{Key: key, Object: *record(address, "planned"), Claims: claims, Expires: s.Now().Add(time.Hour)})
}

// run starts one with a creation of each address, and claims.
func (s *site) run(l state.Lease, stack string, claims state.Claims, addresses ...string) (int64, error) {
	r := state.NewRun{Serial: snapshot(s, s.Store, stack).Serial, Claims: claims}
	for _, a := range addresses {
		r.Steps = append(r.Steps, create(a))
	}
	return l.Begin(ctx, r)
}

// extended is a run that was begun with nothing, and extended.
func (s *site) extended(more state.Extension) (int64, error) {
	run := begin(s, s.Store, s.erp, "erp", state.Claims{})
	return run, s.erp.Extend(ctx, run, more)
}

func (s *site) limit(n int64) {
	run, err := s.run(s.web, "web", state.Claims{Limits: limit(n)})
	must(s, err)
	finish(s, s.web, run)
}

func TestReservations(t *testing.T) {
	t.Parallel()
	take := func(address string, keys ...string) state.Claims { return state.Claims{Take: ip(address, keys...)} }
	of := func(c state.Claims, address string) state.Claims {
		c = together(c)
		for i := range c.Take {
			c.Take[i].Address = address
		}
		for i := range c.Ranges {
			c.Ranges[i].Address = address
		}
		for i := range c.Shares {
			c.Shares[i].Address = address
		}
		return c
	}
	all := func(address string) state.Claims { return of(siteClaims(), address) }
	const taken = "d asks for ip 2, which r of stack erp holds\nd asks for cidr 14-1d, which r of stack erp holds"
	extension := func(claims state.Claims, fulfil ...string) state.Extension {
		return state.Extension{Claims: claims, Steps: []state.Step{create("r")}, Fulfil: fulfil}
	}
	for _, x := range []struct {
		reason string
		do     func(s *site) error
		says   string // "": no error
		held   string
	}{
		{"what is reserved is held as what an object has", func(s *site) error { return nil }, "", siteAll},

		{"another stack's Begin is refused", func(s *site) error { _, err := s.run(s.web, "web", all("d"), "d"); return err }, taken, siteAll},
		{"so is one of the same stack", func(s *site) error { _, err := s.run(s.erp, "erp", all("d"), "d"); return err }, taken, siteAll},
		{"so is its Extend", func(s *site) error { _, err := s.extended(extension(all("d"))); return err }, taken, siteAll},
		{"so is Ready", func(s *site) error {
			run, err := s.run(s.web, "web", state.Claims{}, "d")
			must(s, err)
			return s.web.Ready(ctx, run, 1, record("d", "ready"), all("d"))
		}, taken, siteAll},
		{"so is another reservation, of its stack or another", func(s *site) error {
			return errors.Join(s.reserve("web", "kd", "d", all("d")), s.reserve("erp", "kd", "d", all("d")))
		}, "reserve for d of stack web: " + taken + "\nreserve for d of stack erp: " + taken, siteAll},
		{"the address that lets go is no reservation", func(s *site) error {
			claims := of(state.Claims{Take: []state.Claim{{Space: "ip", Key: "2", From: "r"}}, Ranges: []state.Range{{Space: "cidr", Lo: []byte{22}, Hi: []byte{23}, From: "r"}}}, "d")
			_, err := s.run(s.erp, "erp", claims, "d")
			return err
		}, taken, siteAll},
		{"what is reserved of a counter is not left", func(s *site) error {
			_, err := s.run(s.web, "web", state.Claims{Shares: cores("d", 4)}, "d")
			return err
		}, "d asks for 4 of quota cores, and 3 are left", siteAll},
		{"a reservation is told all that others hold, an object's and a reserved one, and what is left", func(s *site) error {
			return s.reserve("web", "kd", "d", together(take("d", "1", "2", "9"), state.Claims{Ranges: cidr("d", 19, 19), Shares: cores("d", 4)}))
		}, "d asks for ip 1, which a of stack erp holds\nd asks for ip 2, which r of stack erp holds\nd asks for cidr 0a-13, which a of stack erp holds\nd asks for 4 of quota cores, and 3 are left", siteAll},
		{"nobody lets go of anything for it", func(s *site) error {
			return s.reserve("erp", "kd", "d", of(state.Claims{Take: []state.Claim{{Space: "ip", Key: "1", From: "a"}}}, "d"))
		}, "d asks for ip 1, which a of stack erp holds", siteAll},
		{"what is free it gets", func(s *site) error {
			return s.reserve("web", "kd", "d", together(take("d", "9"), state.Claims{Ranges: cidr("d", 30, 31), Shares: cores("d", 3)}))
		}, "", siteAll + "; web/d has 9; web/d has 30-31; web/d has 3 cores"},

		{"a limit would be changed by a plan", func(s *site) error { return s.reserve("erp", "kd", "d", state.Claims{Limits: limit(99)}) }, "a plan must not change limits", siteAll},
		{"an address that has a record holds things of its own", func(s *site) error { return s.reserve("erp", "kd", "a", take("a", "9")) }, "it has a record", siteAll},
		{"one that a run is about to make does as well", func(s *site) error {
			_, err := s.run(s.erp, "erp", take("d", "9"), "d")
			must(s, err)
			return s.reserve("erp", "kd", "d", take("d", "9"))
		}, "a run is at work on it", siteAll + "; erp/d has 9"},
		{"an address is reserved under one key", func(s *site) error { return s.reserve("erp", "kd", "r", take("r", "9")) }, "reserved already, as kr", siteAll},
		{"when that is over, under another", func(s *site) error { s.add(time.Hour); return s.reserve("erp", "kd", "r", take("r", "9")) }, "", siteA + "; " + siteC + "; erp/r has 9"},
		{"claims of another address would outlive it", func(s *site) error { return s.reserve("erp", "kd", "d", take("e", "9")) }, "it claims for e", siteAll},
		{"it must have a key", func(s *site) error { return s.reserve("erp", "", "d", take("d", "9")) }, "it has no key", siteAll},
		{"it must have an address", func(s *site) error { return s.reserve("erp", "kd", "", state.Claims{}) }, "not an address", siteAll},
		{"one that is over when it is made is a mistake", func(s *site) error {
			return s.Reserve(ctx, "erp", state.Reservation{Key: "kd", Object: *record("d", "x"), Expires: s.Now()})
		}, "over since", siteAll},
		{"another front end's stack", func(s *site) error {
			return s.Reserve(ctx, "erp", state.Reservation{Key: "kd", Object: *record("d", "x"), Front: "terraform", Expires: s.Now().Add(time.Hour)})
		}, "stack erp is kept by cairn, not by terraform", siteAll},
		{"an empty stack that another front end has locked", func(s *site) error {
			lock(s, s.Store, "new")
			return s.Reserve(ctx, "new", state.Reservation{Key: "kd", Object: *record("d", "x"), Front: "terraform", Expires: s.Now().Add(time.Hour)})
		}, "stack new is kept by cairn, not by terraform", siteAll},

		{"it holds until the last moment", func(s *site) error {
			s.add(time.Hour - time.Microsecond)
			_, err := s.run(s.web, "web", all("d"), "d")
			return err
		}, taken, siteAll},
		{"then reads pass it by, before anybody has given it back", func(s *site) error { s.add(time.Hour); return nil }, "", siteA + "; " + siteC},
		{"and Begin gets the same", func(s *site) error { s.add(time.Hour); _, err := s.run(s.web, "web", all("d"), "d"); return err }, "",
			siteA + "; " + siteC + "; web/d has 2; web/d has 20-29; web/d has 3 cores"},
		{"so does Extend", func(s *site) error { s.add(time.Hour); _, err := s.extended(extension(all("d"))); return err }, "",
			siteA + "; " + siteC + "; erp/d has 2; erp/d has 20-29; erp/d has 3 cores"},
		{"so does Ready", func(s *site) error {
			run, err := s.run(s.web, "web", state.Claims{}, "d")
			must(s, err)
			s.add(time.Hour)
			return s.web.Ready(ctx, run, 1, record("d", "ready"), all("d"))
		}, "", siteA + "; " + siteC + "; web/d has 2; web/d has 20-29; web/d has 3 cores"},
		{"so does a reservation", func(s *site) error { s.add(time.Hour); return s.reserve("web", "kd", "d", all("d")) }, "",
			siteA + "; " + siteC + "; web/d has 2; web/d has 20-29; web/d has 3 cores"},
		{"who is refused after an end finds it the same", func(s *site) error {
			s.add(time.Hour)
			return s.reserve("web", "kd", "d", take("d", "1", "2"))
		}, "d asks for ip 1, which a of stack erp holds", siteA + "; " + siteC},

		{"made again, it lasts longer", func(s *site) error {
			s.add(59 * time.Minute)
			must(s, s.reserve("erp", "kr", "r", all("r")))
			s.add(59 * time.Minute)
			return nil
		}, "", siteAll},
		{"under a limit that was lowered meanwhile, as it is no more than it was", func(s *site) error { s.limit(2); return s.reserve("erp", "kr", "r", all("r")) }, "", siteAll},
		{"more of it is refused, and all stays as it was", func(s *site) error {
			s.limit(2)
			return s.reserve("erp", "kr", "r", state.Claims{Take: ip("r", "9"), Shares: cores("r", 4)})
		}, "r asks for 4 of quota cores, and 3 are left", siteAll},
		{"made again with other claims, it holds those", func(s *site) error {
			return s.reserve("erp", "kr", "r", state.Claims{Take: ip("r", "9"), Ranges: cidr("r", 25, 35), Shares: cores("r", 1)})
		}, "", siteA + "; " + siteC + "; erp/r has 9; erp/r has 25-35; erp/r has 1 cores"},
		{"of another address, that holds them", func(s *site) error { return s.reserve("erp", "kr", "q", all("q")) }, "",
			siteA + "; " + siteC + "; erp/q has 2; erp/q has 20-29; erp/q has 3 cores"},
		{"made again after its end, where somebody else was quicker", func(s *site) error {
			s.add(time.Hour)
			must(s, s.reserve("web", "kd", "d", take("d", "2")))
			return s.reserve("erp", "kr", "r", all("r"))
		}, "r asks for ip 2, which d of stack web holds", siteA + "; " + siteC + "; web/d has 2"},
		{"the same key in another stack is another", func(s *site) error { return s.reserve("web", "kr", "r", take("r", "9")) }, "", siteAll + "; web/r has 9"},

		{"given back, it holds nothing", func(s *site) error { return s.Unreserve(ctx, "erp", "kr") }, "", siteA + "; " + siteC},
		{"one that is not there is no error", func(s *site) error {
			return errors.Join(s.Unreserve(ctx, "erp", "no"), s.Unreserve(ctx, "none", "kr"), s.Unreserve(ctx, "web", "kr"))
		}, "", siteAll},

		{"fulfilled and made, it is the object's", func(s *site) error {
			run, err := s.extended(extension(all("r"), "kr"))
			must(s, err)
			must(s, s.erp.Commit(ctx, run, []state.End{{Step: 1, Put: record("r", "made")}}))
			s.add(25 * time.Hour)
			finish(s, s.erp, run)
			return nil
		}, "", siteAll},
		{"fulfilled and failed, all is given back", func(s *site) error {
			run, err := s.extended(extension(all("r"), "kr"))
			must(s, err)
			return s.erp.Commit(ctx, run, []state.End{{Step: 1, Err: "no"}})
		}, "", siteA + "; " + siteC},
		{"fulfilled and left by who was killed, the run's end gives it back", func(s *site) error {
			run, err := s.extended(extension(all("r"), "kr"))
			must(s, err)
			must(s, s.ForceUnlock(ctx, "erp", s.erp.Fence()))
			return lock(s, s.Store, "erp").Finish(ctx, run, state.Finish{Status: state.RunInterrupted})
		}, "", siteA + "; " + siteC},
		{"fulfilled under a limit that was lowered meanwhile", func(s *site) error { s.limit(2); _, err := s.extended(extension(all("r"), "kr")); return err }, "", siteAll},
		{"fulfilled in part, the rest is given back", func(s *site) error {
			_, err := s.extended(extension(together(take("r", "9"), state.Claims{Ranges: cidr("r", 22, 23)}), "kr"))
			return err
		}, "", siteA + "; " + siteC + "; erp/r has 9; erp/r has 22-23"},
		{"with less of a counter and more, too", func(s *site) error {
			_, err := s.extended(extension(state.Claims{Shares: cores("r", 6)}, "kr"))
			return err
		}, "", siteA + "; " + siteC + "; erp/r has 6 cores"},
		{"for a step of another address, who takes it", func(s *site) error { _, err := s.extended(extension(all("d"), "kr")); return err }, "",
			siteA + "; " + siteC + "; erp/d has 2; erp/d has 20-29; erp/d has 3 cores"},
		{"not named, it is fulfilled by what a run claims for its address", func(s *site) error {
			run, err := s.run(s.erp, "erp", take("r", "2"), "r")
			must(s, err)
			s.add(25 * time.Hour)
			return s.erp.Commit(ctx, run, []state.End{{Step: 1, Put: record("r", "made")}})
		}, "", siteA + "; " + siteC + "; erp/r has 2"},
		{"a key of none is no error", func(s *site) error { _, err := s.extended(extension(take("r", "9"), "no")); return err }, "", siteA + "; " + siteC + "; erp/r has 9"},
		{"of one that is over all is taken anew", func(s *site) error { s.add(time.Hour); _, err := s.extended(extension(all("r"), "kr")); return err }, "", siteAll},
		{"if it is still there", func(s *site) error {
			s.add(time.Hour)
			must(s, s.reserve("web", "kd", "d", take("d", "2")))
			_, err := s.extended(extension(all("r"), "kr"))
			return err
		}, "r asks for ip 2, which d of stack web holds", siteA + "; " + siteC + "; web/d has 2"},
		{"who is refused has fulfilled nothing", func(s *site) error { _, err := s.extended(extension(take("r", "3"), "kr")); return err },
			"r asks for ip 3, which c of stack web holds", siteAll},

		{"a record that comes to the address puts an end to it", func(s *site) error {
			return s.erp.Edit(ctx, "import", []state.End{{Put: record("r", "x")}})
		}, "", siteA + "; " + siteC},
		{"so does one that is moved there, which keeps what it has", func(s *site) error {
			must(s, s.erp.Edit(ctx, "mv", []state.End{{Move: &state.Move{From: state.Ref{Address: "a"}, To: state.Ref{Address: "r"}}}}))
			s.add(time.Hour)
			return nil
		}, "", strings.ReplaceAll(siteA, "erp/a", "erp/r") + "; " + siteC},
		{"so does its release", func(s *site) error { return s.erp.Edit(ctx, "edit", []state.End{{Release: "r"}}) }, "", siteA + "; " + siteC},
	} {
		t.Run(x.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if err := x.do(s); x.says == "" && err != nil || x.says != "" && (err == nil || !strings.Contains(err.Error(), x.says)) {
				t.Errorf("got %v", err)
			} else if one := (*state.ClaimedError)(nil); strings.Contains(x.says, " asks for ") && !errors.As(err, &one) {
				t.Errorf("a %T", err)
			} else if strings.Contains(x.says, "is kept by") && !errors.Is(err, state.ErrFront) {
				t.Errorf("a %T", err)
			}
			if got := held(t, s.Store, ""); got != sorted(x.held) {
				t.Errorf("got  %s\nwant %s", got, sorted(x.held))
			}
		})
	}
}

// It comes back as it went in, is listed for a day after its end, and then no
// longer, whether somebody has taken its row away or not.
func TestReservationsAreListed(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now().Round(0)}
	path := filepath.Join(t.TempDir(), "cairn.db")
	s, err := sqlite.Open(ctx, path, sqlite.Clock(c.Now))
	must(t, err)
	object := *record("b", "planned")
	object.Secret, object.Tainted, object.CreateBeforeDestroy, object.Unheard, object.Deposed = []byte("sealed"), true, true, true, "old"
	full := state.Reservation{Key: "b", Object: object, Front: "terraform", Expires: c.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
		Claims: state.Claims{Take: ip("b", "2", "1"), Ranges: append(cidr("b", 3, 4), cidr("b", 1, 1)...), Shares: append(cores("b", 2), state.Share{Space: "host", Key: "kvm1", Address: "b", Amount: 1})}}
	must(t, s.Reserve(ctx, "erp", full))
	must(t, s.Reserve(ctx, "erp", state.Reservation{Key: "a", Object: state.Record{Address: "a"}, Front: "terraform", Expires: c.Now().Add(2 * time.Hour)}))
	must(t, s.Reserve(ctx, "web", state.Reservation{Key: "c", Object: state.Record{Address: "c"}, Expires: c.Now().Add(time.Hour)}))
	must(t, s.Close()) // as when its process is killed: it is a plan's, which has ended

	s = open(t, path, sqlite.Clock(c.Now))
	all, err := s.Reservations(ctx, "erp")
	must(t, err)
	full.Claims = state.Claims{Take: ip("b", "1", "2"), Ranges: append(cidr("b", 1, 1), cidr("b", 3, 4)...), Shares: append([]state.Share{{Space: "host", Key: "kvm1", Address: "b", Amount: 1}}, cores("b", 2)...)}
	want, err := json.Marshal(full)
	must(t, err)
	if len(all) != 2 || all[0].Key != "a" || all[0].Object.Address != "a" {
		t.Fatalf("reserved: %+v", all)
	}
	got, err := json.Marshal(all[1])
	if must(t, err); string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := held(t, s, ""); got != "erp/b has 1; erp/b has 1-1; erp/b has 2; erp/b has 2 cores; erp/b has 3-4" {
		t.Errorf("held: %s", got)
	}

	listed := func() string {
		all, err := s.Reservations(ctx, "erp")
		must(t, err)
		var keys []string
		for _, r := range all {
			keys = append(keys, r.Key)
		}
		return strings.Join(keys, " ")
	}
	rows := func() int {
		return number(t, path, `SELECT count(*) FROM reservations`)
	}
	something := func() { // that takes claims
		t.Helper()
		must(t, s.Reserve(ctx, "other", state.Reservation{Key: "x", Object: state.Record{Address: "x"}, Expires: c.Now().Add(time.Minute)}))
	}
	for _, x := range []struct {
		reason string
		passed time.Duration
		listed string
		rows   int // after something was claimed
	}{
		{"they are not over", 59 * time.Minute, "a b", 4},
		{"b is over", time.Minute, "a b", 4},
		{"both are", 23 * time.Hour, "a b", 4},
		{"a day has passed since b's end, and its row is gone, as that of web's", time.Hour, "a", 2},
		{"since a's, too", time.Hour, "", 1},
	} {
		c.add(x.passed)
		if got := listed(); got != x.listed {
			t.Errorf("%s: listed are %q", x.reason, got)
		}
		something()
		if got := listed(); got != x.listed {
			t.Errorf("%s: after something was claimed, listed are %q", x.reason, got)
		}
		if got := rows(); got != x.rows {
			t.Errorf("%s: %d rows", x.reason, got)
		}
	}
}

// Who only looks is not disturbed by others' plans: no serial changes, no run
// is written, and the lock's holder goes on.
func TestReservingLeavesTheStackAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := whole(t, s.Store, "erp")
	run, err := s.run(s.erp, "erp", state.Claims{}, "d")
	must(t, err)
	finish(t, s.erp, run)
	between := whole(t, s.Store, "erp")
	must(t, s.reserve("erp", "ke", "e", state.Claims{Take: ip("e", "9")}))
	must(t, s.Unreserve(ctx, "erp", "ke"))
	if after := whole(t, s.Store, "erp"); after != between || after == before {
		t.Errorf("it was %s\nand is %s", between, after)
	}
}
