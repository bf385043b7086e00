package planner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// Make plans a stack: one bulk read, then one pure pass over its blocks in
// dependency order. Where objects that need hosts find none one after the other,
// hosts are looked for all of them together, and a second pass uses those.
func Make(ctx context.Context, site *Site, conf *lang.Stack, opt Options) (*Plan, hcl.Diagnostics) {
	p, again, diags := pass(ctx, site, conf, opt, nil)
	if again != nil {
		p, _, diags = pass(ctx, site, conf, opt, again)
	}
	return p, diags
}

// pass plans a stack with hosts that were found for it; without any, again may
// answer with hosts to plan it with.
func pass(ctx context.Context, site *Site, conf *lang.Stack, opt Options, hosts map[string]string) (plan *Plan, again map[string]string, diags hcl.Diagnostics) {
	order, diags := orderBlocks(conf.Blocks)
	if diags.HasErrors() {
		return nil, nil, diags
	}
	snap, err := site.Store.Snapshot(ctx, conf.Name)
	if err != nil {
		return nil, nil, append(diags, problem("The state can't be read", err.Error(), nil))
	}
	w := &walk{
		ctx: ctx, site: site, conf: conf, opt: opt, snap: snap, order: order,
		eval: conf.Evaluator(),
		plan: &Plan{Stack: conf.Name, Serial: snap.Serial, Options: opt, Open: snap.Open, Left: snap.Intents, site: site, conf: conf},
		vals: map[*lang.Block]bool{}, placing: placing{solved: hosts}, replaced: map[*lang.Block]bool{},
	}
	w.plan.OpenLive = snap.Open != nil && snap.Lock != nil
	var d hcl.Diagnostics
	w.priors, d = readPriors(snap.Records, site.Types, conf, w.open)
	if diags = append(diags, d...); diags.HasErrors() {
		return nil, nil, diags
	}
	w.ledger = newLedger(ctx, site.Store, site.Store.CloudID(), conf.Name, site.Keys.Stream)
	w.world = newWorld(ctx, site.Types, site.Cloud)
	w.world.others = w.others
	for _, p := range w.priors.sorted {
		w.world.put(p.addr.String(), p.typ, p.record.ID, func() (cty.Value, error) { return w.priors.value(p) })
	}
	if diags = append(diags, w.refresh()...); diags.HasErrors() {
		return nil, nil, diags
	}
	if diags = append(diags, w.target()...); diags.HasErrors() {
		return nil, nil, diags
	}
	switch {
	case opt.RefreshOnly:
		w.adopt()
	case opt.Destroy:
		diags = append(diags, w.destroy()...)
	default:
		diags = append(diags, w.blocks()...)
		if w.placing.failed && hosts == nil && !diags.HasErrors() {
			solved, d := w.batch()
			return nil, solved, append(diags, d...)
		}
		if !diags.HasErrors() {
			diags = append(diags, w.finish()...)
		}
	}
	if w.world.err != nil {
		diags = append(diags, problem("The state can't be read", w.world.err.Error(), nil))
	}
	if diags.HasErrors() {
		return nil, nil, diags
	}
	slices.SortStableFunc(w.plan.Changes, func(a, b *Change) int { return a.Address.Compare(b.Address) })
	w.plan.eval, w.plan.world, w.plan.ledger, w.plan.order, w.plan.priors = w.eval, w.world, w.ledger, order, w.priors
	return w.plan, nil, diags
}

// Validate says what is wrong with a stack before anything is read.
func Validate(conf *lang.Stack) hcl.Diagnostics {
	_, diags := orderBlocks(conf.Blocks)
	return diags
}

// walk is the work of one plan.
type walk struct {
	ctx    context.Context
	site   *Site
	conf   *lang.Stack
	opt    Options
	snap   *state.Snapshot
	order  *blockOrder
	eval   *lang.Evaluator
	world  *world
	ledger *ledger
	priors *priors
	plan   *Plan
	vals   map[*lang.Block]bool // mentioned by somebody: its values are wanted
	aimed  map[*lang.Block]bool // nil: no targets
	cbd    map[*lang.Block]bool
	// builtin are the objects of the built-in stack that are still to be made.
	builtin  []*entity
	placing  placing
	replaced map[*lang.Block]bool // with an object that is replaced
}

