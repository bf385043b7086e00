package planner

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// decide finds out what a configuration means for an object.
func (w *walk) decide(c *Change, p *prior, config cty.Value) hcl.Diagnostics {
	t := c.Type
	was := cty.NullVal(t.Object())
	present := p != nil && !p.gone
	ignore := c.block.Lifecycle.IgnoreChanges
	if c.parent != nil {
		ignore = lang.IgnoreChanges{}
	}
	if present && (ignore.All || len(ignore.Paths) > 0) {
		v, err := w.priors.value(p)
		if err != nil {
			return w.lost(c, err)
		}
		config = ignoring(t, config, v, ignore)
	}
	want := t.Fill(config)
	var diags hcl.Diagnostics
	c.late = !want.IsWhollyKnown()
	if !c.late {
		var err error
		if c.want, err = wantHash(w.site, t, want); err != nil {
			return w.abouts(c, err)
		}
	}
	c.cbd = w.cbd[c.block] || c.record != nil && c.record.CreateBeforeDestroy
	forced, reason := w.forced(c, p)
	upset := w.upset(c.block)
	leaves, err := w.leaves(p)
	if err != nil {
		return w.lost(c, err)
	}
	settled := present && reason == "" && !leaves && p.actual == cty.NilVal && !upset && !w.stirred(c.Address) && c.Imported == "" && !c.late &&
		bytes.Equal(p.record.Want, c.want) && p.record.SchemaVersion == t.Version
	if settled {
		return append(diags, w.unchanged(c, p)...)
	}
	if diags = append(diags, w.valid(c, want)...); diags.HasErrors() {
		w.set(c, cty.UnknownVal(t.Object()))
		return diags
	}
	if present {
		v, err := w.priors.value(p)
		if err != nil {
			return w.lost(c, err)
		}
		was = v
		if c.Imported != "" {
			was = agreed(v, want, c.untold)
		}
		c.Prior = was
	}
	if forced {
		was = cty.NullVal(t.Object())
	}
	change := t.Plan(was, want)
	for _, x := range change.Problems {
		diags = append(diags, w.about(c, x))
	}
	c.Planned, c.Changed, c.Replaces, c.Stops = change.Planned, change.Changed, change.Replaces, change.Stops
	switch {
	case forced && present:
		c.Action, c.Reason = DeleteCreate, reason
	case change.Action == schema.NoOp:
		c.Action = NoOp
	case change.Action == schema.Create:
		c.Action = Create
	case change.Action == schema.Update:
		c.Action = Update
	default:
		c.Action, c.Reason = DeleteCreate, ByAttributes
	}
	if c.Action == DeleteCreate && c.cbd {
		c.Action = CreateDelete
	}
	c.ID = w.identity(c)
	if c.Action != NoOp || upset || leaves || c.Imported != "" || len(w.priors.owned[c.Address]) > 0 {
		diags = append(diags, w.assign(c, change.Assign, was)...)
		if c.Imported != "" { // what cairn chooses of an object that is there anyway
			c.Changed = slices.DeleteFunc(c.Changed, func(name string) bool { return slices.Contains(c.untold, name) })
		}
		if c.Action == NoOp && len(c.Changed) > 0 {
			c.Action = Update
		}
		if leaves && !diags.HasErrors() {
			diags = append(diags, w.pinned(c, want)...)
		}
	}
	if c.Action == CreateDelete && c.exclusive {
		c.Action = DeleteCreate
		c.Note = "destroyed first: the system can't hold both at once"
	}
	if c.Action.Replaces() && c.block.Lifecycle.PreventDestroy {
		diags = append(diags, w.protected(c))
	}
	if c.Action == NoOp && present && len(p.differs) > 0 {
		c.Action, c.Reason = Update, ByDifference
	}
	diags = append(diags, w.fits(c)...)
	w.keep(c)
	if c.parent == nil && w.eval != nil {
		diags = append(diags, w.eval.Conditions(c.inst, true)...)
	}
	return diags
}

