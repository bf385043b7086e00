package convert

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

//go:embed openstack.hcl
var openStackTable []byte

// A rule says what becomes of a foreign type, of its data source, or of a nested
// block. What the words mean stands in openstack.hcl.
type rule struct {
	To       string            `hcl:"to,optional"`
	Same     string            `hcl:"same,optional"`
	Rename   map[string]string `hcl:"rename,optional"`
	Lookup   map[string]string `hcl:"lookup,optional"`
	First    map[string]string `hcl:"first,optional"`
	Follow   map[string]string `hcl:"follow,optional"`
	Drop     map[string]string `hcl:"drop,optional"`
	Lose     map[string]string `hcl:"lose,optional"`
	Reads    map[string]string `hcl:"reads,optional"`
	Set      map[string]string `hcl:"set,optional"`
	LoseAll  string            `hcl:"lose_all,optional"`
	Also     []string          `hcl:"also,optional"`
	Later    string            `hcl:"later,optional"`
	Never    string            `hcl:"never,optional"`
	Merge    string            `hcl:"merge,optional"`
	DataOnly bool              `hcl:"data_only,optional"`

	Nested []labelled `hcl:"block,block"`
	Source *bare      `hcl:"data,block"`

	blocks map[string]*rule
	data   *rule
}

type labelled struct {
	Name string   `hcl:"name,label"`
	Body hcl.Body `hcl:",remain"`
}

type bare struct {
	Body hcl.Body `hcl:",remain"`
}

// A table is every rule by the foreign type's name.
type table struct {
	types      map[string]*rule
	everywhere *rule
}

// openStack is the table of the OpenStack provider. A mistake in it is a bug of
// the program: it panics.
var openStack = sync.OnceValue(func() *table {
	const name = "openstack.hcl"
	f, diags := hclsyntax.ParseConfig(openStackTable, name, hcl.InitialPos)
	must(diags)
	var top struct {
		Types      []labelled `hcl:"type,block"`
		Everywhere bare       `hcl:"everywhere,block"`
	}
	must(gohcl.DecodeBody(f.Body, nil, &top))
	t := &table{types: map[string]*rule{}, everywhere: ruleOf(top.Everywhere.Body)}
	for _, l := range top.Types {
		r := ruleOf(l.Body)
		for _, n := range append(r.Also, l.Name) {
			if t.types[n] != nil {
				panic(fmt.Sprintf("%s: %s is there twice", name, n))
			}
			t.types[n] = r
		}
	}
	return t
})

func must(diags hcl.Diagnostics) {
	if diags.HasErrors() {
		panic(diags.Error())
	}
}

func ruleOf(body hcl.Body) *rule {
	r := &rule{blocks: map[string]*rule{}}
	must(gohcl.DecodeBody(body, nil, r))
	for _, l := range r.Nested {
		r.blocks[l.Name] = ruleOf(l.Body)
	}
	if r.Source != nil {
		r.data = ruleOf(r.Source.Body)
		if r.data.To == "" {
			r.data.To = r.To
		}
	}
	return r
}

// of finds the rule for a resource or data block, and why there is none.
func (t *table) of(typ string, data bool) (r *rule, why string) {
	r = t.types[typ]
	switch {
	case r == nil:
		return nil, "the converter does not know this type"
	case r.Never != "":
		return nil, r.Never
	case r.Later != "":
		return nil, fmt.Sprintf("not in cairn yet (%s)", r.Later)
	case data && r.data == nil:
		return nil, "cairn has no such data source"
	case data:
		return r.data, ""
	case r.DataOnly:
		return nil, "cairn can only look it up"
	}
	return r, ""
}

// same reports whether an argument keeps its name.
func (r *rule) same(name string) bool { return slices.Contains(strings.Fields(r.Same), name) }

// read is the path in cairn's type for a foreign attribute that is read, or "".
func (t *table) read(r *rule, name string) string {
	for _, from := range []map[string]string{r.Reads, r.Rename, t.everywhere.Reads, t.everywhere.Rename} {
		if to := from[name]; to != "" {
			return to
		}
	}
	if b := r.blocks[name]; b != nil {
		return b.To
	}
	if name == "id" || r.same(name) {
		return name
	}
	return ""
}
