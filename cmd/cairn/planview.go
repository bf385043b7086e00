package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// planView writes plans for people.
type planView struct {
	w io.Writer
	style
}

func (v planView) line(format string, args ...any) { fmt.Fprintf(v.w, format+"\n", args...) }

// plan writes what will change, what it comes to, and what it costs.
func (v planView) plan(p *planner.Plan) {
	v.open(p)
	v.drift(p)
	if p.Empty() {
		v.line("%s %s", v.bold("Nothing to do."), fmt.Sprintf("Stack %s is as its configuration says (%s).", p.Stack, plural(p.Objects, "object")))
		return
	}
	if visible := p.Visible(); len(visible) > 0 {
		v.line("In stack %s:\n", v.bold(p.Stack))
		for _, c := range visible {
			v.change(c)
		}
	}
	v.outputs(p.Outputs)
	v.summary(p)
}

func (v planView) open(p *planner.Plan) {
	if p.Open == nil {
		return
	}
	if p.OpenLive {
		v.line("%s Run %d by %s is under way, %s to go. What it has not done yet is planned here as if it stopped now.\n",
			v.yellow("Note:"), p.Open.ID, p.Open.Who, plural(p.Open.Left, "step"))
		return
	}
	v.line("%s Run %d by %s was killed with %s left. The next apply asks the systems what was made and finishes or drops each.\n",
		v.yellow("Note:"), p.Open.ID, p.Open.Who, plural(p.Open.Left, "step"))
}

func (v planView) drift(p *planner.Plan) {
	if len(p.Drift) == 0 {
		return
	}
	v.line("%s was changed behind cairn's back:\n", plural(len(p.Drift), "object"))
	for _, d := range p.Drift {
		if d.After == cty.NilVal {
			v.line("  %s %s %s", v.red("!"), d.Address, v.dim("is gone"))
			continue
		}
		v.line("  %s %s", v.yellow("!"), d.Address)
		v.drifted(d)
	}
	v.line("")
}

// drifted is how an object is not as it was left.
func (v planView) drifted(d planner.Drift) {
	if !d.Before.RawEquals(d.After) {
		v.attributes(d.Type, d.Before, d.After, nil, false)
	}
	for _, x := range d.Differs {
		v.line("      %s", difference(x))
	}
}

// difference is what a system holds otherwise than it was made.
func difference(d providers.Difference) string {
	if d.Attribute == "" {
		return d.String()
	}
	return d.Attribute + " is broken: " + d.String()
}

// marks of the actions, as Terraform users read them.
func (v planView) mark(c *planner.Change) string {
	switch c.Action {
	case planner.Create:
		return "  " + v.green("+")
	case planner.Update:
		return "  " + v.yellow("~")
	case planner.Delete, planner.DeleteDeposed:
		return "  " + v.red("-")
	case planner.DeleteCreate:
		return v.red("-") + "/" + v.green("+")
	case planner.CreateDelete:
		return v.green("+") + "/" + v.red("-")
	case planner.Forget:
		return "  ."
	}
	return "   "
}

func (v planView) change(c *planner.Change) {
	lost := ""
	if losesData(c) {
		lost = v.red("  # its data is destroyed")
	}
	v.line("%s %s%s%s", v.mark(c), v.bold(c.Address.String()), v.dim(why(c)), lost)
	switch c.Action {
	case planner.Delete, planner.Forget, planner.DeleteDeposed:
		v.brief(c)
	case planner.Create:
		v.attributes(c.Type, cty.NilVal, c.Planned, nil, true)
	case planner.NoOp:
	default:
		v.attributes(c.Type, c.Prior, c.Planned, c, false)
	}
	v.line("")
}

// losesData reports whether data goes with an object that a change destroys.
func losesData(c *planner.Change) bool {
	return c.Type.Precious && (c.Action == planner.Delete || c.Action == planner.DeleteDeposed || c.Action.Replaces())
}

// why says in a few words what a reader can't see from the attributes.
func why(c *planner.Change) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch c.Action {
	case planner.DeleteCreate:
		add("destroyed and then created anew")
	case planner.CreateDelete:
		add("created anew, then the old one is destroyed")
	case planner.Forget:
		add("no longer managed, but not destroyed")
	case planner.DeleteDeposed:
		add("the replaced object %s is destroyed", c.Deposed)
	case planner.UpdateRecord:
		add("the record is changed to what is real")
	}
	switch c.Reason {
	case planner.ByDifference:
		add("put right: it was changed behind cairn's back")
	case planner.ByAttributes:
		add("because %s changes", strings.Join(c.Replaces, ", "))
	case planner.ByTaint:
		add("because its last change failed half-way")
	case planner.ByRequest:
		add("as asked for by -replace")
	case planner.ByParent:
		add("with the object that it belongs to")
	case planner.ByTrigger:
		add("because something that replace_triggered_by names changes")
	case planner.NoConfig:
		add("it is no longer in the configuration")
	case planner.WrongRepetition:
		add("its block no longer has this key")
	case planner.NoCountIndex:
		add("count no longer goes as far")
	case planner.NoEachKey:
		add("for_each no longer has its key")
	case planner.NoModule:
		add("its module is no longer called")
	}
	if len(c.Stops) > 0 && c.Action == planner.Update {
		add("stops the guest to change %s", strings.Join(c.Stops, ", "))
	}
	if c.Moved != (address.Object{}) {
		add("moved from %s", c.Moved)
	}
	if c.Imported != "" {
		add("imported by id %q", c.Imported)
	}
	if c.Note != "" {
		add("%s", c.Note)
	}
	if len(parts) == 0 {
		return ""
	}
	return "  (" + strings.Join(parts, "; ") + ")"
}

