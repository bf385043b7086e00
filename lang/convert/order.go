package convert

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// cairn puts a port after the subnets of its network, because the declaration of
// a port says so. Terraform knows of an order only what references say.

// Order writes into a folder of .tf files, loaded without complaints, what comes
// first where only a declaration says so. It answers with the files that change,
// by their path below the folder.
func Order(s *lang.Stack, types *schema.Types) map[string][]byte {
	w := &writer{stack: s, types: types, bundle: s.Bundle(), folders: map[string]*stackFolder{}, out: &Output{Files: map[string][]byte{}}}
	w.read()
	if w.diags.HasErrors() {
		return nil
	}
	w.order(nil, nil)
	changed := map[string][]byte{}
	for _, f := range w.folderOrder {
		for _, x := range f.files {
			if text := x.whole(); !bytes.Equal(text, x.src) {
				changed[path.Join(f.out, x.name)] = text
			}
		}
	}
	return changed
}

// order writes depends_on where only a declaration says what comes first.
func (w *writer) order(all lists, gone map[*list]bool) {
	edges := w.edges(all, gone)
	done := map[*hclsyntax.Block]bool{}
	for _, f := range w.folderOrder {
		if len(f.modules) == 0 {
			continue
		}
		m := f.modules[0]
		for _, x := range f.files {
			for _, b := range x.body.Blocks {
				if b.Type != "resource" || len(b.Labels) != 2 || done[b] {
					continue
				}
				done[b] = true
				own := w.blocks[blockName{module: m.Path, kind: lang.KindResource, typ: strings.TrimPrefix(b.Labels[0], lang.TerraformPrefix), name: b.Labels[1]}]
				if own == nil || own.Type == nil {
					continue
				}
				var names []string
				for _, first := range w.before(own, m, edges) {
					edges[own.Index] = append(edges[own.Index], first.Index)
					names = append(names, lang.TerraformName(first.Addr.Type)+"."+first.Name)
				}
				if len(names) > 0 {
					dependOn(x, b, names)
				}
			}
		}
	}
}

// before lists the blocks that come before one because they refer to the same, or
// because their type does.
func (w *writer) before(own *lang.Block, m *lang.Module, edges [][]int) []*lang.Block {
	var all []*lang.Block
	for _, b := range w.stack.Blocks {
		if b.Module != m || b.Kind != lang.KindResource || b == own || b.Type == nil {
			continue
		}
		first := slices.Contains(own.Type.After, b.Type.Name) && common(own, b) || slices.Contains(b.Type.Before, own.Type.Name)
		if first && !reaches(edges, own.Index, b.Index) && !reaches(edges, b.Index, own.Index) {
			all = append(all, b)
		}
	}
	return all
}

// common reports whether two blocks refer to the same object of a type that the
// declarations of both have references to.
func common(a, b *lang.Block) bool {
	for _, m := range a.Mentions {
		if m.Attr != "id" || m.Block.Type == nil {
			continue
		}
		t := m.Block.Type.Go()
		if refersTo(a.Type.Attributes, t) && refersTo(b.Type.Attributes, t) &&
			slices.ContainsFunc(b.Mentions, func(x lang.Mention) bool { return x.Block == m.Block && x.Attr == "id" }) {
			return true
		}
	}
	return false
}

func refersTo(all []*schema.Attribute, t reflect.Type) bool {
	return slices.ContainsFunc(all, func(a *schema.Attribute) bool { return a.Refers == t || refersTo(a.Nested, t) })
}

func reaches(edges [][]int, from, to int) bool {
	seen := map[int]bool{from: true}
	for todo := []int{from}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i == to {
			return true
		}
		for _, j := range edges[i] {
			if !seen[j] {
				seen[j] = true
				todo = append(todo, j)
			}
		}
	}
	return false
}

// dependOn adds references to a block's depends_on.
func dependOn(x *stackFile, b *hclsyntax.Block, names []string) {
	text := strings.Join(names, ", ")
	if a := b.Body.Attributes["depends_on"]; a != nil {
		if list, ok := a.Expr.(*hclsyntax.TupleConsExpr); ok {
			if len(list.Exprs) > 0 {
				text += ", "
			}
			x.put(list.OpenRange.End.Byte, list.OpenRange.End.Byte, text)
		}
		return
	}
	at := hcl.Range{Start: b.CloseBraceRange.Start, End: b.CloseBraceRange.Start}
	line := fmt.Sprintf("\n  # cairn sees this order by itself.\n  depends_on = [%s]\n", text)
	if strings.HasSuffix(strings.TrimRight(string(x.src[:at.Start.Byte]), " \t"), "\n") {
		line = line[1:]
	}
	x.replace(at, line)
}