// agreed is an imported object with what its system does not tell as the author says.
func agreed(v, want cty.Value, untold []string) cty.Value {
	vals := v.AsValueMap()
	for _, name := range untold {
		if x := want.GetAttr(name); x.IsWhollyKnown() {
			vals[name] = x
		}
	}
	return cty.ObjectVal(vals)
}

// upset reports whether an object that the block mentions gets a new one in its
// place: what was chosen beside the old one may have to be chosen again.
func (w *walk) upset(b *lang.Block) bool {
	return len(w.replaced) > 0 && slices.ContainsFunc(b.Mentions, func(m lang.Mention) bool { return w.replaced[m.Block] })
}

// stirred reports whether something that the object brought along is not as it
// was left.
func (w *walk) stirred(a address.Object) bool {
	return slices.ContainsFunc(w.priors.owned[a], func(o *prior) bool { return o.gone || o.actual != cty.NilVal || o.record.Tainted })
}

// unchanged is the short way for an object whose configuration and reality are
// as the last run left them.
func (w *walk) unchanged(c *Change, p *prior) hcl.Diagnostics {
	w.plan.Unchanged++
	w.ledger.kept[c.name] = true
	for _, o := range w.priors.owned[c.Address] {
		o.met = true
		w.ledger.kept[o.addr.String()] = true
		w.plan.Unchanged++
	}
	if w.vals[c.block] && c.parent == nil {
		v, err := w.priors.value(p)
		if err != nil {
			return w.lost(c, err)
		}
		w.set(c, v)
	}
	if p.moved != (address.Object{}) || p.record.CreateBeforeDestroy != c.cbd {
		c.Action, c.Planned, c.ID = NoOp, cty.NilVal, p.record.ID
		w.plan.Changes = append(w.plan.Changes, c)
	}
	return nil
}

// set shows others what becomes of an object. What an object brings along is
// reached through it.
func (w *walk) set(c *Change, v cty.Value) {
	if c.parent == nil && w.eval != nil {
		w.eval.Set(c.inst, v)
	}
}

// keep puts a change into the plan and shows it to the rest of the world.
func (w *walk) keep(c *Change) {
	if c.Action.Replaces() {
		w.replaced[c.block] = true
	}
	if c.claims == nil && c.Action == NoOp {
		w.ledger.kept[c.name] = true
	}
	w.set(c, c.Planned)
	planned := c.Planned
	if w.undo != nil {
		w.undo.add(w.world.saved(c.name, c.Type))
	}
	w.world.put(c.name, c.Type, c.ID, func() (cty.Value, error) { return planned, nil })
	if c.Action == NoOp && c.Imported == "" && c.Moved == (address.Object{}) && bytes.Equal(c.record.Want, c.want) {
		w.plan.Unchanged++
		return
	}
	w.plan.Changes = append(w.plan.Changes, c)
	w.changed[c.block] = append(w.changed[c.block], c)
}

// identity is the id of the object that a change leads to.
func (w *walk) identity(c *Change) string {
	if c.ID != "" { // chosen by the object that brings it along, or with its address
		return c.ID
	}
	if c.record != nil && (c.Action == NoOp || c.Action == Update) {
		return c.record.ID
	}
	return w.ledger.id(c.name, w.snap.Serial)
}

// forced reports whether the object must be replaced whatever its attributes say.
func (w *walk) forced(c *Change, p *prior) (bool, Reason) {
	if p == nil || p.gone {
		return false, ""
	}
	if p.record.Tainted {
		return true, ByTaint
	}
	if c.parent != nil { // it lives and goes with the object that brings it along
		if c.parent.Action.Replaces() || p.record.ID != c.ID {
			return true, ByParent
		}
		return false, ""
	}
	if slices.Contains(w.opt.Replace, c.Address) {
		return true, ByRequest
	}
	if w.triggered(c) {
		return true, ByTrigger
	}
	return false, ""
}

