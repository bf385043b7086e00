package lang

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/cairncloud/cairn/resources/address"
)

// maxCount bounds the instances of one block in one module instance.
const maxCount = 1_000_000

// Expand finds the instances of a resource or data block. Values that were set
// stay when the instances are the same as before.
func (e *Evaluator) Expand(b *Block) ([]Instance, hcl.Diagnostics) {
	var all []Instance
	var diags hcl.Diagnostics
	d := b.decl
	diags = append(diags, e.adopt(b)...)
	for _, i := range e.of(b.Module) {
		one := Instance{Block: b, in: i, Addr: address.Object{Module: i.path, Data: b.Kind == KindData, Type: b.Addr.Type, Name: b.Name}}
		if !d.repeated {
			all = append(all, one)
			continue
		}
		owns, numbered, x := e.repeat(i, d)
		diags = append(diags, e.about(i, x)...)
		if x.HasErrors() {
			i.slots[d.index].many = nil
			continue
		}
		m := &many{numbered: numbered, keys: make([]address.Key, len(owns)), values: make([]cty.Value, len(owns))}
		if all == nil {
			all = make([]Instance, 0, len(owns))
		}
		for n, o := range owns {
			m.keys[n] = o.key
			one.Addr.Key, one.own, one.n = o.key, o, n
			all = append(all, one)
		}
		if old := i.slots[d.index].many; old != nil {
			e.epoch++
			if sameKeys(old.keys, m.keys) {
				m.values = old.values
			}
		}
		i.slots[d.index].many = m
	}
	return all, diags
}

func sameKeys(a, b []address.Key) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// expandCall finds the instances of a module call.
func (e *Evaluator) expandCall(b *Block) hcl.Diagnostics {
	d := b.decl
	child := b.Module.children[d]
	if child == nil {
		return nil
	}
	if !child.gated {
		e.of(child)
		return nil
	}
	var all []*moduleInstance
	var diags hcl.Diagnostics
	for _, i := range e.of(b.Module) {
		owns, numbered := []own{{}}, false
		if d.repeated {
			var x hcl.Diagnostics
			owns, numbered, x = e.repeat(i, d)
			diags = append(diags, e.about(i, x)...)
			if x.HasErrors() {
				i.slots[d.index].many = nil
				continue
			}
		}
		m := &many{numbered: numbered, keys: make([]address.Key, len(owns)), modules: make([]*moduleInstance, len(owns))}
		for n, o := range owns {
			m.keys[n] = o.key
		}
		if old := i.slots[d.index].many; old != nil && sameKeys(old.keys, m.keys) {
			for n, o := range owns { // each.value may have changed
				old.modules[n].own = o
			}
			e.epoch++
			old.outs = nil
			all = append(all, old.modules...)
			continue
		}
		for n, o := range owns {
			m.modules[n] = e.enter(child, i, o)
		}
		i.slots[d.index].many = m
		all = append(all, m.modules...)
	}
	e.hold(child, all)
	return diags
}

// repeat evaluates count or for_each of a block in a module instance.
func (e *Evaluator) repeat(i *moduleInstance, d *decl) (all []own, numbered bool, diags hcl.Diagnostics) {
	ctx := e.context(i, &d.scope)
	if d.count != nil {
		n, diags := e.count(d, ctx)
		if diags.HasErrors() {
			return nil, true, diags
		}
		all = make([]own, n)
		for k := range all {
			all[k] = own{key: address.Int(k)}
		}
		return all, true, diags
	}
	all, diags = e.forEach(d.each, ctx)
	return all, false, diags
}