func (v planView) brief(c *planner.Change) {
	for _, n := range []string{"name", "id"} {
		if a := c.Type.Attribute(n); a != nil {
			if x := c.Prior.GetAttr(n); !x.IsNull() {
				v.line("      %s = %s", n, valueText(x, 6))
				return
			}
		}
	}
}

// attributes writes those that change, or all that are set of a new object.
func (v planView) attributes(t *schema.Type, before, after cty.Value, c *planner.Change, fresh bool) {
	type row struct{ mark, name, text, tail string }
	var rows []row
	width, hidden := 0, 0
	for _, a := range t.Attributes {
		now := after.GetAttr(a.Name)
		if fresh {
			if now.IsKnown() && !now.IsMarked() && now.IsNull() {
				continue
			}
			rows = append(rows, row{" ", a.Name, valueText(now, 6), ""})
			width = max(width, len(a.Name))
			continue
		}
		was := before.GetAttr(a.Name)
		if was.RawEquals(now) {
			if !isNull(now) {
				hidden++
			}
			continue
		}
		r := row{v.yellow("~"), a.Name, "", ""}
		switch {
		case isNull(was):
			r.mark, r.text = v.green("+"), valueText(now, 6)
		case isNull(now):
			r.mark, r.text = v.red("-"), valueText(was, 6)
		default:
			r.text = valueText(was, 6) + " -> " + valueText(now, 6)
		}
		if c != nil && c.Action.Replaces() && slices.Contains(c.Replaces, a.Name) {
			r.tail = v.red("  # a new object")
		}
		if c != nil && slices.Contains(c.Stops, a.Name) {
			r.tail = v.yellow("  # stops the guest")
		}
		rows = append(rows, r)
		width = max(width, len(a.Name))
	}
	for _, r := range rows {
		v.line("    %s %-*s = %s%s", r.mark, width, r.name, r.text, r.tail)
	}
	if hidden > 0 {
		v.line("      %s", v.dim(fmt.Sprintf("# %s unchanged", plural(hidden, "attribute"))))
	}
}

func isNull(x cty.Value) bool {
	x, _ = x.Unmark()
	return x.IsNull()
}

func (v planView) outputs(changes []planner.OutputChange) {
	if len(changes) == 0 {
		return
	}
	width := 0
	for _, o := range changes {
		width = max(width, len(o.Name))
	}
	v.line("Outputs:\n")
	for _, o := range changes {
		hide := func(x cty.Value) string {
			if o.Sensitive {
				return schema.Hidden
			}
			return valueText(x, 4)
		}
		switch {
		case o.Prior == cty.NilVal:
			v.line("  %s %-*s = %s", v.green("+"), width, o.Name, hide(o.After))
		case o.After == cty.NilVal:
			v.line("  %s %-*s", v.red("-"), width, o.Name)
		default:
			v.line("  %s %-*s = %s -> %s", v.yellow("~"), width, o.Name, hide(o.Prior), hide(o.After))
		}
	}
	v.line("")
}

// summary is the blast radius in one line.
func (v planView) summary(p *planner.Plan) {
	stops := 0
	for _, c := range p.Changes {
		if c.Action == planner.Update && len(c.Stops) > 0 {
			stops++
		}
	}
	moved, imported := 0, 0
	for _, c := range p.Changes {
		if c.Moved != (address.Object{}) {
			moved++
		}
		if c.Imported != "" {
			imported++
		}
	}
	parts := []string{
		fmt.Sprintf("%d to create", p.Count(planner.Create)),
		fmt.Sprintf("%d to change", p.Count(planner.Update)-stops),
	}
	if stops > 0 {
		parts = append(parts, fmt.Sprintf("%d to change with its guest stopped", stops))
	}
	parts = append(parts,
		fmt.Sprintf("%d to replace", p.Count(planner.DeleteCreate, planner.CreateDelete)),
		fmt.Sprintf("%d to destroy", p.Count(planner.Delete, planner.DeleteDeposed)))
	optional := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	lost := 0
	for _, c := range p.Changes {
		if losesData(c) {
			lost++
		}
	}
	if lost > 0 {
		parts[len(parts)-1] += fmt.Sprintf(" (%s)", v.red(fmt.Sprintf("%d with their data", lost)))
	}
	optional(p.Count(planner.Forget), "to forget")
	optional(p.Count(planner.UpdateRecord), "to bring up to date")
	optional(moved, "moved")
	optional(imported, "imported")
	if p.Unchanged > 0 {
		parts = append(parts, fmt.Sprintf("%d unchanged", p.Unchanged))
	}
	v.line("%s %s.", v.bold("Plan:"), strings.Join(parts, ", "))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