// triggered reports whether something that replace_triggered_by names changes.
func (w *walk) triggered(c *Change) bool {
	if len(c.block.Lifecycle.ReplaceTriggeredBy) == 0 {
		return false
	}
	for _, trigger := range w.eval.Triggers(c.inst) {
		for _, x := range w.changed[w.conf.Find(trigger.Target.Block())] {
			if !trigger.Target.Covers(x.Address) {
				continue
			}
			switch {
			case x.Action == NoOp, x.Action == Forget:
			case trigger.Attr == "" && x.Action != Create, trigger.Attr != "" && slices.Contains(x.Changed, trigger.Attr):
				return true
			}
		}
	}
	return false
}

// ignoring puts what is there in the place of what the author says where a
// lifecycle block asks for it.
func ignoring(t *schema.Type, config, was cty.Value, ignore lang.IgnoreChanges) cty.Value {
	if ignore.All {
		vals := config.AsValueMap()
		for _, a := range t.Attributes {
			if a.Settable {
				vals[a.Name] = was.GetAttr(a.Name)
			}
		}
		return cty.ObjectVal(vals)
	}
	out, err := cty.Transform(config, func(p cty.Path, v cty.Value) (cty.Value, error) {
		for _, ignored := range ignore.Paths {
			if p.Equals(ignored) {
				if old, err := ignored.Apply(was); err == nil {
					return old, nil
				}
			}
		}
		return v, nil
	})
	if err != nil {
		return config
	}
	return out
}

// loop plans blocks that name each other's assigned attributes: as if nobody
// were replaced first, and again for as long as that proves wrong.
func (w *walk) loop(group []*lang.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	var members []*Change
	for _, b := range group {
		if b.Kind != lang.KindResource {
			continue
		}
		instances, d := w.eval.Expand(b)
		diags = append(diags, d...)
		for _, i := range instances {
			c := &Change{Address: i.Addr, Type: b.Type, name: i.Addr.String(), block: b, inst: i, Range: b.Range}
			if p := w.priors.at[i.Addr]; p != nil && !p.gone {
				c.record = p.record
			}
			members = append(members, c)
		}
	}
	if diags.HasErrors() {
		return diags
	}
	replaced := map[address.Object]bool{}
	mark := len(w.plan.Changes)
	unchanged, objects := w.plan.Unchanged, w.plan.Objects
	for {
		for _, c := range members {
			w.set(c, w.foreseen(c, replaced[c.Address]))
		}
		for _, b := range group {
			if b.Kind == lang.KindResource {
				w.eval.Done(b)
			}
		}
		// Twice: the second round sees what the first one chose.
		for range 2 {
			w.plan.Changes = w.plan.Changes[:mark]
			w.plan.Unchanged, w.plan.Objects = unchanged, objects
			diags = nil
			for _, b := range group {
				diags = append(diags, w.block(b)...)
			}
		}
		grew := false
		for _, c := range w.plan.Changes[mark:] {
			if c.Action.Replaces() && !replaced[c.Address] {
				replaced[c.Address], grew = true, true
			}
		}
		if !grew || diags.HasErrors() {
			return diags
		}
	}
}

// foreseen is what others may know of an object before it is planned.
func (w *walk) foreseen(c *Change, replaced bool) cty.Value {
	if c.record != nil && !replaced {
		if v, err := w.priors.value(w.priors.at[c.Address]); err == nil {
			return v
		}
	}
	vals := make(map[string]cty.Value, len(c.Type.Attributes))
	for n, at := range c.Type.Object().AttributeTypes() {
		vals[n] = cty.UnknownVal(at)
	}
	vals["id"] = cty.StringVal(w.ledger.id(c.name, w.snap.Serial))
	return cty.ObjectVal(vals)
}
