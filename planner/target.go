package planner

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
)

// target finds the blocks that the plan is bound to: those named, and what they
// depend on; when destroying, what depends on them.
func (w *walk) target() hcl.Diagnostics {
	if len(w.opt.Targets) == 0 {
		return nil
	}
	w.aimed = map[*lang.Block]bool{}
	var diags hcl.Diagnostics
	if w.opt.Leave == "" { // else the part is all that is meant
		diags = hcl.Diagnostics{warning("Only a part is planned",
			"-target is for getting out of trouble. What it leaves out may not be as the configuration says; plan without it afterwards.", nil)}
	}
	for _, t := range w.opt.Targets {
		found := false
		for _, b := range w.conf.Blocks {
			if (b.Kind == lang.KindResource || b.Kind == lang.KindData) && mayCover(t, b.Addr) {
				found = true
				w.need(b)
			}
		}
		for _, p := range w.priors.sorted {
			found = found || t.Covers(p.addr)
		}
		if !found {
			diags = append(diags, problem(fmt.Sprintf("Nothing is at %s", t.Object), "Neither the configuration nor the state has it. `cairn state list` shows the addresses.", nil))
		}
	}
	return diags
}

func mayCover(t address.Target, b address.Block) bool {
	module := address.StaticModule(t.Module)
	if t.IsModule() {
		return address.Object{Module: b.Module}.Below(module)
	}
	return b == address.Block{Module: module, Data: t.Data, Type: t.Type, Name: t.Name}
}

func (w *walk) need(b *lang.Block) {
	if w.aimed[b] {
		return
	}
	w.aimed[b] = true
	for _, m := range b.Mentions {
		w.need(m.Block)
	}
}

// aimedAt reports whether an address is named itself.
func (w *walk) aimedAt(a address.Object) bool {
	return slices.ContainsFunc(w.opt.Targets, func(t address.Target) bool { return t.Covers(a) })
}

// hit reports whether an instance is planned under the targets: named itself, or
// of a block that something named depends on.
func (w *walk) hit(i lang.Instance) bool {
	if !w.aimed[i.Block] {
		return false
	}
	for _, t := range w.opt.Targets {
		if mayCover(t, i.Block.Addr) {
			return w.aimedAt(i.Addr)
		}
	}
	return true
}

// leave passes an instance over: others see it as it is.
func (w *walk) leave(i lang.Instance, p *prior) hcl.Diagnostics {
	if p == nil {
		w.eval.Set(i, cty.UnknownVal(i.Block.Type.Object()))
		return nil
	}
	p.met = true
	w.plan.Unchanged++
	v, err := w.priors.value(p)
	if err != nil {
		return w.lost(&Change{Address: i.Addr, Type: i.Block.Type, inst: i, Range: i.Block.Range}, err)
	}
	w.eval.Set(i, v)
	return nil
}

// destroy plans the end of everything, or of the targets and what depends on
// them.
func (w *walk) destroy() hcl.Diagnostics {
	var diags hcl.Diagnostics
	doomed := w.doomed()
	for _, p := range append(slices.Clone(w.priors.sorted), w.priors.deposed...) {
		if doomed != nil && !doomed[p.addr] {
			continue
		}
		c, err := w.deletion(p)
		if err != nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil))
			continue
		}
		if b := w.conf.Find(p.addr.Block()); b != nil {
			c.block, c.Range = b, b.Range
			if b.Lifecycle.PreventDestroy {
				diags = append(diags, w.protected(c))
			}
		}
		w.plan.Changes = append(w.plan.Changes, c)
	}
	if doomed == nil {
		for _, o := range w.snap.Outputs {
			v, err := decodeOutput(w.site, o)
			if err != nil {
				v = cty.DynamicVal
			}
			w.plan.Outputs = append(w.plan.Outputs, OutputChange{Name: o.Name, Prior: v, Sensitive: o.Sensitive})
		}
	}
	return diags
}

// doomed are the targets and whatever depends on them, by the dependencies that
// the records keep. Nil: all.
func (w *walk) doomed() map[address.Object]bool {
	if len(w.opt.Targets) == 0 {
		return nil
	}
	users := map[string][]*prior{}
	for _, p := range w.priors.sorted {
		for _, d := range p.record.Deps {
			users[d] = append(users[d], p)
		}
	}
	doomed := map[address.Object]bool{}
	var todo []*prior
	for _, p := range w.priors.sorted {
		if w.aimedAt(p.addr) {
			todo = append(todo, p)
		}
	}
	met := map[string]bool{}
	for ; len(todo) > 0; todo = todo[1:] {
		p := todo[0]
		doomed[p.addr] = true
		if block := p.addr.Block().String(); !met[block] {
			met[block] = true
			todo = append(todo, users[block]...)
		}
	}
	return doomed
}

// createFirst are the blocks whose replacements are made before what they
// replace goes: those that ask for it, and all that these depend on, or there
// would be no order.
func createFirst(blocks []*lang.Block) map[*lang.Block]bool {
	first := map[*lang.Block]bool{}
	var mark func(b *lang.Block)
	mark = func(b *lang.Block) {
		if first[b] {
			return
		}
		first[b] = true
		for _, m := range b.Mentions {
			mark(m.Block)
		}
	}
	for _, b := range blocks {
		if b.Lifecycle.CreateBeforeDestroy {
			mark(b)
		} else if b.Kind == lang.KindResource && b.Type.CreateFirst && !b.Lifecycle.CreateBeforeDestroySet {
			mark(b)
		}
	}
	return first
}

// destroyFirst carries destroy-first to the replaced objects that depend on one
// that is destroyed first, or did when they were made: they must be gone before it
// can go.
func (w *walk) destroyFirst() {
	fell := map[*lang.Block]bool{}
	var todo []*lang.Block
	fall := func(b *lang.Block) {
		if b != nil && !fell[b] {
			fell[b] = true
			todo = append(todo, b)
		}
	}
	depended := map[string][]*Change{} // block: whose records depend on it
	for _, c := range w.plan.Changes {
		if c.Action == DeleteCreate {
			fall(c.block)
		}
		if c.record != nil {
			for _, d := range c.record.Deps {
				depended[d] = append(depended[d], c)
			}
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, user := range w.plan.users(todo[0]) {
			fall(user)
		}
		for _, c := range depended[todo[0].Addr.String()] {
			fall(c.block)
		}
	}
	for _, c := range w.plan.Changes {
		if c.Action == CreateDelete && fell[c.block] {
			c.Action = DeleteCreate
			c.Note = "destroyed first: it depends on an object that must be"
		}
	}
}
