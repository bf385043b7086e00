package planner_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
)

// block writes a thing.
func block(name string, attributes ...string) string {
	return "resource \"thing\" \"" + name + "\" {\n  name = \"" + name + "\"\n  " + strings.Join(attributes, "\n  ") + "\n}\n"
}

const first = `lifecycle { create_before_destroy = true }`

// Each case applies a stack, changes the configuration (or the world), and says
// what the plan is then and in which order the driver is called.
func TestPlans(t *testing.T) {
	t.Parallel()
	// b uses a.
	ab := func(a, b string) string {
		return block("a", a) + block("b", b, "uses = [thing.a.id]")
	}
	abc := func(a string) string {
		return block("a", a) + block("b", "uses = [thing.a.id]") + block("c", "uses = [thing.b.id]")
	}
	for _, c := range []struct {
		reason  string
		before  string
		taint   string // makes the create of this thing fail half-way in before
		after   string
		options planner.Options
		plan    []string
		calls   []string
		refused string // part of the complaint
	}{
		{
			reason: "what depends on another is created after it",
			after:  abc(""),
			plan:   []string{"create thing.a", "create thing.b", "create thing.c"},
			calls:  []string{"create a", "create b", "create c"},
		},
		{
			reason: "nothing changed, nothing to do",
			before: abc(""), after: abc(""),
		},
		{
			reason: "an update in place touches nobody else",
			before: ab("size = 1", ""), after: ab("size = 2", ""),
			plan:  []string{"update thing.a"},
			calls: []string{"update a"},
		},
		{
			reason: "destroying goes against the order of creation",
			before: abc(""), after: abc(""), options: planner.Options{Destroy: true},
			plan:  []string{"delete thing.a", "delete thing.b", "delete thing.c"},
			calls: []string{"delete c", "delete b", "delete a"},
		},
		{
			reason: "objects that left the configuration go in the recorded order, although nothing names them any more",
			before: abc(""), after: "",
			plan: []string{
				"delete thing.a delete_because_no_resource_config",
				"delete thing.b delete_because_no_resource_config",
				"delete thing.c delete_because_no_resource_config",
			},
			calls: []string{"delete c", "delete b", "delete a"},
		},
		{
			reason: "both replaced, destroy first: B_d, A_d, A_c, B_c",
			before: ab(`kind = "x"`, `kind = "x"`), after: ab(`kind = "y"`, `kind = "y"`),
			plan:  []string{"delete, then create thing.a replace_because_cannot_update", "delete, then create thing.b replace_because_cannot_update"},
			calls: []string{"delete b", "delete a", "create a", "create b"},
		},
		{
			reason: "A replaced destroy first, B only updated: it follows the new A",
			before: ab(`kind = "x"`, ""), after: ab(`kind = "y"`, ""),
			plan:  []string{"delete, then create thing.a replace_because_cannot_update", "update thing.b"},
			calls: []string{"delete a", "create a", "update b"},
		},
		{
			reason: "A is create-before-destroy, both replaced: B_d, A_c, B_c, A_d",
			before: ab("kind = \"x\"\n"+first, `kind = "x"`), after: ab("kind = \"y\"\n"+first, `kind = "y"`),
			plan:  []string{"create, then delete thing.a replace_because_cannot_update", "delete, then create thing.b replace_because_cannot_update"},
			calls: []string{"create a", "delete b", "create b", "delete a"},
		},
		{
			reason: "A is create-before-destroy, B only updated: A_c, B_u, A_d",
			before: ab("kind = \"x\"\n"+first, ""), after: ab("kind = \"y\"\n"+first, ""),
			plan:  []string{"create, then delete thing.a replace_because_cannot_update", "update thing.b"},
			calls: []string{"create a", "update b", "delete a"},
		},
		{
			reason: "B is create-before-destroy and forces A to be: A_c, B_c, B_d, A_d",
			before: ab(`kind = "x"`, "kind = \"x\"\n"+first), after: ab(`kind = "y"`, "kind = \"y\"\n"+first),
			plan:  []string{"create, then delete thing.a replace_because_cannot_update", "create, then delete thing.b replace_because_cannot_update"},
			calls: []string{"create a", "create b", "delete b", "delete a"},
		},
		{
			reason: "a forced create-before-destroy is recorded and counts when the block that forced it is gone",
			before: ab(`kind = "x"`, "kind = \"x\"\n"+first), after: block("a", `kind = "y"`),
			plan:  []string{"create, then delete thing.a replace_because_cannot_update", "delete thing.b delete_because_no_resource_config"},
			calls: []string{"create a", "delete b", "delete a"},
		},
		{
			reason: "who lets go of what leaves is changed before it leaves",
			before: ab("", ""), after: block("b"),
			plan:  []string{"delete thing.a delete_because_no_resource_config", "update thing.b"},
			calls: []string{"update b", "delete a"},
		},
		{
			reason: "the last of a count goes, and the order holds through it",
			before: "resource \"thing\" \"a\" {\n count = 3\n name = \"a${count.index}\"\n}\n" + block("b", "uses = thing.a[*].id"),
			after:  "resource \"thing\" \"a\" {\n count = 2\n name = \"a${count.index}\"\n}\n" + block("b", "uses = thing.a[*].id"),
			plan:   []string{"delete thing.a[2] delete_because_count_index", "update thing.b"},
			calls:  []string{"update b", "delete a2"},
		},
		{
			reason: "a key that left for_each goes",
			before: "resource \"thing\" \"a\" {\n for_each = toset([\"x\", \"y\"])\n name = each.key\n}\n",
			after:  "resource \"thing\" \"a\" {\n for_each = toset([\"y\"])\n name = each.key\n}\n",
			plan:   []string{`delete thing.a["x"] delete_because_each_key`},
			calls:  []string{"delete x"},
		},
		{
			reason: "a count that became a for_each has wrong keys",
			before: "resource \"thing\" \"a\" {\n count = 1\n name = \"one\"\n}\n",
			after:  "resource \"thing\" \"a\" {\n for_each = toset([\"y\"])\n name = each.key\n}\n",
			plan:   []string{"delete thing.a[0] delete_because_wrong_repetition", `create thing.a["y"]`},
			calls:  []string{"create y", "delete one"},
		},
		{
			reason: "a count that a block gained is its first instance",
			before: block("a"), after: "resource \"thing\" \"a\" {\n count = 1\n name = \"a\"\n}\n",
			plan: []string{"no-op thing.a[0]"},
		},
		{
			reason: "and one that it lost, too",
			before: "resource \"thing\" \"a\" {\n count = 1\n name = \"a\"\n}\n", after: block("a"),
			plan: []string{"no-op thing.a"},
		},
		{
			reason: "a half-made object is replaced",
			before: block("a"), taint: "create a", after: block("a"),
			plan:  []string{"delete, then create thing.a replace_because_tainted"},
			calls: []string{"delete a", "create a"},
		},
		{
			reason: "-replace replaces what would stay",
			before: ab("", ""), after: ab("", ""), options: planner.Options{Replace: []address.Object{{Type: "thing", Name: "a"}}},
			plan:  []string{"delete, then create thing.a replace_by_request", "update thing.b"},
			calls: []string{"delete a", "create a", "update b"},
		},
		{
			reason: "replace_triggered_by follows an update of what it names",
			before: ab("size = 1", "lifecycle {\n replace_triggered_by = [thing.a.size]\n}"), after: ab("size = 2", "lifecycle {\n replace_triggered_by = [thing.a.size]\n}"),
			plan:  []string{"update thing.a", "delete, then create thing.b replace_by_triggers"},
			calls: []string{"delete b", "update a", "create b"},
		},
		{
			reason: "replace_triggered_by an attribute leaves other changes alone",
			before: ab("size = 1", "lifecycle {\n replace_triggered_by = [thing.a.mode]\n}"), after: ab("size = 2", "lifecycle {\n replace_triggered_by = [thing.a.mode]\n}"),
			plan:  []string{"update thing.a"},
			calls: []string{"update a"},
		},
		{
			reason: "ignore_changes keeps what is there",
			before: block("a", "size = 1"), after: block("a", "size = 2", "lifecycle {\n ignore_changes = [size]\n}"),
		},
		{
			reason: "a moved object keeps its id and is not touched",
			before: block("a"), after: "resource \"thing\" \"b\" {\n name = \"a\"\n}\nmoved {\n from = thing.a\n to = thing.b\n}\n",
			plan: []string{"no-op thing.b"},
		},
		{
			reason: "moves follow each other",
			before: block("a"), after: "resource \"thing\" \"c\" {\n name = \"a\"\n}\nmoved {\n from = thing.a\n to = thing.b\n}\nmoved {\n from = thing.b\n to = thing.c\n}\n",
			plan: []string{"no-op thing.c"},
		},
		{
			reason: "a move into an instance",
			before: block("a"), after: "resource \"thing\" \"b\" {\n for_each = toset([\"k\"])\n name = \"a\"\n}\nmoved {\n from = thing.a\n to = thing.b[\"k\"]\n}\n",
			plan: []string{`no-op thing.b["k"]`},
		},
		{
			reason: "a move to an address that is taken is passed over, and planned from where it is",
			before: block("a") + block("b"), after: block("b") + "moved {\n from = thing.a\n to = thing.b\n}\n",
			plan:  []string{"delete thing.a delete_because_no_resource_config"},
			calls: []string{"delete a"},
		},
		{
			reason: "removed forgets without destroying",
			before: block("a"), after: "removed {\n from = thing.a\n lifecycle {\n destroy = false\n }\n}\n",
			plan: []string{"forget thing.a delete_because_no_resource_config"},
		},
		{
			reason: "-target plans what is named and what it depends on",
			after:  abc("") + block("d"), options: planner.Options{Targets: target("thing.b")},
			plan:  []string{"create thing.a", "create thing.b"},
			calls: []string{"create a", "create b"},
		},
		{
			reason: "-destroy -target takes what depends on it along",
			before: abc("") + block("d"), after: abc("") + block("d"), options: planner.Options{Destroy: true, Targets: target("thing.b")},
			plan:  []string{"delete thing.b", "delete thing.c"},
			calls: []string{"delete c", "delete b"},
		},
		{
			reason: "a smaller size is refused, never a silent replacement",
			before: block("a", "size = 2"), after: block("a", "size = 1"),
			refused: "size can only grow",
		},
		{
			reason: "prevent_destroy stops a replacement",
			before: block("a", `kind = "x"`), after: block("a", `kind = "y"`, "lifecycle {\n prevent_destroy = true\n}"),
			refused: "must not be destroyed",
		},
		{
			reason: "a pinned seat can't be held twice: create-before-destroy falls back, and says so",
			before: block("a", `kind = "x"`, `seat = "s1"`, first), after: block("a", `kind = "y"`, `seat = "s1"`, first),
			plan:  []string{"delete, then create thing.a replace_because_cannot_update"},
			calls: []string{"delete a", "create a"},
		},
		{
			reason: "a seat passes from one that leaves to one that comes",
			before: block("a", `seat = "s1"`), after: block("b", `seat = "s1"`),
			plan:  []string{"delete thing.a delete_because_no_resource_config", "create thing.b"},
			calls: []string{"delete a", "create b"},
		},
		{
			reason: "a seat that stays can't be had",
			before: block("a", `seat = "s1"`), after: block("a", `seat = "s1"`) + block("b", `seat = "s1"`),
			refused: "taken",
		},
		{
			reason: "two that name each other's ids are no circle of steps",
			after:  block("a", "uses = [thing.b.id]") + block("b", "uses = [thing.a.id]"),
			plan:   []string{"create thing.a", "create thing.b"},
			calls:  []string{"create a", "create b"},
		},
		{
			reason: "when one of two that name each other is replaced, the other follows its new id",
			before: block("a", "uses = [thing.b.id]", `kind = "x"`) + block("b", "uses = [thing.a.id]"),
			after:  block("a", "uses = [thing.b.id]", `kind = "y"`) + block("b", "uses = [thing.a.id]"),
			plan:   []string{"delete, then create thing.a replace_because_cannot_update", "update thing.b"},
			calls:  []string{"update b", "delete a", "create a"},
		},
		{
			reason: "and they can be destroyed",
			before: block("a", "uses = [thing.b.id]") + block("b", "uses = [thing.a.id]"), after: "",
			plan:  []string{"delete thing.a delete_because_no_resource_config", "delete thing.b delete_because_no_resource_config"},
			calls: []string{"delete a", "delete b"},
		},
		{
			reason:  "a circle through what only the system tells is refused, the whole loop named",
			after:   block("a", "uses = [thing.b.token]") + block("b", "uses = [thing.a.token]"),
			refused: "thing.b",
		},
		{
			reason: "what is known only after apply waits for it",
			after:  block("a") + block("b", "uses = [thing.a.token]"),
			plan:   []string{"create thing.a", "create thing.b"},
			calls:  []string{"create a", "create b"},
		},
		{
			reason: "an order through locals and outputs of modules is kept",
			before: "", after: block("a") + "module \"m\" {\n source = \"./m\"\n up = local.l\n}\nlocals {\n l = thing.a.token\n}\n" + block("z", "uses = [module.m.out]"),
			plan:  []string{"create thing.a", "create thing.z", "create module.m.thing.in"},
			calls: []string{"create a", "create in", "create z"},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.write("m/m.stack.hcl", "variable \"up\" {}\n"+block("in", "uses = [var.up]")+"output \"out\" {\n value = thing.in.token\n}\n")
			if c.before != "" {
				if c.taint == "" {
					l.mustApply(c.before)
				} else {
					l.halfMake(c.before, c.taint)
				}
				l.room.take()
			}
			p, diags := l.tryPlan(c.after, c.options)
			if c.refused != "" {
				if !diags.HasErrors() || !strings.Contains(text(diags), c.refused) {
					t.Fatalf("want a complaint with %q, got %v", c.refused, text(diags))
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(text(diags))
			}
			if got := said(p); !slices.Equal(got, c.plan) {
				t.Errorf("plan:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.plan, "\n  "))
			}
			if out, err := l.apply(c.after, c.options); err != nil {
				t.Fatalf("apply: %v %v", err, failures(out))
			}
			if got := l.room.take(); !slices.Equal(got, c.calls) {
				t.Errorf("calls: %s\nwant:  %s", strings.Join(got, ", "), strings.Join(c.calls, ", "))
			}
			if c.options.Targets == nil && !c.options.Destroy {
				again := l.plan(c.after, planner.Options{})
				if !again.Empty() && c.options.Replace == nil {
					t.Errorf("apply left something to do: %v", said(again))
				}
			}
		})
	}
}

// halfMake applies a stack whose driver makes one thing and then fails.
func (l *lab) halfMake(config, call string) {
	l.Helper()
	l.room.half = map[string]error{call: errors.New("the wire was cut")}
	if _, err := l.apply(config, planner.Options{}); err == nil {
		l.Fatal("the apply was to fail")
	}
	l.room.half = nil
	if got := l.addresses(); !slices.ContainsFunc(got, func(a string) bool { return strings.HasSuffix(a, "tainted") }) {
		l.Fatalf("nothing is tainted: %v", got)
	}
}

func target(s string) []address.Target {
	t, err := address.ParseTarget(s)
	if err != nil {
		panic(err)
	}
	return []address.Target{t}
}

func text(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Summary + ": " + d.Detail + "\n")
	}
	return b.String()
}

