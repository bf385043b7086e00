package planner

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// blockOrder is the blocks of a stack in the order in which they can be
// planned. Sets of blocks that name each other's assigned attributes stand
// together.
type blockOrder struct {
	all    []*lang.Block
	groups [][]*lang.Block
	// group of a block by its index, for sets of more than one; 0: none.
	group []int
}

// orderBlocks finds the order, or says which blocks go round in a circle.
func orderBlocks(blocks []*lang.Block) (*blockOrder, hcl.Diagnostics) {
	o := &blockOrder{all: blocks, group: make([]int, len(blocks))}
	follow(blocks)
	precede(blocks)
	w := newWeb(len(blocks))
	for _, b := range blocks {
		for _, m := range b.Mentions {
			if m.Block == b {
				return nil, hcl.Diagnostics{lang.CycleDiagnostic([]*lang.Block{b})}
			}
			w.before(m.Block.Index, b.Index)
		}
	}
	sorted, left := w.order()
	if len(left) == 0 {
		for _, i := range sorted {
			o.groups = append(o.groups, []*lang.Block{blocks[i]})
		}
		return o, nil
	}
	return o.withLoops(w)
}

// withLoops orders the sets of blocks that reach each other as one, and the
// blocks of a set by what they mention besides assigned attributes.
func (o *blockOrder) withLoops(w *web) (*blockOrder, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	inside := map[int][]int{} // group: its blocks in order
	for n, set := range w.loops() {
		for _, i := range set {
			o.group[i] = n + 1
		}
		order, d := o.orderLoop(w, set)
		diags = append(diags, d...)
		inside[n+1] = order
	}
	if diags.HasErrors() {
		return nil, diags
	}
	// The sets are the vertices now: a set stands at its first block.
	stand := func(i int) int {
		if g := o.group[i]; g > 0 {
			return inside[g][0]
		}
		return i
	}
	outer := newWeb(len(o.all))
	for _, b := range o.all {
		for _, m := range b.Mentions {
			outer.before(stand(m.Block.Index), stand(b.Index))
		}
	}
	sorted, _ := outer.order()
	for _, i := range sorted {
		if g := o.group[i]; g > 0 {
			if i == inside[g][0] {
				o.groups = append(o.groups, o.pick(inside[g]))
			}
			continue
		}
		o.groups = append(o.groups, []*lang.Block{o.all[i]})
	}
	return o, nil
}

func (o *blockOrder) orderLoop(w *web, set []int) ([]int, hcl.Diagnostics) {
	at := make(map[int]int, len(set))
	for n, i := range set {
		at[i] = n
	}
	inner := newWeb(len(set))
	for n, i := range set {
		for _, m := range o.all[i].Mentions {
			if from, ok := at[m.Block.Index]; ok && !known(m) {
				inner.before(from, n)
			}
		}
	}
	sorted, left := inner.order()
	if len(left) == 0 {
		order := make([]int, len(sorted))
		for n, i := range sorted {
			order[n] = set[i]
		}
		return order, nil
	}
	var diags hcl.Diagnostics
	for _, l := range inner.loops() {
		var loop []*lang.Block
		for _, n := range inner.loop(l) {
			loop = append(loop, o.all[set[n]])
		}
		diags = append(diags, lang.CycleDiagnostic(loop))
	}
	return nil, diags
}

func (o *blockOrder) pick(indexes []int) []*lang.Block {
	blocks := make([]*lang.Block, len(indexes))
	for n, i := range indexes {
		blocks[n] = o.all[i]
	}
	return blocks
}

// together reports whether two blocks are in one set of blocks that name each
// other: between them there is no order of steps.
func (o *blockOrder) together(a, b *lang.Block) bool {
	return o.group[a.Index] > 0 && o.group[a.Index] == o.group[b.Index]
}

// known reports whether what is mentioned is chosen while planning, so that it
// can be had before the block itself is planned.
func known(m lang.Mention) bool {
	if m.Block.Kind != lang.KindResource || m.Attr == "" || m.Repetition {
		return false
	}
	a := m.Block.Type.Attribute(m.Attr)
	return a != nil && a.Source == schema.Assigned && a.Copies == ""
}

// follow adds the mentions that types ask for: of blocks of the types that theirs
// comes after, where both mention the same resource.
func follow(blocks []*lang.Block) {
	type kind struct {
		of  *lang.Block
		typ string
	}
	users := map[kind][]*lang.Block{}
	wanted := map[string]bool{}
	for _, b := range blocks {
		if b.Kind == lang.KindResource {
			for _, t := range b.Type.After {
				wanted[t] = true
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	for _, b := range blocks {
		if b.Kind == lang.KindResource && wanted[b.Type.Name] {
			for _, m := range b.Mentions {
				users[kind{m.Block, b.Type.Name}] = append(users[kind{m.Block, b.Type.Name}], b)
			}
		}
	}
	for _, b := range blocks {
		if b.Kind != lang.KindResource || len(b.Type.After) == 0 {
			continue
		}
		met := map[*lang.Block]bool{b: true}
		named := map[string]bool{} // a port that names its subnet waits for no other one
		for _, m := range b.Mentions {
			met[m.Block] = true
			if m.Block.Kind == lang.KindResource {
				named[m.Block.Type.Name] = true
			}
		}
		for _, m := range slices.Clone(b.Mentions) {
			for _, t := range b.Type.After {
				if named[t] {
					continue
				}
				for _, u := range users[kind{m.Block, t}] {
					if !met[u] {
						met[u] = true
						b.Mentions = append(b.Mentions, lang.Mention{Block: u, Attr: "id", Range: m.Range})
					}
				}
			}
		}
	}
}

// precede adds mentions of the blocks whose types come before others: to each of
// those that they do not hang on.
func precede(blocks []*lang.Block) {
	for _, first := range blocks {
		if first.Kind != lang.KindResource || len(first.Type.Before) == 0 {
			continue
		}
		met := map[*lang.Block]bool{first: true}
		for todo := []*lang.Block{first}; len(todo) > 0; todo = todo[1:] {
			for _, m := range todo[0].Mentions {
				if !met[m.Block] {
					met[m.Block] = true
					todo = append(todo, m.Block)
				}
			}
		}
		for _, b := range blocks {
			if b.Kind == lang.KindResource && !met[b] && slices.Contains(first.Type.Before, b.Type.Name) {
				b.Mentions = append(b.Mentions, lang.Mention{Block: first, Attr: "id", Range: first.Range})
			}
		}
	}
}
