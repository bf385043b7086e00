package lang

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// An Evaluator evaluates the blocks of a stack, each after all that it mentions:
// Eval for variables, locals, outputs, calls and checks; Expand, then Config and
// Set for each instance, then Done, for resources and data sources. It is not
// for concurrent use.
type Evaluator struct {
	s         *Stack
	functions *hcl.EvalContext
	instances [][]*moduleInstance // by Module.index
	met       []bool              // the instances of a module are known
	paths     map[string]bool     // of module instances
	epoch     int                 // grows when a value is replaced
	imports   []Adoption
}

// A moduleInstance is one instance of a module call, with the values of its
// blocks.
type moduleInstance struct {
	module *Module
	parent *moduleInstance
	path   string // with keys
	own    own
	slots  []slot
}

// A slot is the value of one block in one module instance.
type slot struct {
	value cty.Value // NilVal: not yet
	many  *many     // of what repeats, and of calls
}

// many is the instances of a block that repeats.
type many struct {
	numbered bool
	keys     []address.Key
	values   []cty.Value
	whole    cty.Value // NilVal: to be built
	context  *hcl.EvalContext
	epoch    int // of context
	// Of a call.
	modules []*moduleInstance
	arg     *callArg // that context is for
	outs    map[*need]cty.Value
}

// own is what each and count stand for in one instance.
type own struct {
	key   address.Key
	value cty.Value // each.value; NilVal without for_each
}

// An Instance is one object of a resource or data block.
type Instance struct {
	Block *Block
	Addr  address.Object

	in  *moduleInstance
	own own
	n   int // among the block's instances in its module instance
}

// Module is the path of the module instance, with keys.
func (i Instance) Module() string { return i.in.path }

// Evaluator starts an evaluation of the stack.
func (s *Stack) Evaluator() *Evaluator {
	e := &Evaluator{s: s, functions: &hcl.EvalContext{Functions: s.funcs}, paths: map[string]bool{}}
	e.instances = make([][]*moduleInstance, s.Root.index+1)
	root := e.enter(s.Root, nil, own{})
	e.hold(s.Root, []*moduleInstance{root})
	return e
}

// Applying tells functions that the plan is being applied: timestamp is known.
func (e *Evaluator) Applying(now time.Time) { e.s.clock = now }

// HasModule reports whether a module instance, with keys, exists.
func (e *Evaluator) HasModule(path string) bool { return e.paths[path] }

func (e *Evaluator) enter(m *Module, parent *moduleInstance, o own) *moduleInstance {
	i := &moduleInstance{module: m, parent: parent, own: o, slots: make([]slot, len(m.blocks))}
	if parent != nil {
		i.path = address.Child(parent.path, m.Call.Name, o.key)
	}
	e.paths[i.path] = true
	return i
}

func (e *Evaluator) hold(m *Module, all []*moduleInstance) {
	for len(e.instances) <= m.index {
		e.instances = append(e.instances, nil)
		e.met = append(e.met, false)
	}
	for len(e.met) < len(e.instances) {
		e.met = append(e.met, false)
	}
	e.instances[m.index], e.met[m.index] = all, true
}

// of lists the instances of a module. Where nothing repeats there is exactly
// one; where something does, the calls have been evaluated before.
func (e *Evaluator) of(m *Module) []*moduleInstance {
	if m.index < len(e.instances) && e.met[m.index] {
		return e.instances[m.index]
	}
	if m.gated {
		return nil
	}
	parent := e.of(m.Parent)[0]
	i := e.enter(m, parent, own{})
	e.hold(m, []*moduleInstance{i})
	parent.slots[m.Call.decl.index].many = &many{modules: e.instances[m.index], keys: []address.Key{address.NoKey}}
	return e.instances[m.index]
}

// context makes the context that the expressions of a scope are evaluated in.
func (e *Evaluator) context(i *moduleInstance, s *scope) *hcl.EvalContext {
	if len(s.needs) == 0 {
		return e.functions
	}
	ctx := e.functions.NewChild()
	ctx.Variables = make(map[string]cty.Value, len(s.needs))
	for k := range s.needs {
		n := &s.needs[k]
		ctx.Variables[n.key] = e.lookup(i, n)
	}
	return ctx
}

