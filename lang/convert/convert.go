// Package convert rewrites configurations: a cairn stack as a folder of .tf files,
// and a configuration for Terraform's OpenStack provider as one of cairn's. Texts
// go in, texts and a report come out: it reads and writes no files. What a type
// and its attributes are called it reads from the declarations.
package convert

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// An Output is a folder to write.
type Output struct {
	// Files by their path below the folder, with slashes.
	Files map[string][]byte
	// Copies are files and folders that belong to the folder as they are.
	Copies []Copy
}

// A Copy is a file, or a folder with all that is in it but hidden files and
// stacks.
type Copy struct{ From, To string }

// beyond are the functions that Terraform has of cairn's provider only.
var beyond = sync.OnceValue(lang.Beyond)

const requiredProviders = `terraform {
  required_providers {
    cairn = {
      source = "cairncloud/cairn"
    }
  }
}
`

func complaint(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

func remark(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: detail, Subject: &at}
}

// An edit puts text in the place of the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// A script is a text and what is to be changed in it.
type script struct {
	src   []byte
	edits []edit
}

func (s *script) put(start, end int, text string) {
	s.edits = append(s.edits, edit{start, end, text})
}

func (s *script) replace(r hcl.Range, text string) { s.put(r.Start.Byte, r.End.Byte, text) }

// text is a part of the script with the edits in it made. Of edits that overlap,
// the one that begins first and reaches farthest counts.
func (s *script) text(start, end int) string {
	all := slices.Clone(s.edits)
	slices.SortStableFunc(all, func(a, b edit) int {
		switch {
		case a.start != b.start:
			return a.start - b.start
		case a.start == a.end || b.start == b.end: // what is put before comes before
			return a.end - b.end
		}
		return b.end - a.end
	})
	var b strings.Builder
	at := start
	for _, e := range all {
		if e.start < at || e.end > end {
			continue
		}
		b.Write(s.src[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.Write(s.src[at:end])
	return b.String()
}

func (s *script) whole() []byte {
	out := s.text(0, len(s.src))
	return hclwrite.Format([]byte(out))
}

// A reader meets what expressions refer to and call.
type reader struct {
	// ref is told each reference whose first word no for expression binds.
	ref func(hcl.Traversal)
	// call is told each function call.
	call   func(*hclsyntax.FunctionCallExpr)
	locals []map[string]struct{}
}

// Enter is hclsyntax.Walker's.
func (r *reader) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch x := n.(type) {
	case hclsyntax.ChildScope:
		r.locals = append(r.locals, x.LocalNames)
	case *hclsyntax.FunctionCallExpr:
		if r.call != nil {
			r.call(x)
		}
	case *hclsyntax.ScopeTraversalExpr:
		for _, names := range r.locals {
			if _, bound := names[x.Traversal.RootName()]; bound {
				return nil
			}
		}
		if r.ref != nil {
			r.ref(x.Traversal)
		}
	}
	return nil
}

// Exit is hclsyntax.Walker's.
func (r *reader) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if _, ok := n.(hclsyntax.ChildScope); ok {
		r.locals = r.locals[:len(r.locals)-1]
	}
	return nil
}

func (r *reader) read(n hclsyntax.Node) { hclsyntax.Walk(n, r) }

// nameRange is where the name of a traversal's step stands, without its dot.
func nameRange(t hcl.Traversal, i int) (name string, r hcl.Range, ok bool) {
	if i >= len(t) {
		return "", r, false
	}
	switch s := t[i].(type) {
	case hcl.TraverseRoot:
		return s.Name, s.SrcRange, true
	case hcl.TraverseAttr:
		r = s.SrcRange
		r.Start.Byte = r.End.Byte - len(s.Name)
		return s.Name, r, true
	}
	return "", r, false
}

// words are first words of references that no resource type can have.
var words = []string{"var", "local", "module", "each", "count", "self", "path", "terraform", "tofu"}

// typeStep is the step of a reference that names a resource type: -1 when none does.
func typeStep(t hcl.Traversal) int {
	switch root := t.RootName(); {
	case slices.Contains(words, root):
		return -1
	case root == "data" || root == "resource":
		if _, _, ok := nameRange(t, 1); ok {
			return 1
		}
		return -1
	}
	return 0
}

// addressStep is typeStep for an address, which may go through modules.
func addressStep(t hcl.Traversal) int {
	i := 0
	for {
		name, _, ok := nameRange(t, i)
		if !ok {
			return -1
		}
		switch name {
		case "module":
			i += 2
			if i < len(t) {
				if _, indexed := t[i].(hcl.TraverseIndex); indexed {
					i++
				}
			}
		case "data", "resource":
			return i + 1
		default:
			return i
		}
	}
}

// unique finds a name that is not taken yet, and takes it.
func unique(taken map[string]bool, name string) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	taken[free] = true
	return free
}

// inOrder are the arguments of a body as they stand in the text.
func inOrder(b *hclsyntax.Body) []*hclsyntax.Attribute {
	all := make([]*hclsyntax.Attribute, 0, len(b.Attributes))
	for _, a := range b.Attributes {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return all
}

func at(r hcl.Range) string { return fmt.Sprintf("%s line %d", r.Filename, r.Start.Line) }

// standsAlone finds the type whose objects say what an element of a list says: it
// needs a reference to the list's owner, and has every attribute of the elements.
func standsAlone(types *schema.Types, owner *schema.Type, list *schema.Attribute) (typ *schema.Type, reference *schema.Attribute) {
	if len(list.Nested) == 0 || !list.Type.IsListType() && !list.Type.IsSetType() {
		return nil, nil
	}
next:
	for _, t := range types.All() {
		var to *schema.Attribute
		for _, a := range t.Attributes {
			if a.Required && a.Refers == owner.Go() {
				to = a
			}
		}
		if to == nil || types.Resource(t.Name) == nil {
			continue
		}
		for _, n := range list.Nested {
			if a := t.Attribute(n.Name); a == nil || n.Settable && !a.Settable || !a.Type.Equals(n.Type) {
				continue next
			}
		}
		return t, to
	}
	return nil, nil
}
