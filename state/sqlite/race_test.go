//go:build linux

package sqlite_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// race is told keys, and says of each whether it got the claim.
func race(get func(key string) error) error {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var claimed *state.ClaimedError
		switch err := get(in.Text()); {
		case err == nil:
			fmt.Println("got it")
		case errors.As(err, &claimed):
			fmt.Println(claimed)
		default:
			return err
		}
	}
	return nil
}

func takeOne(path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	l, err := s.Lock(ctx, "erp", state.Me("take"), 0)
	if err != nil {
		return err
	}
	var run, serial int64
	return race(func(key string) error {
		if run != 0 { // from the key before
			if err := l.Finish(ctx, run, state.Finish{Status: state.RunDone}); err != nil {
				return err
			}
			serial += 2
		}
		a := "a" + key
		run, err = l.Begin(ctx, state.NewRun{Serial: serial, Claims: state.Claims{Take: ip(a, key)}})
		return err
	})
}

func reserveOne(path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	return race(func(key string) error {
		a := "r" + key
		if err := s.Unreserve(ctx, "web", "before"); err != nil { // about as long as the other's way
			return err
		}
		return s.Reserve(ctx, "web", state.Reservation{Key: key, Object: *record(a, "planned"), Claims: state.Claims{Take: ip(a, key)}, Expires: time.Now().Add(time.Hour)})
	})
}

// Of one that begins a run and one that reserves at the same moment, one gets
// the claim, and the other is told who.
func TestRaceForClaims(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	s := open(t, path)
	take, reserve := spawn(t, "take", path), spawn(t, "reserve", path)
	for _, c := range []*child{take, reserve} {
		c.line(t)
	}
	for i := range 60 {
		key := strconv.Itoa(i)
		for _, c := range []*child{take, reserve} {
			_, err := io.WriteString(c.in, key+"\n")
			must(t, err)
		}
		got := take.line(t) + "; " + reserve.line(t)
		claims, err := s.Claims(ctx, "ip")
		must(t, err)
		holder := ""
		for _, c := range claims {
			if c.Key == key {
				holder = c.Stack + "/" + c.Address
			}
		}
		want := map[string]string{
			"erp/a" + key: "got it; r" + key + " asks for ip " + key + ", which a" + key + " of stack erp holds",
			"web/r" + key: "a" + key + " asks for ip " + key + ", which r" + key + " of stack web holds; got it",
		}[holder]
		if got != want {
			t.Errorf("%s has %s, and they say: %s", holder, key, got)
		}
	}
}

// extendForever reserves for an object, extends its run by it, which ends the
// one before, fulfils and claims, and so on until it is killed.
func extendForever(path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	l, err := s.Lock(ctx, "erp", as("terraform"), 0)
	if err != nil {
		return err
	}
	snap, err := s.Snapshot(ctx, "erp")
	if err != nil {
		return err
	}
	run, err := l.Begin(ctx, state.NewRun{Serial: snap.Serial})
	if err != nil {
		return err
	}
	for i := int64(1); ; i++ {
		a := fmt.Sprintf("r%d.%d", run, i)
		claims := state.Claims{Take: ip(a, a), Shares: cores(a, 2)}
		if err := s.Reserve(ctx, "erp", state.Reservation{Key: a, Object: *record(a, "planned"), Front: "terraform", Claims: claims, Expires: time.Now().Add(time.Hour)}); err != nil {
			return err
		}
		more := state.Extension{Steps: []state.Step{create(a)}, Claims: claims, Fulfil: []string{a}}
		if i > 1 {
			more.Ends = []state.End{{Step: i - 1, Put: record(fmt.Sprintf("r%d.%d", run, i-1), "made")}}
		}
		if err := l.Extend(ctx, run, more); err != nil {
			return err
		}
		if i == 2 {
			fmt.Println("running")
		}
	}
}

// Killed at any moment, everything claimed belongs to a record, an intent or a
// reservation, and each of them has what is its own.
func TestKilledWhileExtending(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	intents := 0
	for range 8 {
		c := spawn(t, "extend", path)
		c.line(t)
		time.Sleep(time.Duration(rand.N(20)) * time.Millisecond)
		c.kill()

		s := open(t, path)
		check := func() {
			t.Helper()
			snap := snapshot(t, s, "erp")
			var want []string
			for _, r := range snap.Records {
				want = append(want, r.Address)
			}
			for _, i := range snap.Intents {
				want = append(want, i.Address)
			}
			all, err := s.Reservations(ctx, "erp")
			must(t, err)
			for _, r := range all {
				want = append(want, r.Object.Address)
			}
			slices.Sort(want)
			var got, shares []string
			claims, err := s.Claims(ctx, "ip")
			must(t, err)
			for _, c := range claims {
				got = append(got, c.Address)
			}
			slices.Sort(got)
			sum, err := s.Sum(ctx, "quota", "cores")
			must(t, err)
			for _, x := range sum.Shares {
				shares = append(shares, x.Address)
			}
			slices.Sort(shares)
			if !slices.Equal(got, want) || !slices.Equal(shares, want) || sum.Used != int64(2*len(want)) {
				t.Fatalf("there are   %q\nclaims have  %q\nshares %d of %q", want, got, sum.Used, shares)
			}
			if snap.Open != nil && (snap.Open.Left != len(snap.Intents) || snap.Open.Left != 1) {
				t.Errorf("the open run is there in part: %+v with %d intents", snap.Open, len(snap.Intents))
			}
		}
		check()
		snap := snapshot(t, s, "erp")
		intents += len(snap.Intents)
		l, err := s.Lock(ctx, "erp", as("terraform"), 5*time.Second)
		must(t, err)
		must(t, l.Finish(ctx, snap.Open.ID, state.Finish{Status: state.RunInterrupted}))
		check()
		all, err := s.Reservations(ctx, "erp")
		must(t, err)
		for _, r := range all {
			must(t, s.Unreserve(ctx, "erp", r.Key))
		}
		check()
		if all, err := s.Reservations(ctx, "erp"); err != nil || len(all) != 0 {
			t.Errorf("all was given back, and there are %v, %v", all, err)
		}
		must(t, l.Release())
		must(t, s.Close())
	}
	if intents != 8 {
		t.Errorf("%d intents were left by 8 runs that were killed", intents)
	}
}