// open decodes a record.
func (w *walk) open(t *schema.Type, r *state.Record) (cty.Value, error) {
	secret, err := unseal(w.site, r.ID, r.Secret)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the sensitive attributes of %s: %w", r.Address, err)
	}
	v, err := t.Decode(r.SchemaVersion, r.Attrs, secret)
	if err != nil {
		return cty.NilVal, fmt.Errorf("%s: %w", r.Address, err)
	}
	return v, nil
}

// others reads the objects of other stacks, for the world.
func (w *walk) others(ctx context.Context, types []string) ([]*entity, error) {
	records, err := w.site.Store.Others(ctx, w.snap.Stack, types)
	if err != nil {
		return nil, err
	}
	var all []*entity
	for _, r := range records {
		if t := w.site.Types.Resource(r.Type); t != nil && r.Deposed == "" {
			all = append(all, &entity{stack: r.Stack, address: r.Address, typ: t, id: r.ID,
				value: func() (cty.Value, error) { return w.open(t, &r.Record) }})
		}
	}
	if w.snap.Stack == BuiltinStack {
		return all, nil
	}
	if w.builtin == nil {
		if w.builtin, err = w.site.planned(ctx); err != nil {
			return nil, err
		}
	}
	for _, e := range w.builtin {
		if slices.Contains(types, e.typ.Name) {
			all = append(all, e)
		}
	}
	return all, nil
}

// blocks walks the configuration.
func (w *walk) blocks() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range w.conf.Blocks {
		for _, m := range b.Mentions {
			w.vals[m.Block] = true
		}
	}
	w.cbd = createFirst(w.conf.Blocks)
	for _, group := range w.order.groups {
		if len(group) == 1 {
			diags = append(diags, w.block(group[0])...)
		} else {
			diags = append(diags, w.loop(group)...)
		}
	}
	return diags
}

func (w *walk) block(b *lang.Block) hcl.Diagnostics {
	switch b.Kind {
	case lang.KindResource:
		instances, diags := w.eval.Expand(b)
		for _, i := range instances {
			diags = append(diags, w.instance(i)...)
		}
		w.eval.Done(b)
		return diags
	case lang.KindData:
		instances, diags := w.eval.Expand(b)
		for _, i := range instances {
			v, d := w.data(i)
			diags = append(diags, d...)
			w.eval.Set(i, v)
		}
		w.eval.Done(b)
		return diags
	}
	return w.eval.Eval(b)
}

// instance plans one object.
func (w *walk) instance(i lang.Instance) hcl.Diagnostics {
	p := w.priors.at[i.Addr]
	if p == nil {
		p = w.priors.implied(i.Addr)
	}
	w.plan.Objects++
	if w.aimed != nil && !w.hit(i) {
		return w.leave(i, p)
	}
	t := i.Block.Type
	config, diags := w.eval.Config(i)
	if diags.HasErrors() {
		if p != nil {
			p.met = true
		}
		w.eval.Set(i, cty.UnknownVal(t.Object()))
		return diags
	}
	diags = append(diags, w.eval.Conditions(i, false)...)
	c := &Change{Address: i.Addr, Type: t, Range: i.Block.Range, name: i.Addr.String(), block: i.Block, inst: i}
	if p == nil {
		if id, d := w.importing(c); d != nil {
			diags = append(diags, d...)
		} else if id != nil {
			p = id
		}
	}
	if p != nil {
		p.met = true
		c.record, c.Moved = p.record, p.moved
	}
	d := w.decide(c, p, config)
	diags = append(diags, d...)
	return diags
}

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
	settled := present && reason == "" && p.actual == cty.NilVal && !upset && !w.stirred(c.Address) && c.Imported == "" && !c.late &&
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
		c.Prior = v
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
	if c.Action != NoOp || upset || len(w.priors.owned[c.Address]) > 0 {
		diags = append(diags, w.assign(c, change.Assign, was)...)
		if c.Action == NoOp && len(c.Changed) > 0 {
			c.Action = Update
		}
	}
	if c.Action == CreateDelete && c.exclusive {
		c.Action = DeleteCreate
		c.Note = "destroyed first: the system can't hold both at once"
	}
	if c.Action.Replaces() && c.block.Lifecycle.PreventDestroy {
		diags = append(diags, w.protected(c))
	}
	w.keep(c)
	if c.parent == nil {
		diags = append(diags, w.eval.Conditions(c.inst, true)...)
	}
	return diags
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
	if c.parent == nil {
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
	w.world.put(c.name, c.Type, c.ID, func() (cty.Value, error) { return planned, nil })
	if c.Action == NoOp && c.Imported == "" && c.Moved == (address.Object{}) && bytes.Equal(c.record.Want, c.want) {
		w.plan.Unchanged++
		return
	}
	w.plan.Changes = append(w.plan.Changes, c)
}

