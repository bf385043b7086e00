package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// Two blocks may name each other's ids in cairn, which knows ids while planning.
// Terraform learns them in apply, and refuses the circle. It is broken where an
// element of a list can be a resource of its own.

// A list is one whose elements can stand alone: all of them or none, since a
// thing is not said in two places.
type list struct {
	folder   *stackFolder
	file     *stackFile
	block    *hclsyntax.Block
	arg      *hclsyntax.Attribute
	tuple    *hclsyntax.TupleConsExpr
	elements []*element
	typ      *schema.Type      // that they become
	owner    *schema.Attribute // its reference to the block
	closes   hcl.Traversal     // what closed the circle
}

type element struct {
	*hclsyntax.ObjectConsExpr
	refs []hcl.Traversal
}

// lists by their blocks.
type lists map[*hclsyntax.Block][]*list

// breakCircles takes out elements until no circle is left, or complains. It tells
// the elements that can stand alone, and which of them do now.
func (w *writer) breakCircles() (all lists, gone map[*list]bool) {
	all, gone = w.lists(), map[*list]bool{}
	for {
		edges := w.edges(all, gone)
		sets := circles(w.stack.Blocks, edges)
		if len(sets) == 0 {
			break
		}
		stuck := false
		for _, set := range sets {
			pick := w.pick(all, gone, set)
			if pick == nil {
				w.round(set, edges)
				stuck = true
			}
			gone[pick] = true
		}
		if stuck {
			return all, gone
		}
	}
	for _, f := range w.folderOrder {
		for _, x := range f.files {
			for _, b := range x.body.Blocks {
				for _, l := range all[b] {
					if gone[l] {
						w.takeOut(l)
					}
				}
			}
		}
	}
	return all, gone
}

// lists finds the lists whose elements can stand alone.
func (w *writer) lists() lists {
	all := lists{}
	for _, f := range w.folderOrder {
		for _, x := range f.files {
			for _, b := range x.body.Blocks {
				if b.Type != "resource" || len(b.Labels) != 2 {
					continue
				}
				t := w.types.Resource(b.Labels[0])
				if t == nil {
					continue
				}
				for _, a := range inOrder(b.Body) {
					if l := w.list(t, a); l != nil {
						l.folder, l.file, l.block = f, x, b
						all[b] = append(all[b], l)
					}
				}
			}
		}
	}
	return all
}

func (w *writer) list(t *schema.Type, a *hclsyntax.Attribute) *list {
	attribute := t.Attribute(a.Name)
	tuple, ok := a.Expr.(*hclsyntax.TupleConsExpr)
	if attribute == nil || !ok {
		return nil
	}
	typ, owner := standsAlone(w.types, t, attribute)
	if typ == nil {
		return nil
	}
	l := &list{arg: a, tuple: tuple, typ: typ, owner: owner}
	for _, x := range tuple.Exprs {
		object, ok := x.(*hclsyntax.ObjectConsExpr)
		if !ok {
			return nil
		}
		for _, item := range object.Items {
			if typ.Attribute(hcl.ExprAsKeyword(item.KeyExpr)) == nil {
				return nil
			}
		}
		e := &element{ObjectConsExpr: object}
		read := &reader{ref: func(t hcl.Traversal) { e.refs = append(e.refs, t) }}
		read.read(object)
		l.elements = append(l.elements, e)
	}
	return l
}

// edges are what each block waits for in Terraform, by the blocks' indexes.
func (w *writer) edges(all lists, gone map[*list]bool) [][]int {
	edges := make([][]int, len(w.stack.Blocks))
	for i, b := range w.stack.Blocks {
		// A block that lost a list no longer waits for what only the list mentions.
		lost := map[*lang.Block]bool{}
		if mine := all[w.declaration(b)]; len(mine) > 0 {
			left := w.still(mine, b.Module, gone)
			for _, l := range mine {
				for _, e := range l.elements {
					for _, t := range e.refs {
						if to := w.mentioned(b.Module, t); gone[l] && to != nil && !left[to] {
							lost[to] = true
						}
					}
				}
			}
		}
		for _, m := range b.Mentions {
			if !lost[m.Block] {
				edges[i] = append(edges[i], m.Block.Index)
			}
		}
	}
	return edges
}

// still are the blocks that a block mentions besides in the lists that are gone.
func (w *writer) still(mine []*list, m *lang.Module, gone map[*list]bool) map[*lang.Block]bool {
	left := map[*lang.Block]bool{}
	read := &reader{ref: func(t hcl.Traversal) {
		at := t.SourceRange()
		for _, l := range mine {
			if o := l.tuple.SrcRange; gone[l] && at.Start.Byte >= o.Start.Byte && at.End.Byte <= o.End.Byte {
				return
			}
		}
		if b := w.mentioned(m, t); b != nil {
			left[b] = true
		}
	}}
	read.read(mine[0].block.Body)
	return left
}

