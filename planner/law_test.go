package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/planner"
)

// drawStack writes a random stack of things that use earlier ones, by known ids
// or by what only the system tells.
func drawStack(t *rapid.T, label string) string {
	var b strings.Builder
	names := []string{"a", "b", "c", "d", "e", "f"}
	there := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, label+" names")
	slices.Sort(there)
	at := map[string]string{} // the address of each
	for i, n := range there {
		fmt.Fprintf(&b, "resource \"thing\" %q {\n  name = %q\n", n, n)
		at[n] = "thing." + n
		if rapid.IntRange(0, 3).Draw(t, label+" count "+n) == 0 { // which it gains or loses from one stack to the next
			b.WriteString("  count = 1\n")
			at[n] += "[0]"
		}
		if kind := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, label+" kind "+n); kind != "" {
			fmt.Fprintf(&b, "  kind = %q\n", kind)
		}
		fmt.Fprintf(&b, "  mode = %q\n", rapid.SampledFrom([]string{"m", "n"}).Draw(t, label+" mode "+n))
		if rapid.IntRange(0, 3).Draw(t, label+" seat "+n) == 0 {
			fmt.Fprintf(&b, "  seat = %q\n", "s"+n)
		}
		var uses []string
		for _, earlier := range there[:i] {
			switch rapid.IntRange(0, 3).Draw(t, label+" use "+n+earlier) {
			case 0:
				uses = append(uses, at[earlier]+".id")
			case 1:
				uses = append(uses, at[earlier]+".token")
			}
		}
		if uses != nil {
			fmt.Fprintf(&b, "  uses = [%s]\n", strings.Join(uses, ", "))
		}
		if rapid.IntRange(0, 3).Draw(t, label+" first "+n) == 0 {
			b.WriteString("  lifecycle {\n    create_before_destroy = true\n  }\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// From any stack to any other: apply, and nothing is left to do; what the system
// holds is what the records say; destroy, and nothing is left at all.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := newLab(t)
		if rapid.Bool().Draw(r, "several at once") {
			l = newBatchLab(t)
		}
		defer l.shut()
		for _, label := range []string{"first", "second"} {
			config := drawStack(r, label)
			if out, err := l.apply(config, planner.Options{}); err != nil {
				r.Fatalf("apply: %v %v\n%s", err, failures(out), config)
			}
			if again := l.plan(config, planner.Options{}); !again.Empty() {
				r.Fatalf("apply left something to do: %v\n%s", said(again), config)
			}
			l.agree(r)
		}
		if out, err := l.apply("", planner.Options{Destroy: true}); err != nil {
			r.Fatalf("destroy: %v %v", err, failures(out))
		}
		if left := l.addresses(); len(left) > 0 || len(l.room.things) > 0 || len(l.claims()) > 0 {
			r.Fatalf("destroy left %v, %d things, claims %v", left, len(l.room.things), l.claims())
		}
	})
}

// An apply in which any one call fails, and then one in which none does, come to
// the same end as if nothing had failed.
func TestAnyCallMayFail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := newLab(t)
		if rapid.Bool().Draw(r, "several at once") {
			l = newBatchLab(t)
		}
		defer l.shut()
		first, second := drawStack(r, "first"), drawStack(r, "second")
		if out, err := l.apply(first, planner.Options{}); err != nil {
			r.Fatalf("apply: %v %v", err, failures(out))
		}
		l.room.take()
		at, effect := rapid.IntRange(0, 8).Draw(r, "call that fails"), rapid.Bool().Draw(r, "after its effect")
		n := 0
		broken := func(string) error {
			if n++; n-1 == at {
				return fmt.Errorf("the wire was cut")
			}
			return nil
		}
		if effect {
			l.room.late = broken
		} else {
			l.room.fail = broken
		}
		_, failed := l.apply(second, planner.Options{})
		l.room.fail, l.room.late = nil, nil
		if failed == nil && n > at {
			r.Fatalf("call %d failed and the apply did not", at)
		}
		if out, err := l.apply(second, planner.Options{}); err != nil {
			r.Fatalf("the next apply: %v %v\n%s\n%s", err, failures(out), first, second)
		}
		if again := l.plan(second, planner.Options{}); !again.Empty() {
			r.Fatalf("something is left to do: %v", said(again))
		}
		l.agree(r)
	})
}

// agree checks that records and things are the same set, and that no claim is
// without its object.
func (l *lab) agree(r *rapid.T) {
	snap, err := l.site.Store.Snapshot(l.Context(), "test")
	if err != nil {
		r.Fatal(err)
	}
	addresses := map[string]bool{}
	for _, x := range snap.Records {
		addresses[x.Address] = true
		if x.Deposed != "" {
			r.Fatalf("%s is left deposed", x.Address)
		}
		if _, ok := l.room.things[x.ID]; !ok && x.Type == "thing" {
			r.Fatalf("%s is recorded and not there", x.Address)
		}
	}
	if len(l.room.things) != len(snap.Records) {
		r.Fatalf("%d things and %d records: something is orphaned", len(l.room.things), len(snap.Records))
	}
	for _, c := range l.claims() {
		if _, address, _ := strings.Cut(c, " "); !addresses[address] {
			r.Fatalf("the claim %s is leaked", c)
		}
	}
}
