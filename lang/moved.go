package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
)

// movedBlock and removedBlock are relative to the module that they stand in.
type movedBlock struct {
	from, to address.Target
	rng      hcl.Range
}

type removedBlock struct {
	from   address.Target
	forget bool
	rng    hcl.Range
}

// An importBlock brings existing objects under a resource block.
type importBlock struct {
	target  object
	key     *expr // of the instance; nil: none
	id      *expr
	forEach *expr
	scope   scope
	decl    *decl
	rng     hcl.Range
}

func (l *loader) movedBlock(f *folder, b *block) {
	c := l.contents(b.body, &shape{args: []string{"from", "to"}}, "moved", nil)
	m := movedBlock{rng: b.header}
	from, ok1 := l.target(f, &c, "from", b.header)
	to, ok2 := l.target(f, &c, "to", b.header)
	if !ok1 || !ok2 {
		return
	}
	m.from, m.to = from, to
	if from.IsModule() != to.IsModule() {
		l.bad(b.header, "A module can't become a resource", "Move modules to modules, and resources to resources.")
		return
	}
	if from == to {
		l.bad(b.header, "Nothing is moved", "from and to are the same address.")
		return
	}
	f.moved = append(f.moved, m)
}

func (l *loader) removedBlock(f *folder, b *block) {
	c := l.contents(b.body, &shape{args: []string{"from"}, blocks: []blockShape{{name: "lifecycle"}}}, "removed", nil)
	r := removedBlock{rng: b.header}
	var ok bool
	if r.from, ok = l.target(f, &c, "from", b.header); !ok {
		return
	}
	if !r.from.IsModule() && f.objects[object{r.from.Data, r.from.Type, r.from.Name}] != nil {
		l.bad(b.header, fmt.Sprintf("%s is still declared", r.from.Object), "A removed block is about what is no longer in the configuration: take one of the two out.")
		return
	}
	for i := range c.blocks {
		x := l.contents(c.blocks[i].body, &shape{args: []string{"destroy"}}, "lifecycle", nil)
		if destroy, set := l.flag(&x, "destroy"); set {
			r.forget = !destroy
		}
	}
	f.removed = append(f.removed, r)
}

// target reads an address argument.
func (l *loader) target(f *folder, c *content, name string, header hcl.Range) (address.Target, bool) {
	a := c.arg(name)
	if a == nil {
		l.bad(header, fmt.Sprintf("%s is missing", name), fmt.Sprintf("Write %s = ADDRESS, such as network.erp or module.web.", name))
		return address.Target{}, false
	}
	t, diags := hcl.AbsTraversalForExpr(a.expr)
	if !diags.HasErrors() {
		if out, ok := f.address(t); ok {
			return out, true
		}
	}
	l.bad(a.expr.Range(), "Unsuitable address", "Write an address without quotes and expressions, such as network.erp, volume.data[2] or module.web[\"a\"].")
	return address.Target{}, false
}

// address is a traversal as an address in the folder.
func (f *folder) address(t hcl.Traversal) (address.Target, bool) {
	var out address.Target
	word := func(i int) (string, bool) {
		if i == 0 && i < len(t) {
			return t.RootName(), true
		}
		return attrStep(t, i)
	}
	key := func(i int) (address.Key, int, bool) {
		if i >= len(t) {
			return address.NoKey, i, true
		}
		x, ok := t[i].(hcl.TraverseIndex)
		if !ok {
			return address.NoKey, i, true
		}
		k, ok := keyOf(x.Key)
		return k, i + 1, ok
	}
	i := 0
	for {
		w, ok := word(i)
		if !ok || w != "module" {
			break
		}
		name, ok := word(i + 1)
		if !ok {
			return out, false
		}
		var k address.Key
		if k, i, ok = key(i + 2); !ok {
			return out, false
		}
		out.Module = address.Child(out.Module, name, k)
		out.Whole = k == address.NoKey
		if i == len(t) {
			return out, true
		}
	}
	w, ok := word(i)
	if ok && (w == "data" || w == "resource") {
		out.Data = w == "data"
		i++
		w, ok = word(i)
	}
	name, ok2 := word(i + 1)
	if !ok || !ok2 {
		return out, false
	}
	out.Type, out.Name = f.typeName(w), name
	if out.Type == "" {
		out.Type = w
	}
	if out.Key, i, ok = key(i + 2); !ok || i != len(t) {
		return out, false
	}
	out.Whole = out.Key == address.NoKey
	return out, true
}