// circles are the sets of blocks that wait for each other: Tarjan's strongly
// connected components, without recursion.
func circles(blocks []*lang.Block, edges [][]int) (sets [][]*lang.Block) {
	const unseen = 0
	n := len(blocks)
	num, low, on, next := make([]int, n), make([]int, n), make([]bool, n), make([]int, n)
	var stack, path []int
	count := 0
	for root := range n {
		if num[root] != unseen {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			i := path[len(path)-1]
			if num[i] == unseen {
				count++
				num[i], low[i] = count, count
				stack, on[i] = append(stack, i), true
			}
			if next[i] < len(edges[i]) {
				j := edges[i][next[i]]
				next[i]++
				switch {
				case num[j] == unseen:
					path = append(path, j)
				case on[j]:
					low[i] = min(low[i], num[j])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				p := path[len(path)-1]
				low[p] = min(low[p], low[i])
			}
			if low[i] != num[i] {
				continue
			}
			var set []*lang.Block
			for {
				j := stack[len(stack)-1]
				stack, on[j] = stack[:len(stack)-1], false
				set = append(set, blocks[j])
				if j == i {
					break
				}
			}
			if len(set) > 1 || slices.Contains(edges[i], i) {
				slices.SortFunc(set, func(a, b *lang.Block) int { return a.Index - b.Index })
				sets = append(sets, set)
			}
		}
	}
	return sets
}

// pick chooses the list that closes a circle: the shortest one whose block is free
// without it, else the shortest one.
func (w *writer) pick(all lists, gone map[*list]bool, set []*lang.Block) (best *list) {
	in := map[*lang.Block]bool{}
	for _, b := range set {
		in[b] = true
	}
	bestFree := false
	for _, b := range set {
		mine := all[w.declaration(b)]
		for _, l := range mine {
			if gone[l] || !w.closed(l, b.Module, in) {
				continue
			}
			without := map[*list]bool{l: true}
			for _, o := range mine {
				without[o] = without[o] || gone[o]
			}
			free := true
			for x := range w.still(mine, b.Module, without) {
				free = free && !in[x]
			}
			if best == nil || free && !bestFree || free == bestFree && len(l.elements) < len(best.elements) {
				best, bestFree = l, free
			}
		}
	}
	return best
}

// closed notes what a list mentions of a circle.
func (w *writer) closed(l *list, m *lang.Module, in map[*lang.Block]bool) bool {
	for _, e := range l.elements {
		for _, t := range e.refs {
			if in[w.mentioned(m, t)] {
				l.closes = t
				return true
			}
		}
	}
	return false
}

// round complains about a circle that can't be broken.
func (w *writer) round(set []*lang.Block, edges [][]int) {
	var b strings.Builder
	b.WriteString("cairn knows ids and addresses while planning, and Terraform learns them only in apply. For Terraform none of these can be made first:\n")
	var subject *hcl.Range
	for _, x := range loop(set, edges) {
		for _, m := range x.Mentions {
			if slices.Contains(set, m.Block) && slices.Contains(edges[x.Index], m.Block.Index) {
				if subject == nil {
					subject = m.Range.Ptr()
				}
				fmt.Fprintf(&b, "\n  %s mentions %s (%s)", x, m.Block, at(m.Range))
				break
			}
		}
	}
	b.WriteString("\n\nTake one of these mentions out, or put it into a resource of its own that names both, such as a rule or an association.")
	if subject == nil {
		subject = set[0].Range.Ptr()
	}
	w.complain(*subject, "Terraform can't plan a circle", b.String())
}

// loop is one way round in a set.
func loop(set []*lang.Block, edges [][]int) []*lang.Block {
	in := map[int]*lang.Block{}
	for _, b := range set {
		in[b.Index] = b
	}
	var way []*lang.Block
	met := map[int]int{}
	for i := set[0].Index; ; {
		if from, ok := met[i]; ok {
			return way[from:]
		}
		met[i] = len(way)
		way = append(way, in[i])
		for _, j := range edges[i] {
			if in[j] != nil {
				i = j
				break
			}
		}
	}
}

// takeOut makes the elements of a list resources of their own, after its block.
func (w *writer) takeOut(l *list) {
	x, b := l.file, l.block
	owner, other := lang.TerraformName(b.Labels[0])+"."+b.Labels[1], mentionText(x, l.closes)
	self, repeat := owner, ""
	for word, key := range map[string]string{"count": "[count.index]", "for_each": "[each.key]"} {
		if a := b.Body.Attributes[word]; a != nil {
			repeat = fmt.Sprintf("  %s = %s\n", word, x.text(a.Expr.Range().Start.Byte, a.Expr.Range().End.Byte))
			self += key
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n\n# The %s of %s stand alone: inside of it they would close a circle\n# with %s, which Terraform can't plan.", l.arg.Name, owner, other)
	var names []string
	last := l.tuple.SrcRange.Start.Byte + 1
	for i, e := range l.elements {
		name := l.folder.free(l.typ.Name, b.Labels[1]+"_"+w.about(l, e, fmt.Sprint(i+1)))
		names = append(names, lang.TerraformName(l.typ.Name)+"."+name)
		if i > 0 {
			text.WriteString("\n")
		}
		for _, c := range comments(x.src[last:e.SrcRange.Start.Byte]) {
			text.WriteString("\n" + c)
		}
		last = e.SrcRange.End.Byte
		fmt.Fprintf(&text, "\nresource %q %q {\n%s  %s = %s.id\n%s\n}", lang.TerraformName(l.typ.Name), name, repeat, l.owner.Name, self, e.arguments(x))
	}
	x.put(lineOf(x.src, l.arg.SrcRange.Start.Byte, l.arg.SrcRange.End.Byte, ""))
	x.put(b.CloseBraceRange.End.Byte, b.CloseBraceRange.End.Byte, text.String())
	w.remark(l.arg.SrcRange, fmt.Sprintf("The %s of %s stand alone in Terraform", l.arg.Name, owner),
		fmt.Sprintf("%s and %s mention each other. cairn plans that, because it knows ids in advance. Terraform can't, so there are %s.", owner, other, strings.Join(names, ", ")))
}

// about is what an element is named after: the first resource that it mentions.
func (w *writer) about(l *list, e *element, number string) string {
	for _, m := range l.folder.modules {
		for _, t := range e.refs {
			if to := w.mentioned(m, t); to != nil && to.Kind == lang.KindResource {
				return to.Name
			}
		}
	}
	return number
}

func mentionText(x *stackFile, t hcl.Traversal) string {
	n := len(t)
	if i := typeStep(t); i >= 0 && n > i+2 {
		n = i + 2
	} else if i < 0 && n > 2 {
		n = 2
	}
	return x.text(t[0].SourceRange().Start.Byte, t[n-1].SourceRange().End.Byte)
}

func (f *stackFolder) free(typ, name string) string {
	taken := map[string]bool{}
	for key := range f.taken {
		if n, ok := strings.CutPrefix(key, typ+"."); ok {
			taken[n] = true
		}
	}
	name = unique(taken, name)
	f.taken[typ+"."+name] = true
	return name
}

// arguments are the items of an element as the arguments of a block, with the
// comments between them.
func (e *element) arguments(x *stackFile) string {
	inner := script{src: x.src, edits: slices.Clone(x.edits)}
	last := e.SrcRange.Start.Byte + 1
	for _, item := range e.Items {
		k, v := item.KeyExpr.Range(), item.ValueExpr.Range()
		inner.put(last, k.Start.Byte, separator(x.src[last:k.Start.Byte]))
		inner.put(k.Start.Byte, v.Start.Byte, hcl.ExprAsKeyword(item.KeyExpr)+" = ")
		last = v.End.Byte
	}
	end := e.SrcRange.End.Byte - 1
	inner.put(last, end, separator(x.src[last:end]))
	return strings.Trim(inner.text(e.SrcRange.Start.Byte+1, end), "\n")
}

// separator is what stands between two items, without its comma and on lines of
// its own.
func separator(src []byte) string {
	return strings.Join(append([]string{""}, comments(src)...), " ") + "\n"
}

func comments(src []byte) []string {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	var all []string
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenComment {
			all = append(all, strings.TrimRight(string(t.Bytes), "\r\n"))
		}
	}
	return all
}

// lineOf widens an edit to whole lines if nothing else is on them.
func lineOf(src []byte, start, end int, text string) (int, int, string) {
	s, e := start, end
	for s > 0 && (src[s-1] == ' ' || src[s-1] == '\t') {
		s--
	}
	for e < len(src) && (src[e] == ' ' || src[e] == '\t' || src[e] == '\r') {
		e++
	}
	if (s == 0 || src[s-1] == '\n') && e < len(src) && src[e] == '\n' {
		return s, e + 1, text
	}
	return start, end, text
}