func (e *Evaluator) count(d *decl, ctx *hcl.EvalContext) (int, hcl.Diagnostics) {
	v, diags := d.count.eval(ctx)
	if diags.HasErrors() {
		return 0, diags
	}
	bad := func(summary, detail string) (int, hcl.Diagnostics) {
		return 0, append(diags, inContext(problem(d.count.rng(), summary, detail), d.count.x, ctx))
	}
	switch {
	case v.ContainsMarked():
		return bad("count is sensitive", "How many objects there are shows in every plan. Write nonsensitive(...) around it if it may.")
	case !v.IsKnown():
		return bad("count is not known yet", "How many objects there are must be known before anything is made. "+unknownParts(d.count, ctx))
	case v.IsNull():
		return bad("count is null", "Give it a number, or leave count out.")
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil {
		return bad("Unsuitable value for count", fmt.Sprintf("It must be a whole number, not %s.", article(v.Type().FriendlyName())))
	}
	f := n.AsBigFloat()
	k, acc := f.Int64()
	switch {
	case acc != big.Exact && f.IsInt() || k > maxCount:
		return bad("count is too large", fmt.Sprintf("A block can have at most %d objects.", maxCount))
	case acc != big.Exact:
		return bad("count is no whole number", fmt.Sprintf("It is %s. Use floor or ceil.", f.Text('g', 10)))
	case k < 0:
		return bad("count is negative", fmt.Sprintf("It is %d. Use max(0, ...).", k))
	}
	return int(k), diags
}

func (e *Evaluator) forEach(x *expr, ctx *hcl.EvalContext) ([]own, hcl.Diagnostics) {
	v, diags := x.eval(ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	bad := func(summary, detail string) ([]own, hcl.Diagnostics) {
		return nil, append(diags, inContext(problem(x.rng(), summary, detail), x.x, ctx))
	}
	const whole = "The keys of for_each must be known before anything is made. "
	t := v.Type()
	switch {
	case v.IsMarked():
		return bad("for_each is sensitive", "The keys show in every plan. Write nonsensitive(...) around them if they may.")
	case v.IsNull():
		return bad("for_each is null", "Give it a map or a set of strings; {} makes no objects.")
	case !v.IsKnown():
		return bad("for_each is not known yet", whole+unknownParts(x, ctx))
	case t.IsListType(), t.IsTupleType():
		return bad("for_each over a list", "Objects are told apart by keys, and a list has none. Use toset(...) for a list of strings, or a for expression that makes a map: { for x in ... : x.name => x }.")
	case !t.IsSetType() && !t.IsMapType() && !t.IsObjectType():
		return bad("Unsuitable value for for_each", fmt.Sprintf("It must be a map or a set of strings, not %s.", article(t.FriendlyName())))
	case t.IsSetType() && v.LengthInt() > 0 && t.ElementType() != cty.String:
		if t.ElementType() != cty.DynamicPseudoType {
			return bad("for_each over a set of other things than strings", fmt.Sprintf("It is a %s. Use a for expression that makes a map: { for x in ... : x.name => x }.", t.FriendlyName()))
		}
	}
	n := v.LengthInt()
	if n > maxCount {
		return bad("for_each is too large", fmt.Sprintf("A block can have at most %d objects.", maxCount))
	}
	all := make([]own, 0, n)
	for it := v.ElementIterator(); it.Next(); {
		k, ev := it.Element()
		if t.IsSetType() {
			k = ev
			switch {
			case !k.IsKnown():
				return bad("for_each is not known yet", whole+unknownParts(x, ctx))
			case k.IsNull():
				return bad("for_each has a null", "Each string of the set becomes a key. Take the null out, for example with compact.")
			}
		}
		if k.IsMarked() {
			return bad("for_each is sensitive", "The keys show in every plan. Write nonsensitive(...) around them if they may.")
		}
		all = append(all, own{key: address.String(k.AsString()), value: ev})
	}
	return all, diags
}

// unknownParts names the references of an expression that are not known yet.
func unknownParts(x *expr, ctx *hcl.EvalContext) string {
	var names []string
	seen := map[string]bool{}
	for _, t := range x.x.Variables() {
		v, diags := t.TraverseAbs(ctx)
		if diags.HasErrors() {
			continue
		}
		if plain, _ := v.UnmarkDeep(); plain.IsWhollyKnown() {
			continue
		}
		name := traversalText(t)
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "Use keys that are written out, and put what becomes known later into the values."
	}
	return fmt.Sprintf("%s will be known after apply. Use keys that are written out, and put what becomes known later into the values.", capital(list(names)))
}

func traversalText(t hcl.Traversal) string {
	s := t.RootName()
	for _, x := range t[1:] {
		switch x := x.(type) {
		case hcl.TraverseAttr:
			s += "." + x.Name
		case hcl.TraverseIndex:
			if k, ok := keyOf(x.Key); ok {
				s += k.String()
			}
		}
	}
	return s
}

// An Adoption is an object that an import block brings under an address.
type Adoption struct {
	To    address.Object
	ID    string
	Range hcl.Range
}

// Imports are the adoptions of the blocks that were expanded so far.
func (e *Evaluator) Imports() []Adoption { return e.imports }

// adopt evaluates the imports of a block that is about to be planned.
func (e *Evaluator) adopt(b *Block) hcl.Diagnostics {
	if len(b.decl.imports) == 0 || b.Module.Parent != nil {
		return nil
	}
	kept := e.imports[:0]
	for _, x := range e.imports { // of an earlier round
		if x.To.Type != b.Addr.Type || x.To.Name != b.Addr.Name {
			kept = append(kept, x)
		}
	}
	e.imports = kept
	var diags hcl.Diagnostics
	root := e.instances[e.s.Root.index][0]
	for _, m := range b.decl.imports {
		ctx := e.context(root, &m.scope)
		owns := []own{{}}
		if m.forEach != nil {
			var d hcl.Diagnostics
			if owns, d = e.forEach(m.forEach, ctx); d.HasErrors() {
				diags = append(diags, d...)
				continue
			}
		}
		for _, o := range owns {
			a, d := m.adopt(b, o.with(ctx))
			diags = append(diags, d...)
			if !d.HasErrors() {
				e.imports = append(e.imports, a)
			}
		}
	}
	return diags
}

func (m *importBlock) adopt(b *Block, ctx *hcl.EvalContext) (Adoption, hcl.Diagnostics) {
	a := Adoption{To: address.Object{Type: b.Addr.Type, Name: b.Name}, Range: m.rng}
	if m.key != nil {
		v, diags := m.key.eval(ctx)
		if diags.HasErrors() {
			return a, diags
		}
		k, ok := keyOf(v)
		if !ok {
			return a, append(diags, inContext(problem(m.key.rng(), "Unsuitable key", "The instance must be a number or a string that is known in the plan."), m.key.x, ctx))
		}
		a.To.Key = k
	}
	v, diags := m.id.eval(ctx)
	if diags.HasErrors() {
		return a, diags
	}
	if v.IsMarked() {
		return a, append(diags, inContext(problem(m.id.rng(), "The id is sensitive", "It shows in the plan. Write nonsensitive(...) around it if it may."), m.id.x, ctx))
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || !v.IsKnown() || v.IsNull() || v.AsString() == "" {
		return a, append(diags, inContext(problem(m.id.rng(), "Unsuitable id", "It must be a string that is known in the plan."), m.id.x, ctx))
	}
	a.ID = v.AsString()
	return a, diags
}