// keyOf is a known value as the key of an instance.
func keyOf(v cty.Value) (address.Key, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return address.NoKey, false
	}
	switch v.Type() {
	case cty.String:
		return address.String(v.AsString()), true
	case cty.Number:
		n, acc := v.AsBigFloat().Int64()
		return address.Int(int(n)), acc == 0 && n >= 0
	}
	return address.NoKey, false
}

func (l *loader) importBlock(f *folder, b *block) {
	c := l.contents(b.body, &shape{args: []string{"to", "id", "for_each", "provider", "identity"}}, "import", nil)
	if f.rel != "." {
		l.bad(b.header, "An import block inside of a module", "Only the stack itself can import: move the block there, with the module in its address.")
		return
	}
	if a := c.arg("identity"); a != nil {
		l.bad(a.nameRange, "Identities are not supported", "Name the object by its id.")
		return
	}
	to, id := c.arg("to"), c.arg("id")
	if to == nil || id == nil {
		l.bad(b.header, "An import block is incomplete", "It needs to, the address of a resource, and id, the object that it is.")
		return
	}
	m := &importBlock{rng: b.header}
	x := l.reparsed(to.expr)
	if r, ok := x.(*hclsyntax.IndexExpr); ok {
		x = r.Collection
		m.key = &expr{x: r.Key, fixed: noValue}
	}
	bad := func() {
		l.bad(to.expr.Range(), "Unsuitable address", "Write the address of a resource of this folder, such as network.erp or volume.data[each.key].")
	}
	ref, ok := x.(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		bad()
		return
	}
	t, ok := f.address(ref.Traversal)
	if !ok || t.IsModule() || t.Data || t.Module != "" {
		bad()
		return
	}
	m.target = object{typ: t.Type, name: t.Name}
	if t.Key != address.NoKey {
		k := ref.Traversal[len(ref.Traversal)-1].(hcl.TraverseIndex)
		m.key = &expr{x: &hclsyntax.LiteralValueExpr{Val: k.Key, SrcRange: k.SrcRange}, fixed: k.Key}
	}
	m.id = &expr{x: l.native(id.expr), fixed: noValue}
	if a := c.arg("for_each"); a != nil {
		m.forEach = &expr{x: l.native(a.expr), fixed: noValue}
	}
	f.imports = append(f.imports, m)
}

// targets gathers the moved and removed blocks of all modules.
func (l *loader) targets() {
	for _, m := range l.grown {
		for _, x := range m.folder.moved {
			l.stack.Moved = append(l.stack.Moved, Moved{From: within(m.Path, x.from), To: within(m.Path, x.to), Range: x.rng})
		}
		for _, x := range m.folder.removed {
			l.stack.Removed = append(l.stack.Removed, Removed{From: within(m.Path, x.from), Forget: x.forget, Range: x.rng})
		}
	}
}

func within(module string, t address.Target) address.Target {
	switch {
	case module == "":
	case t.Module == "":
		t.Module = module
	default:
		t.Module = module + "." + t.Module
	}
	return t
}

// compileImports compiles the imports of a folder, once its blocks are known.
func (l *loader) compileImports(f *folder) {
	for _, m := range f.imports {
		m.decl = f.objects[m.target]
		if m.decl == nil {
			l.bad(m.rng, fmt.Sprintf("%s.%s is not declared", f.spelled(m.target.typ), m.target.name), "An import needs the resource block that the object is to belong to.")
			continue
		}
		may := uses{each: m.forEach != nil}
		if m.forEach != nil {
			m.forEach = l.expression(f, &m.scope, m.forEach.x, uses{repetition: true})
		}
		m.id = l.expression(f, &m.scope, m.id.x, may)
		if m.key != nil && m.key.fixed == noValue {
			m.key = l.expression(f, &m.scope, m.key.x, may)
		}
		// The resource is planned when the import is known.
		for _, r := range m.scope.refs {
			if !slices.ContainsFunc(m.decl.scope.refs, func(x ref) bool { return x.decl == r.decl && x.call == r.call && x.out == r.out && x.attr == r.attr }) {
				m.decl.scope.refs = append(m.decl.scope.refs, r)
			}
		}
		m.decl.imports = append(m.decl.imports, m)
	}
}