// identity is the id of the object that a change leads to.
func (w *walk) identity(c *Change) string {
	if c.parent != nil { // its parent has chosen it
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
		for _, x := range w.plan.Changes {
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

// assign asks the ledger for what cairn chooses. An object whose configuration
// is not known yet gets its id now and the rest in apply.
func (w *walk) assign(c *Change, assign []string, was cty.Value) hcl.Diagnostics {
	t := c.Type
	vals := c.Planned.AsValueMap()
	chosen := w.ledger.object(c.name, c.ID)
	empty := t.New()
	_, claims := empty.(schema.Claimer)
	_, owns := empty.(schema.Owner)
	_, placed := empty.(schema.Placer)
	if a := t.Attribute("id"); a != nil && slices.Contains(assign, "id") && a.Copies == "" {
		vals["id"] = cty.StringVal(c.ID)
	}
	if c.late && (claims || owns || placed) {
		c.Planned = unchosen(t, cty.ObjectVal(vals), assign)
		delete(w.ledger.settled, c.name)
		return nil
	}
	c.Planned = cty.ObjectVal(vals)
	if claims || owns || placed {
		object, err := t.ToGo(c.Planned)
		if owns && err == nil {
			if diags := w.own(c, object.(schema.Owner), chosen); diags.HasErrors() {
				return diags
			}
		}
		if placed && err == nil {
			err = w.place(c, object.(schema.Placer))
		}
		if claims && err == nil {
			err = object.(schema.Claimer).Claims(w.world, chosen)
		}
		if errors.Is(err, errUnplaced) {
			c.Planned = unchosen(t, c.Planned, assign)
			return nil
		}
		if err != nil {
			return w.abouts(c, err)
		}
		c.Planned = stillUnknown(t, c.Planned, t.FromGo(object, c.Planned))
	}
	c.Planned = t.Settle(c.Planned)
	c.claims, c.exclusive = chosen.claims, chosen.exclusive()
	for _, x := range t.Attributes {
		if x.Source == schema.Assigned && !slices.Contains(c.Changed, x.Name) && !was.IsNull() && !same(was.GetAttr(x.Name), c.Planned.GetAttr(x.Name)) {
			c.Changed = append(c.Changed, x.Name)
		}
	}
	return nil
}

// unchosen is an object with all but its id still to be chosen.
func unchosen(t *schema.Type, v cty.Value, assign []string) cty.Value {
	vals := v.AsValueMap()
	for _, name := range assign {
		if name != "id" {
			vals[name] = cty.UnknownVal(t.Attribute(name).Type.WithoutOptionalAttributesDeep())
		}
	}
	return cty.ObjectVal(vals)
}

// own plans the objects that one brings along, before it.
func (w *walk) own(c *Change, o schema.Owner, l schema.Ledger) hcl.Diagnostics {
	owned, err := o.Owned(w.world, l)
	if err != nil {
		return w.abouts(c, err)
	}
	var diags hcl.Diagnostics
	for _, x := range owned {
		t := w.site.Types.ByGo(reflect.TypeOf(x.Object).Elem())
		child := &Change{Address: c.Address, Type: t, Range: c.Range, block: c.block, parent: c}
		child.Address.Owned = x.Role
		child.name = child.Address.String()
		child.ID = strings.Join(t.Texts(x.Object, "id"), "")
		p := w.priors.at[child.Address]
		if p != nil {
			p.met = true
			child.record, child.Moved = p.record, p.moved
		}
		diags = append(diags, w.decide(child, p, t.FromGo(x.Object, cty.NilVal))...)
	}
	return diags
}

// stillUnknown puts back what only the system can tell: a struct has no unknown.
func stillUnknown(t *schema.Type, planned, claimed cty.Value) cty.Value {
	vals := claimed.AsValueMap()
	for _, a := range t.Attributes {
		if v := planned.GetAttr(a.Name); !v.IsWhollyKnown() {
			vals[a.Name] = v
		}
	}
	return cty.ObjectVal(vals)
}

// valid reports values that no object of the type can have.
func (w *walk) valid(c *Change, want cty.Value) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range c.Type.Attributes {
		if !a.Settable {
			continue
		}
		for _, x := range a.Complain(want.GetAttr(a.Name)) {
			diags = append(diags, w.about(c, x))
		}
	}
	if len(diags) > 0 || c.late {
		return diags
	}
	object, err := c.Type.ToGo(want)
	if err != nil {
		return w.abouts(c, err)
	}
	if checker, ok := object.(schema.Checker); ok {
		return w.abouts(c, checker.Check())
	}
	return nil
}

func (w *walk) abouts(c *Change, err error) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, x := range schema.AsProblems(err) {
		diags = append(diags, w.about(c, x))
	}
	return diags
}

// about tells the author of an object what is wrong with it, at the attribute.
func (w *walk) about(c *Change, x schema.Problem) *hcl.Diagnostic {
	d := problem(x.Summary, x.Detail, &c.Range)
	if x.Warning {
		d.Severity = hcl.DiagWarning
	}
	if c.block != nil {
		at := c.block.AttributeRange(x.Attribute)
		d.Subject = &at
	}
	d.Detail += fmt.Sprintf("\n\nThis is about %s.", c.Address)
	if x.Code != "" {
		d.Detail += fmt.Sprintf(" `cairn explain %s` says more.", x.Code)
	}
	d.Extra = x
	return d
}

func (w *walk) lost(c *Change, err error) hcl.Diagnostics {
	w.set(c, cty.UnknownVal(c.Type.Object()))
	return hcl.Diagnostics{problem(fmt.Sprintf("%s can't be read from the state", c.Address), err.Error()+".", &c.Range)}
}

func (w *walk) protected(c *Change) *hcl.Diagnostic {
	why := "It would be destroyed"
	if c.Action.Replaces() {
		why = "It would be replaced"
		if len(c.Replaces) > 0 {
			why += fmt.Sprintf(", because %s changes", quoted(c.Replaces))
		}
	}
	return problem(fmt.Sprintf("%s must not be destroyed", c.Address),
		why+", and its lifecycle block says prevent_destroy. Take the change back, or remove prevent_destroy first.", &c.Range)
}

func quoted(names []string) string {
	s := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			s += " and "
		default:
			s += ", "
		}
		s += n
	}
	return s
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