func (e *Evaluator) lookup(i *moduleInstance, n *need) cty.Value {
	switch {
	case n.fix != cty.NilVal:
		return n.fix
	case n.call != nil && n.decl != nil: // one output of a call that does not repeat
		child := i.module.children[n.call]
		if child == nil {
			return unknown
		}
		if many := i.slots[n.call.index].many; many != nil && len(many.modules) == 1 {
			return known(many.modules[0].slots[n.decl.index].value)
		}
		if all := e.of(child); len(all) == 1 && all[0].parent == i {
			return known(all[0].slots[n.decl.index].value)
		}
		return unknown
	case n.call != nil:
		return e.moduleValue(i, n)
	case n.decl == nil:
		return cty.StringVal(e.s.Name)
	}
	slot := &i.slots[n.decl.index]
	if n.decl.typ == nil {
		return known(slot.value)
	}
	if n.decl.repeated {
		if slot.many == nil {
			return unknown
		}
		return slot.many.all(n.decl.typ)
	}
	if slot.value == cty.NilVal {
		return cty.UnknownVal(n.decl.typ.Object())
	}
	return slot.value
}

func known(v cty.Value) cty.Value {
	if v == cty.NilVal {
		return unknown
	}
	return v
}

// all is the collection of all instances, built once after the last Set.
func (m *many) all(t *schema.Type) cty.Value {
	if m.whole != cty.NilVal {
		return m.whole
	}
	for i, v := range m.values {
		if v == cty.NilVal {
			m.values[i] = cty.UnknownVal(t.Object())
		}
	}
	m.whole = m.collect(m.values)
	return m.whole
}

func (m *many) collect(values []cty.Value) cty.Value {
	if m.numbered {
		return cty.TupleVal(values)
	}
	vals := make(map[string]cty.Value, len(values))
	for i, k := range m.keys {
		name, _ := k.Name()
		vals[name] = values[i]
	}
	return cty.ObjectVal(vals)
}

// moduleValue is module.x as an object of outputs: all of them, or those that
// the block mentions.
func (e *Evaluator) moduleValue(i *moduleInstance, n *need) cty.Value {
	child := i.module.children[n.call]
	if child == nil {
		return unknown
	}
	e.of(child)
	m := i.slots[n.call.index].many
	if m == nil {
		return unknown
	}
	if v, ok := m.outs[n]; ok {
		return v
	}
	outs := n.outs
	if outs == nil {
		for _, d := range n.call.child.decls {
			if d.kind == KindOutput {
				outs = append(outs, d)
			}
		}
	}
	objects := make([]cty.Value, len(m.modules))
	for k, x := range m.modules {
		vals := make(map[string]cty.Value, len(outs))
		for _, d := range outs {
			vals[d.name] = known(x.slots[d.index].value)
		}
		objects[k] = cty.ObjectVal(vals)
	}
	var v cty.Value
	if n.call.repeated {
		v = m.collect(objects)
	} else {
		v = objects[0]
	}
	if m.outs == nil {
		m.outs = map[*need]cty.Value{}
	}
	m.outs[n] = v
	return v
}

// with adds what each and count stand for to a context.
func (o own) with(ctx *hcl.EvalContext) *hcl.EvalContext {
	child := ctx.NewChild()
	if n, ok := o.key.Index(); ok {
		child.Variables = map[string]cty.Value{"count.index": cty.NumberIntVal(int64(n))}
	} else if s, ok := o.key.Name(); ok {
		child.Variables = map[string]cty.Value{"each.key": cty.StringVal(s), "each.value": o.value}
	}
	return child
}

// blockContext is the context of a block in a module instance: kept while the
// block has many instances and nothing was replaced.
func (e *Evaluator) blockContext(i *moduleInstance, d *decl) *hcl.EvalContext {
	m := i.slots[d.index].many
	if m == nil {
		return e.context(i, &d.scope)
	}
	if m.context == nil || m.epoch != e.epoch {
		m.context, m.epoch = e.context(i, &d.scope), e.epoch
	}
	return m.context
}
