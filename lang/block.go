package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// Kind is what a block is.
type Kind byte

// The kinds of blocks.
const (
	KindVariable Kind = iota + 1
	KindLocal         // one value of a locals block
	KindResource
	KindData
	KindOutput
	KindCall // of a module
	KindCheck
)

// A Block is one block of one module call; of a locals block, one value.
type Block struct {
	Index  int // in Stack.Blocks
	Kind   Kind
	Module *Module
	Type   *schema.Type  // of a resource or data source
	Name   string        // the last label
	Addr   address.Block // of a resource or data source
	Range  hcl.Range     // of the header
	// Mentions are what must be evaluated before the block, each once an attribute.
	Mentions       []Mention
	ForEach, Count bool
	Lifecycle      *Lifecycle // never nil
	Timeouts       schema.Timeouts

	decl *decl
}

// A Mention is one block that another one speaks of.
type Mention struct {
	Block *Block
	// Attr is the attribute that is read of a resource; "": the whole object.
	Attr  string
	Range hcl.Range
	// Repetition: count or for_each hangs on it.
	Repetition bool
	// Depends: it stands in depends_on.
	Depends bool
}

// A Module is one module call, or the root: a node of a tree without keys.
type Module struct {
	Path   string // "module.a.module.b"; "" at the root
	Dir    string
	Parent *Module
	Call   *Block // nil at the root

	index    int
	folder   *folder
	blocks   []*Block          // by the index of their declaration
	children map[*decl]*Module // by call
	gated    bool              // which instances there are is evaluated
}

// A Lifecycle is what a lifecycle block says.
type Lifecycle struct {
	CreateBeforeDestroy, CreateBeforeDestroySet bool
	PreventDestroy, PreventDestroySet           bool
	IgnoreChanges                               IgnoreChanges
	ReplaceTriggeredBy                          []hcl.Range
	Preconditions, Postconditions               []hcl.Range
}

// IgnoreChanges are the attributes whose changes are left alone.
type IgnoreChanges struct {
	All   bool
	Paths []cty.Path
}

var noLifecycle = &Lifecycle{}

// String is the block as others mention it, with its module.
func (b *Block) String() string {
	s := b.decl.label()
	switch b.Kind {
	case KindVariable:
		s = "var." + b.Name
	case KindOutput:
		s = "output." + b.Name
	case KindCall:
		s = "module." + b.Name
	case KindCheck:
		s = "check." + b.Name
	}
	if b.Module.Path != "" {
		return b.Module.Path + "." + s
	}
	return s
}

// AttributeRange is where the block sets an attribute; its header when it does
// not. A path such as "rules[0].port" is found by its first word.
func (b *Block) AttributeRange(path string) hcl.Range {
	name := path
	for i := range path {
		if path[i] == '.' || path[i] == '[' {
			name = path[:i]
			break
		}
	}
	if a := b.decl.raw.arg(name); a != nil {
		return a.expr.Range()
	}
	return b.Range
}

// Moved says that what is recorded at From is To now. Both are full addresses;
// modules in them have keys only where the author wrote some.
type Moved struct {
	From, To address.Target
	Range    hcl.Range
}

// Removed says what becomes of objects that are no longer in the configuration.
type Removed struct {
	From   address.Target
	Forget bool // leave the objects alone
	Range  hcl.Range
}