// data reads a data source from the plan's one view of the world.
func (w *walk) data(i lang.Instance) (cty.Value, hcl.Diagnostics) {
	t := i.Block.Type
	config, diags := w.eval.Config(i)
	if diags.HasErrors() {
		return cty.UnknownVal(t.Object()), diags
	}
	v, d := findData(w.world, w.site.Types, i, config)
	return v, append(diags, d...)
}

// finish plans what the configuration no longer has, and what only the whole
// shows.
func (w *walk) finish() hcl.Diagnostics {
	diags := w.leftovers()
	diags = append(diags, w.takeovers()...)
	if diags.HasErrors() {
		return diags
	}
	w.destroyFirst()
	diags = append(diags, w.whole()...)
	diags = append(diags, w.outputs()...)
	return diags
}

// leftovers are deleted: objects without a configuration, and those that a
// replacement left standing.
func (w *walk) leftovers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range w.priors.orphans() {
		if w.aimed != nil && !w.aimedAt(p.addr) {
			continue
		}
		c, err := w.deletion(p)
		if err != nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil))
			continue
		}
		c.Reason = w.orphaned(p.addr)
		if at := w.forgotten(p.addr); at != nil {
			c.Action, c.Range = Forget, *at
		}
		if b := w.conf.Find(p.addr.Block()); b != nil {
			c.block, c.Range = b, b.Range
			if b.Lifecycle.PreventDestroy && c.Action == Delete {
				diags = append(diags, w.protected(c))
			}
		}
		w.ledger.free(c.name)
		w.world.drop(c.name, c.Type)
		w.plan.Changes = append(w.plan.Changes, c)
	}
	return append(diags, w.deposed()...)
}

