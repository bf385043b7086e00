package planner

import (
	"context"
	"fmt"
	"slices"

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
	if snap.Front != "" && len(snap.Records)+len(snap.Intents) > 0 {
		return nil, nil, append(diags, problem(fmt.Sprintf("Stack %s is kept by %s", conf.Name, snap.Front),
			"Its objects stand in the state of "+snap.Front+", and a stack has one front end. Give this stack another name, or take the other one over with `cairn state import-terraform`.", nil))
	}
	w := &walk{
		ctx: ctx, site: site, conf: conf, opt: opt, snap: snap, order: order,
		eval: conf.Evaluator(),
		plan: &Plan{Stack: conf.Name, Serial: snap.Serial, Options: opt, Open: snap.Open, Left: snap.Intents, site: site, conf: conf},
		vals: map[*lang.Block]bool{}, placing: placing{solved: hosts}, replaced: map[*lang.Block]bool{}, changed: map[*lang.Block][]*Change{},
	}
	w.plan.OpenLive = snap.Open != nil && snap.Lock != nil
	var d hcl.Diagnostics
	w.priors, d = readPriors(snap.Records, site.Types, conf, w.open)
	if diags = append(diags, d...); diags.HasErrors() {
		return nil, nil, diags
	}
	if err := site.Facts(ctx); err != nil && opt.Refresh != RefreshNone {
		return nil, nil, append(diags, unreadable("hosts of the cloud", err))
	}
	w.ledger = newLedger(ctx, site.Store, site.Store.CloudID(), conf.Name, site.Keys.Stream)
	w.ledger.moved = w.priors.renamed()
	w.world = newWorld(ctx, site, conf.Name)
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
		diags = append(diags, w.warned()...)
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
		if !diags.HasErrors() {
			diags = append(diags, w.warned()...)
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
	ctx     context.Context
	site    *Site
	conf    *lang.Stack
	opt     Options
	snap    *state.Snapshot
	order   *blockOrder
	eval    *lang.Evaluator
	world   *world
	ledger  *ledger
	priors  *priors
	fitting fitting
	plan    *Plan
	vals    map[*lang.Block]bool // mentioned by somebody: its values are wanted
	aimed   map[*lang.Block]bool // nil: no targets
	cbd     map[*lang.Block]bool
	// builtin are the objects of the built-in stack that are still to be made.
	builtin  []*entity
	placing  placing
	replaced map[*lang.Block]bool // with an object that is replaced
	changed  map[*lang.Block][]*Change
	// imports by address, as far as their blocks have been expanded.
	imports map[address.Object]lang.Adoption
	adopted int
	undo    *cleanup // nil: what is planned stays
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
	w.plan.Objects++
	if w.aimed != nil && !w.hit(i) {
		return w.leave(i, p)
	}
	t := i.Block.Type
	config, diags := w.eval.Config(i)
	if !diags.HasErrors() {
		var err error
		if config, err = w.given(t, config, w.said()); err != nil {
			diags = append(diags, w.abouts(&Change{Address: i.Addr, Range: i.Block.Range, block: i.Block}, err)...)
		}
	}
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
	if p != nil && c.Imported == "" && slices.ContainsFunc(w.opt.Adopt, func(x Adoption) bool { return x.To == i.Addr }) {
		diags = append(diags, problem(fmt.Sprintf("%s has an object already", i.Addr), fmt.Sprintf("Its id is %s. Import under another address, or have cairn forget that one first: `cairn state rm %s`.", p.record.ID, i.Addr), &c.Range))
	}
	if p != nil {
		p.met = true
		c.record, c.Moved = p.record, p.moved
	}
	d := w.decide(c, p, config)
	diags = append(diags, d...)
	return diags
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
