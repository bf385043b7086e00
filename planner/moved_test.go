package planner_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
)

// Each case applies a stack, then moves an object and changes it in one plan: what
// it holds goes with it, in the plan, in a saved plan and in the apply.
func TestMovedAndChanged(t *testing.T) {
	t.Parallel()
	counted := func(attributes ...string) string { return block("a", append(attributes, "count = 1")...) }
	keyed := func(key string, attributes ...string) string {
		return block("a", append(attributes, `for_each = toset(["`+key+`"])`)...)
	}
	plot := func(attributes string) string {
		return "resource \"plot\" \"p\" {\n name = \"p\"\n from = \"2\"\n " + attributes + "\n}\n"
	}
	moved := func(from, to string) string { return "moved {\n from = " + from + "\n to = " + to + "\n}\n" }
	for _, c := range []struct {
		reason  string
		before  string
		after   string
		plan    []string
		calls   []string
		claims  []string
		refused string // part of the complaint
	}{
		{
			reason: "a count that goes, and an update",
			before: counted(`seat = "s1"`, "size = 1"), after: block("a", `seat = "s1"`, "size = 2"),
			plan: []string{"update thing.a"}, calls: []string{"update a"}, claims: []string{"s1 thing.a"},
		},
		{
			reason: "a count that comes, and an update",
			before: block("a", `seat = "s1"`, "size = 1"), after: counted(`seat = "s1"`, "size = 2"),
			plan: []string{"update thing.a[0]"}, calls: []string{"update a"}, claims: []string{"s1 thing.a[0]"},
		},
		{
			reason: "a count that goes, and a new object in the place of the old one",
			before: counted(`seat = "s1"`, `kind = "x"`), after: block("a", `seat = "s1"`, `kind = "y"`),
			plan:  []string{"delete, then create thing.a replace_because_cannot_update"},
			calls: []string{"delete a", "create a"}, claims: []string{"s1 thing.a"},
		},
		{
			reason: "what cairn has chosen stays chosen",
			before: counted(`kind = "guest"`, "size = 1") + block("b", `kind = "guest"`) + block("c", `kind = "guest"`) + block("d", `kind = "guest"`),
			after:  block("a", `kind = "guest"`, "size = 2") + block("b", `kind = "guest"`) + block("c", `kind = "guest"`) + block("d", `kind = "guest"`),
			plan:   []string{"update thing.a"}, calls: []string{"update a"},
		},
		{
			reason: "what it lets go of is free",
			before: counted(`seat = "s1"`), after: block("a", `seat = "s2"`) + block("b", `seat = "s1"`),
			plan: []string{"update thing.a", "create thing.b"}, calls: []string{"update a", "create b"}, claims: []string{"s1 thing.b", "s2 thing.a"},
		},
		{
			reason: "two of which one moves to where the other was keep what they hold",
			before: block("a", `seat = "s1"`, "size = 1") + block("b", `seat = "s2"`, "size = 1"),
			after: "resource \"thing\" \"b\" {\n name = \"a\"\n seat = \"s1\"\n size = 2\n}\nresource \"thing\" \"c\" {\n name = \"b\"\n seat = \"s2\"\n size = 2\n}\n" +
				moved("thing.b", "thing.c") + moved("thing.a", "thing.b"),
			plan: []string{"update thing.b", "update thing.c"}, calls: []string{"update a", "update b"}, claims: []string{"s1 thing.b", "s2 thing.c"},
		},
		{
			reason: "a key that is renamed, and an update",
			before: keyed("x", `seat = "s1"`, "size = 1"), after: keyed("y", `seat = "s1"`, "size = 2") + moved(`thing.a["x"]`, `thing.a["y"]`),
			plan: []string{`update thing.a["y"]`}, calls: []string{"update a"}, claims: []string{`s1 thing.a["y"]`},
		},
		{
			reason: "a count that becomes a key, and an update",
			before: counted(`seat = "s1"`, "size = 1"), after: keyed("y", `seat = "s1"`, "size = 2") + moved("thing.a[0]", `thing.a["y"]`),
			plan: []string{`update thing.a["y"]`}, calls: []string{"update a"}, claims: []string{`s1 thing.a["y"]`},
		},
		{
			reason: "a block that is renamed and gains a count, and an update",
			before: block("a", `seat = "s1"`, "size = 1"),
			after:  "resource \"thing\" \"b\" {\n count = 1\n name = \"a\"\n seat = \"s1\"\n size = 2\n}\n" + moved("thing.a", "thing.b"),
			plan:   []string{"update thing.b[0]"}, calls: []string{"update a"}, claims: []string{"s1 thing.b[0]"},
		},
		{
			reason: "a module that gains a name, and an update",
			before: "module \"m\" {\n source = \"./m\"\n size = 1\n}\n", after: "module \"n\" {\n source = \"./m\"\n size = 2\n}\n" + moved("module.m", "module.n"),
			plan: []string{"update module.n.thing.in"}, calls: []string{"update in"}, claims: []string{"s1 module.n.thing.in"},
		},
		{
			reason: "a range and a share go along: there is no room for them twice",
			before: plot("count = 1\n to = \"4\"\n weight = 6"), after: plot("to = \"5\"\n weight = 7"),
			plan: []string{"update plot.p"},
		},
		{
			reason: "so they do the other way",
			before: plot("to = \"4\"\n weight = 6"), after: plot("count = 1\n to = \"5\"\n weight = 7"),
			plan: []string{"update plot.p[0]"},
		},
		{
			reason: "what is known only in apply is claimed where the object is then",
			before: counted(`seat = "s1"`, "size = 1") + block("t"),
			after:  block("a", `seat = "s1"`, "size = 2", "uses = [thing.t2.token]") + "resource \"thing\" \"t2\" {\n name = \"t\"\n kind = \"new\"\n}\n" + moved("thing.t", "thing.t2"),
			plan:   []string{"update thing.a", "delete, then create thing.t2 replace_because_cannot_update"},
			calls:  []string{"delete t", "create t", "update a"}, claims: []string{"s1 thing.a"},
		},
		{
			reason: "so it is where another one was before",
			before: block("a", `seat = "s1"`) + block("b", `seat = "s2"`) + block("t"),
			after: "resource \"thing\" \"b\" {\n name = \"a\"\n seat = \"s1\"\n uses = [thing.t.token]\n}\nresource \"thing\" \"c\" {\n name = \"b\"\n seat = \"s2\"\n}\n" +
				block("t", `kind = "new"`) + moved("thing.b", "thing.c") + moved("thing.a", "thing.b"),
			plan:  []string{"update thing.b", "no-op thing.c", "delete, then create thing.t replace_because_cannot_update"},
			calls: []string{"delete t", "create t", "update a"}, claims: []string{"s1 thing.b", "s2 thing.c"},
		},
		{
			reason: "what is moved and leaves gives back what it holds",
			before: block("a", `seat = "s1"`), after: block("a", `seat = "s1"`, "count = 0") + block("b", `seat = "s1"`),
			plan:  []string{"delete thing.a[0] delete_because_count_index", "create thing.b"},
			calls: []string{"delete a", "create b"}, claims: []string{"s1 thing.b"},
		},
		{
			reason: "what is moved and stays keeps what it holds, and is named by where it is",
			before: counted(`seat = "s1"`), after: block("a", `seat = "s1"`) + block("b", `seat = "s1"`),
			refused: "taken by thing.a:",
		},
	} {
		for _, way := range []string{"plan and apply", "saved plan"} {
			t.Run(c.reason+", "+way, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				l.write("m/m.stack.hcl", "variable \"size\" {}\n"+block("in", `seat = "s1"`, "size = var.size"))
				l.mustApply(c.before)
				l.room.take()
				p, diags := l.tryPlan(c.after, planner.Options{})
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
				if way == "saved plan" {
					l.applySaved(p)
				} else {
					l.mustApply(c.after)
				}
				if got := l.room.take(); !slices.Equal(got, c.calls) {
					t.Errorf("calls: %s\nwant:  %s", strings.Join(got, ", "), strings.Join(c.calls, ", "))
				}
				if got := l.claims(); c.claims != nil && !slices.Equal(got, c.claims) {
					t.Errorf("claims: %s\nwant:   %s", strings.Join(got, ", "), strings.Join(c.claims, ", "))
				}
				if again := l.plan(c.after, planner.Options{}); !again.Empty() {
					t.Errorf("apply left something to do: %v", said(again))
				}
			})
		}
	}
}

// applySaved carries a plan out by way of a file.
func (l *lab) applySaved(p *planner.Plan) {
	l.Helper()
	path := filepath.Join(l.dir, "p.plan")
	if err := p.Save(path, "test"); err != nil {
		l.Fatal(err)
	}
	saved, err := planner.ReadSaved(path)
	if err != nil {
		l.Fatal(err)
	}
	p, _, diags := saved.Plan(l.Context(), l.site)
	if diags.HasErrors() {
		l.Fatal(text(diags))
	}
	lease := l.lock()
	out, err := p.Apply(l.Context(), lease, planner.ApplyOptions{Command: "apply", Parallelism: 1})
	if err != nil || out.Err() != nil {
		l.Fatalf("apply: %v %v", err, failures(out))
	}
	if err := lease.Release(); err != nil {
		l.Fatal(err)
	}
}
