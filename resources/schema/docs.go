package schema

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
)

// docs are the doc comments of a package's types and their fields.
type docs struct {
	types  map[string]string
	fields map[string]string // Type.Field
}

// docsOf reads the comments when they are asked for, once for one file system.
func docsOf(files fs.FS) func() *docs {
	return sync.OnceValue(func() *docs {
		d := &docs{types: map[string]string{}, fields: map[string]string{}}
		names, _ := fs.Glob(files, "*.go")
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := fs.ReadFile(files, name)
			if err != nil {
				panic("schema: " + err.Error())
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, withoutFunctions(src), parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				panic("schema: " + err.Error())
			}
			for _, decl := range file.Decls {
				g, ok := decl.(*ast.GenDecl)
				if !ok || g.Tok != token.TYPE {
					continue
				}
				for _, spec := range g.Specs {
					d.read(g, spec.(*ast.TypeSpec))
				}
			}
		}
		return d
	})
}

// withoutFunctions is formatted source without its functions: they are most of it,
// and nobody reads them here.
func withoutFunctions(src []byte) []byte {
	rest := make([]byte, 0, len(src)/2)
	inside := false
	for line := range bytes.Lines(src) {
		switch {
		case inside:
			inside = !bytes.Equal(line, []byte("}\n"))
		case bytes.HasPrefix(line, []byte("func ")):
			inside = !bytes.HasSuffix(line, []byte("}\n"))
		default:
			rest = append(rest, line...)
		}
	}
	return rest
}

func (d *docs) read(g *ast.GenDecl, spec *ast.TypeSpec) {
	doc := spec.Doc
	if doc == nil {
		doc = g.Doc
	}
	d.types[spec.Name.Name] = strings.TrimSpace(doc.Text())
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, n := range f.Names {
			d.fields[spec.Name.Name+"."+n.Name] = strings.TrimSpace(text)
		}
	}
}

// Doc is the doc comment of the declaration.
func (t *Type) Doc() string {
	if t.docs == nil {
		return ""
	}
	return renamed(t.docs().types[t.goType.Name()], t.goType.Name(), t.Name)
}

// Summary is the first sentence of Doc.
func (t *Type) Summary() string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(t.Doc()), " "), ". ")
	return strings.TrimSuffix(first, ".") + "."
}

// Reading says what a data block of the type reads, besides Doc; "" where Doc says
// it.
func (t *Type) Reading() string {
	if !t.DataOnly || t.Lookup() {
		return ""
	}
	return "It reads the one " + t.Name + " that has every attribute that is given."
}

// renamed lets a comment begin with the name that its reader knows.
func renamed(text, from, to string) string {
	if rest, ok := strings.CutPrefix(text, from+" "); ok {
		return to + " " + rest
	}
	return text
}

// AttributeDoc is the doc comment of an attribute of the type, or of an object
// nested in it.
func (t *Type) AttributeDoc(a *Attribute) string {
	if t.docs == nil {
		return ""
	}
	_, field, _ := strings.Cut(a.doc, ".")
	return renamed(t.docs().fields[a.doc], field, a.Name)
}

// Facts are what the declaration says of an attribute besides its type and
// comment, in a few words each.
func (a *Attribute) Facts(types *Types) []string {
	var facts []string
	if a.Refers != nil {
		if to := types.ByGo(a.Refers); to != nil {
			facts = append(facts, "id of a "+to.Name)
		}
	}
	if a.Default != cty.NilVal {
		facts = append(facts, "default "+string(appendValue(nil, a.Default, a.Default.Type())))
	}
	switch a.Change {
	case Replace:
		facts = append(facts, "a change needs a new object")
	case Stop:
		facts = append(facts, "a change stops the guest")
	case Grow:
		facts = append(facts, "can only grow")
	}
	return facts
}
