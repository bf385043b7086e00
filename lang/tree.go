package lang

import (
	"fmt"

	"github.com/cairncloud/cairn/resources/address"
)

// maxCalls bounds module calls: folders that call each other twice grow without
// measure.
const maxCalls = 200_000

// grow makes the modules below a call, and their blocks.
func (l *loader) grow(f *folder, parent *Module, call *Block) *Module {
	m := &Module{Dir: f.dir, Parent: parent, Call: call, index: len(l.grown), folder: f}
	if parent != nil {
		m.Path = address.Child(parent.Path, call.Name, address.NoKey)
		m.gated = parent.gated || call.decl.repeated || call.decl.raw.arg("depends_on") != nil
	}
	if l.calls++; l.calls > maxCalls {
		if l.calls == maxCalls+1 {
			l.bad(call.Range, "Too many modules", fmt.Sprintf("The stack has more than %d module calls, counted through all folders. Split it.", maxCalls))
		}
		return m
	}
	l.grown = append(l.grown, m)
	l.stack.modules[m.Path] = m
	blocks := make([]Block, len(f.decls))
	m.blocks = make([]*Block, len(f.decls))
	for i, d := range f.decls {
		b := &blocks[i]
		*b = Block{Index: len(l.stack.Blocks), Kind: d.kind, Module: m, Name: d.name, Range: d.header, Lifecycle: noLifecycle, Timeouts: d.timeouts, decl: d}
		if d.lifecycle != nil {
			b.Lifecycle = d.lifecycle
		}
		b.ForEach, b.Count = d.each != nil, d.count != nil
		if d.kind == KindResource || d.kind == KindData {
			b.Type = d.typ
			b.Addr = address.Block{Module: m.Path, Data: d.kind == KindData, Type: f.typeName(d.word), Name: d.name}
			l.stack.find[b.Addr] = b
		}
		m.blocks[i] = b
		l.stack.Blocks = append(l.stack.Blocks, b)
	}
	for i, d := range f.decls {
		if d.kind == KindCall && d.child != nil {
			if m.children == nil {
				m.children = map[*decl]*Module{}
			}
			m.children[d] = l.grow(d.child, m, m.blocks[i])
			if l.calls > maxCalls {
				return m
			}
		}
	}
	return m
}

// connect fills in what every block mentions.
func (l *loader) connect() {
	var c collector
	for _, m := range l.grown {
		for _, b := range m.blocks {
			c.begin(b)
			c.refs(m, &b.decl.scope)
			if b.Kind == KindVariable && m.Parent != nil {
				if a := m.Call.decl.args[b.Name]; a != nil {
					c.refs(m.Parent, &a.scope)
				}
			}
			if m.gated || b.Kind == KindVariable && m.Parent != nil {
				c.add(Mention{Block: m.Call, Range: m.Call.Range})
			}
			b.Mentions = c.take()
		}
	}
}

// A collector gathers the mentions of one block after the other.
type collector struct {
	owner *Block
	met   map[mentioned]int
	all   []Mention
	slab  []Mention
}

type mentioned struct {
	block *Block
	attr  string
}

func (c *collector) begin(b *Block) {
	c.owner = b
	c.all = c.all[:0]
	clear(c.met)
}

func (c *collector) take() []Mention {
	n := len(c.all)
	if n == 0 {
		return nil
	}
	if len(c.slab)+n > cap(c.slab) {
		c.slab = make([]Mention, 0, max(1024, n))
	}
	start := len(c.slab)
	c.slab = append(c.slab, c.all...)
	return c.slab[start : start+n : start+n]
}

func (c *collector) add(m Mention) {
	if len(c.all) < 8 {
		for i := range c.all {
			if x := &c.all[i]; x.Block == m.Block && x.Attr == m.Attr {
				x.Repetition = x.Repetition || m.Repetition
				x.Depends = x.Depends && m.Depends
				return
			}
		}
		c.all = append(c.all, m)
		return
	}
	if c.met == nil {
		c.met = map[mentioned]int{}
	}
	if len(c.met) == 0 {
		for i, x := range c.all {
			c.met[mentioned{x.Block, x.Attr}] = i
		}
	}
	k := mentioned{m.Block, m.Attr}
	if i, ok := c.met[k]; ok {
		x := &c.all[i]
		x.Repetition = x.Repetition || m.Repetition
		x.Depends = x.Depends && m.Depends
		return
	}
	c.met[k] = len(c.all)
	c.all = append(c.all, m)
}

// refs turns the references of a scope into mentions of the module's blocks.
func (c *collector) refs(m *Module, s *scope) {
	for i := range s.refs {
		r := &s.refs[i]
		x := Mention{Attr: r.attr, Range: r.rng, Repetition: r.repetition, Depends: r.depends}
		if r.decl != nil {
			x.Block = m.blocks[r.decl.index]
			if x.Block == c.owner && c.owner.Kind == KindVariable {
				continue // a validation of the variable's own value
			}
			c.add(x)
			continue
		}
		child := m.children[r.call]
		if child == nil || child.blocks == nil {
			continue
		}
		switch {
		case r.out != nil:
			x.Block = child.blocks[r.out.index]
			c.add(x)
		case r.depends:
			c.whole(child, x)
		default:
			x.Block = child.Call
			c.add(x)
			for _, d := range child.folder.decls {
				if d.kind == KindOutput {
					x.Block = child.blocks[d.index]
					c.add(x)
				}
			}
		}
	}
}

// whole mentions everything in a module, for depends_on.
func (c *collector) whole(m *Module, x Mention) {
	x.Block = m.Call
	c.add(x)
	for _, b := range m.blocks {
		if b.Kind == KindResource || b.Kind == KindData || b.Kind == KindOutput {
			x.Block = b
			c.add(x)
		}
	}
	for _, b := range m.blocks {
		if child := m.children[b.decl]; child != nil {
			c.whole(child, x)
		}
	}
}