func (w *walk) deletion(p *prior) (*Change, error) {
	v, err := w.priors.value(p)
	if err != nil {
		return nil, err
	}
	c := &Change{Address: p.addr, Deposed: p.record.Deposed, Type: p.typ, Action: Delete, Prior: v, Moved: p.moved,
		name: p.addr.String(), record: p.record, ID: p.record.ID}
	if c.Deposed != "" {
		c.Action = DeleteDeposed
	}
	return c, nil
}

func (w *walk) deposed() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range w.priors.deposed {
		if w.aimed != nil && !w.aimedAt(p.addr) {
			continue
		}
		c, err := w.deletion(p)
		if err != nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil))
			continue
		}
		w.plan.Changes = append(w.plan.Changes, c)
	}
	return diags
}

// orphaned says why an object has no configuration.
func (w *walk) orphaned(a address.Object) Reason {
	b := w.conf.Find(a.Block())
	if b == nil {
		if a.Module != "" && w.conf.Module(address.StaticModule(a.Module)) == nil {
			return NoModule
		}
		return NoConfig
	}
	switch _, number := a.Key.Index(); {
	case !w.eval.HasModule(a.Module):
		return NoModule
	case b.Count && number:
		return NoCountIndex
	case b.ForEach && a.Key != address.NoKey && !number:
		return NoEachKey
	}
	return WrongRepetition
}

func (w *walk) forgotten(a address.Object) *hcl.Range {
	for _, r := range w.conf.Removed {
		if r.Forget && r.From.Covers(a) {
			return &r.Range
		}
	}
	return nil
}

// takeovers settles claims that one object of the stack takes from another.
func (w *walk) takeovers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	byName := w.byName()
	for _, t := range w.ledger.pending {
		to, from := byName[t.to], byName[t.from]
		if w.ledger.settled[t.from] == nil || w.ledger.holds(t.from, t.space, t.key) || from == nil {
			diags = append(diags, w.about(to, schema.Problem{Summary: fmt.Sprintf("%s %s is taken", t.space, t.key),
				Detail: fmt.Sprintf("%s has it. Leave the choice to cairn, or choose another one.", t.from)}))
			continue
		}
		to.edges = append(to.edges, t.from)
		for i := range to.claims.Take {
			if x := &to.claims.Take[i]; x.Space == t.space && x.Key == t.key {
				x.From = t.from
			}
		}
		for i := range to.claims.Ranges {
			if x := &to.claims.Ranges[i]; x.Space == t.space {
				x.From = t.from
			}
		}
	}
	return diags
}

func (w *walk) byName() map[string]*Change {
	m := make(map[string]*Change, len(w.plan.Changes))
	for _, c := range w.plan.Changes {
		if c.Deposed == "" {
			m[c.name] = c
		}
	}
	return m
}

