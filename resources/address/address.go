// Package address is the name of one object: network.erp,
// module.tier["web"].volume.data[2]. Addresses are comparable values.
package address

import (
	"cmp"
	"strconv"
	"strings"
)

// A Key tells the instances of one block apart: none, a number (count) or a
// string (for_each).
type Key struct {
	kind byte // 0 none, 1 number, 2 string
	n    int
	s    string
}

// NoKey is the key of a block without count and for_each.
var NoKey = Key{}

// Int is the key of count.index n.
func Int(n int) Key { return Key{kind: 1, n: n} }

// String is the key of each.key s.
func String(s string) Key { return Key{kind: 2, s: s} }

// Index is the number of a count key.
func (k Key) Index() (n int, ok bool) { return k.n, k.kind == 1 }

// Name is the string of a for_each key.
func (k Key) Name() (s string, ok bool) { return k.s, k.kind == 2 }

// String is the key in brackets, as HCL writes it; empty for NoKey.
func (k Key) String() string {
	switch k.kind {
	case 1:
		return "[" + strconv.Itoa(k.n) + "]"
	case 2:
		return "[" + Quote(k.s) + "]"
	}
	return ""
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.n, o.n), cmp.Compare(k.s, o.s))
}

// A Block is the name of a resource or data block: all its instances.
type Block struct {
	Module string // static: "module.a.module.b"; "" at the root
	Data   bool
	Type   string
	Name   string
}

func (b Block) String() string {
	s := b.Type + "." + b.Name
	if b.Data {
		s = "data." + s
	}
	if b.Module != "" {
		s = b.Module + "." + s
	}
	return s
}

// An Object is the name of one instance of a block.
type Object struct {
	Module string // with keys: module.a["x"].module.b[0]; "" at the root
	Data   bool
	Type   string
	Name   string
	Key    Key
	// Owned is what an object brings along, below it: "port[0]". Empty for what an
	// author wrote.
	Owned string
}

func (o Object) String() string {
	var b strings.Builder
	b.Grow(len(o.Module) + len(o.Type) + len(o.Name) + len(o.Owned) + 16)
	if o.Module != "" {
		b.WriteString(o.Module)
		b.WriteByte('.')
	}
	if o.Data {
		b.WriteString("data.")
	}
	b.WriteString(o.Type)
	b.WriteByte('.')
	b.WriteString(o.Name)
	if o.Key.kind != 0 {
		b.WriteString(o.Key.String())
	}
	if o.Owned != "" {
		b.WriteByte('/')
		b.WriteString(o.Owned)
	}
	return b.String()
}

// Block is the block that the object is an instance of.
func (o Object) Block() Block {
	return Block{Module: StaticModule(o.Module), Data: o.Data, Type: o.Type, Name: o.Name}
}

// Parent is the object that brought this one along; an object that an author
// wrote is its own.
func (o Object) Parent() Object {
	o.Owned = ""
	return o
}

// Below reports whether the object is in the module instance (with keys), or in
// one below it.
func (o Object) Below(module string) bool {
	return module == "" || o.Module == module || strings.HasPrefix(o.Module, module+".")
}

// Compare orders addresses for people: modules after what stands beside them,
// numbers by their size.
func (o Object) Compare(p Object) int {
	return cmp.Or(
		strings.Compare(o.Module, p.Module),
		boolCompare(o.Data, p.Data),
		strings.Compare(o.Type, p.Type),
		strings.Compare(o.Name, p.Name),
		o.Key.compare(p.Key),
		strings.Compare(o.Owned, p.Owned),
	)
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Child is the module instance of a call inside a module instance.
func Child(module, call string, key Key) string {
	s := "module." + call + key.String()
	if module != "" {
		s = module + "." + s
	}
	return s
}

// StaticModule is a module instance without its keys.
func StaticModule(module string) string {
	if !strings.Contains(module, "[") {
		return module
	}
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(module); i++ {
		c := module[i]
		switch {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth > 0:
			quoted = c == '"'
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Quote writes s as an HCL string: template marks are escaped too.
func Quote(s string) string {
	if simple(s) {
		return `"` + s + `"`
	}
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '$', '%':
			b.WriteRune(r)
			if strings.HasPrefix(s[i+1:], "{") {
				b.WriteRune(r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func simple(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"', c == '\\', c == '$', c == '%', c < ' ':
			return false
		}
	}
	return true
}

// Rebase gives the place of a module instance after the module instance from
// became to. Keys that from leaves open stay as they are.
func Rebase(module, from, to string) (string, bool) {
	if module == from || strings.HasPrefix(module, from+".") {
		return to + module[len(from):], true
	}
	// module.a moves every instance of module.a.
	if strings.HasPrefix(module, from+"[") {
		return to + module[len(from):], true
	}
	return module, false
}

// UpperModule is the module instance that a module instance is called in.
func UpperModule(module string) string {
	quoted := false
	at := -1
	for i := 0; i < len(module); i++ {
		switch c := module[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(module[i:], ".module."):
			at = i
		}
	}
	if at < 0 {
		return ""
	}
	return module[:at]
}