// An import block brings an object that others made under its address, and the
// plan makes it what the configuration says.
func TestImport(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.room.things["foreign-1"] = Thing{ID: "foreign-1", Name: "theirs", Mode: "m", Token: "token-fore"}
	config := block("a", `mode = "n"`) + "import {\n to = thing.a\n id = \"foreign-1\"\n}\n"
	p := l.plan(config, planner.Options{})
	if got := said(p); !slices.Equal(got, []string{"update thing.a"}) || p.Changes[0].Imported != "foreign-1" {
		t.Fatalf("plan: %v", got)
	}
	l.mustApply(config)
	if x := l.room.things["foreign-1"]; len(l.room.things) != 1 || x.Name != "a" || x.Mode != "n" {
		t.Errorf("the room holds %v", l.room.things)
	}
	if p := l.plan(config, planner.Options{}); !p.Empty() {
		t.Errorf("something is left to do: %v", said(p))
	}
	if _, diags := l.tryPlan(config+block("b")+"import {\n to = thing.b\n id = \"nobody\"\n}\n", planner.Options{}); !diags.HasErrors() {
		t.Error("an import of nothing was taken")
	}
	again, err := address.Parse("thing.a")
	if err != nil {
		t.Fatal(err)
	}
	if _, diags := l.tryPlan(config, planner.Options{Adopt: []planner.Adoption{{To: again, ID: "foreign-1"}}}); !diags.HasErrors() {
		t.Error("an address with an object took another one")
	}
}