// whole runs the checks that see every object of the plan.
func (w *walk) whole() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, k := range w.ledger.over() {
		s := w.ledger.sums[k]
		for _, c := range w.plan.Changes {
			if c.claims == nil {
				continue
			}
			if i := slices.IndexFunc(c.claims.Shares, func(x state.Share) bool { return x.Space == k[0] && x.Key == k[1] }); i >= 0 {
				diags = append(diags, w.about(c, schema.Problem{Code: "CRN-QUOTA", Summary: fmt.Sprintf("Not enough %s", k[0]),
					Detail: fmt.Sprintf("The plan comes to %d, and the limit of %s is %d. Ask for less, or raise the limit. What the plan destroys counts until it is gone.", s.used, w.world.called(k[1]), s.max)}))
				break
			}
		}
	}
	for _, c := range w.plan.Changes {
		if c.late || c.Action == Delete || c.Action == Forget || c.Deposed != "" || c.Planned == cty.NilVal {
			continue
		}
		_, checks := c.Type.New().(schema.WorldChecker)
		_, follows := c.Type.New().(schema.Follower)
		if !checks && !follows {
			continue
		}
		object, err := c.Type.ToGo(c.Planned)
		if checks && err == nil {
			err = object.(schema.WorldChecker).Checks(w.world)
		}
		if follows && err == nil {
			c.follows = object.(schema.Follower).Follows(w.world)
		}
		for _, x := range schema.AsProblems(err) {
			diags = append(diags, w.about(c, x))
		}
	}
	return diags
}

// outputs compares the root outputs with those of the last run.
func (w *walk) outputs() hcl.Diagnostics {
	before := map[string]cty.Value{}
	for _, o := range w.snap.Outputs {
		v, err := decodeOutput(w.site, o)
		if err != nil {
			return hcl.Diagnostics{problem(fmt.Sprintf("The output %s can't be read from the state", o.Name), err.Error()+".", nil)}
		}
		before[o.Name] = v
	}
	if w.aimed == nil {
		for _, o := range w.eval.Outputs() {
			c := OutputChange{Name: o.Name, Prior: before[o.Name], After: o.Value, Sensitive: o.Sensitive}
			delete(before, o.Name)
			if !same(c.Prior, c.After) {
				w.plan.Outputs = append(w.plan.Outputs, c)
			}
		}
		for n, v := range before {
			w.plan.Outputs = append(w.plan.Outputs, OutputChange{Name: n, Prior: v, Sensitive: v.IsMarked()})
		}
	}
	slices.SortFunc(w.plan.Outputs, func(a, b OutputChange) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return nil
}

// importing finds the object that an import block names for an address.
func (w *walk) importing(c *Change) (*prior, hcl.Diagnostics) {
	imports := w.eval.Imports()
	for _, x := range w.opt.Adopt {
		imports = append(imports, lang.Adoption{To: x.To, ID: x.ID, Range: c.Range})
	}
	for _, m := range imports {
		if m.To != c.Address {
			continue
		}
		h := w.site.Systems.For(c.Type.Name)
		object, err := h.Import(w.ctx, m.ID)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, hcl.Diagnostics{problem(fmt.Sprintf("A %s can't be imported", c.Type.Name), "It lives in cairn's state alone. Remove the import block: it is created as the configuration says.", &m.Range)}
		}
		if err != nil {
			return nil, hcl.Diagnostics{problem(fmt.Sprintf("%s can't be imported", c.Address), fmt.Sprintf("No object answers to the id %q: %s.", m.ID, err), &m.Range)}
		}
		c.Imported = m.ID
		v := c.Type.FromGo(object, cty.NilVal)
		id := m.ID
		if x := c.Type.Attribute("id"); x != nil {
			if iv := v.GetAttr("id"); iv.IsKnown() && !iv.IsNull() {
				id = iv.AsString()
			}
		}
		return &prior{addr: c.Address, typ: c.Type, actual: v, record: &state.Record{Address: c.name, Type: c.Type.Name, ID: id}}, nil
	}
	return nil, nil
}