// What was changed behind cairn's back is seen, told, and put right or adopted.
func TestDrift(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	config := block("a", `mode = "m"`) + block("b")
	l.mustApply(config)
	for id, x := range l.room.things {
		if x.Name == "a" {
			x.Mode, x.Mood = "changed", "moved by itself"
			l.room.things[id] = x
		} else {
			delete(l.room.things, id)
		}
	}
	p := l.plan(config, planner.Options{})
	if got := said(p); !slices.Equal(got, []string{"update thing.a", "create thing.b"}) || len(p.Drift) != 2 {
		t.Fatalf("plan: %v, drift of %d", got, len(p.Drift))
	}
	if p := l.plan(config, planner.Options{Refresh: planner.RefreshNone}); !p.Empty() {
		t.Errorf("without a look the records are true: %v", said(p))
	}
	if out, err := l.apply(config, planner.Options{RefreshOnly: true}); err != nil {
		t.Fatalf("%v %v", err, failures(out))
	}
	if got := l.addresses(); !slices.Equal(got, []string{"thing.a"}) {
		t.Errorf("after -refresh-only there is %v", got)
	}
	l.mustApply(config)
	if p := l.plan(config, planner.Options{}); !p.Empty() || len(p.Drift) != 0 {
		t.Errorf("something is left to do: %v", said(p))
	}
}
