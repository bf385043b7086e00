package lang_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// The types of the tests: small lookalikes of the real ones.

type testNetwork struct {
	ID   string            `hcl:"id" plan:"assigned"`
	Name string            `hcl:"name,optional"`
	MTU  int               `hcl:"mtu,optional" plan:"assigned" check:"min=68,max=9000"`
	Tags map[string]string `hcl:"tags,optional"`
}

type testPool struct {
	Start string `hcl:"start"`
	End   string `hcl:"end"`
	Note  string `hcl:"note,optional"`
}

type testSubnet struct {
	ID        string                  `hcl:"id" plan:"assigned"`
	Name      string                  `hcl:"name,optional"`
	NetworkID schema.Ref[testNetwork] `hcl:"network_id" plan:"replace"`
	CIDR      string                  `hcl:"cidr" plan:"replace"`
	Pools     []testPool              `hcl:"allocation_pools,optional"`
	Status    string                  `hcl:"status" plan:"computed"`
}

type testUser struct {
	ID       string        `hcl:"id" plan:"assigned"`
	Password schema.Secret `hcl:"password,optional"`
}

type testValue struct {
	ID       string     `hcl:"id" plan:"assigned"`
	Input    schema.Any `hcl:"input,optional"`
	Triggers schema.Any `hcl:"triggers_replace,optional" plan:"replace"`
	Output   schema.Any `hcl:"output" plan:"assigned" from:"input"`
}

func testTypes() *schema.Types {
	return schema.NewTypes(
		schema.Declare[testNetwork]("network"),
		schema.Declare[testSubnet]("subnet"),
		schema.Declare[testUser]("user"),
		schema.Declare[testValue]("value"),
		schema.Declare[testValue]("terraform_data"),
	)
}

// memory is a Files made of file names below "stack".
func memory(files map[string]string) *lang.Bundle {
	b := &lang.Bundle{Dir: "stack", Cwd: "/srv", Files: map[string][]byte{}, Folders: map[string][]string{"stack": nil}}
	dirs := map[string]map[string]bool{"stack": {}}
	for name, text := range files {
		p := path.Join("stack", name)
		b.Files[p] = []byte(text)
		for p != "." && p != "stack" {
			dir, base := path.Split(p)
			dir = path.Clean(dir)
			if dirs[dir] == nil {
				dirs[dir] = map[string]bool{}
			}
			if b.Files[p] == nil {
				base += "/"
			}
			dirs[dir][base] = true
			p = dir
		}
	}
	for d, names := range dirs {
		b.Folders[d] = slices.Sorted(maps.Keys(names))
	}
	return b
}

func load(files map[string]string, opt lang.Options) (*lang.Stack, hcl.Diagnostics) {
	if opt.Types == nil {
		opt.Types = testTypes()
	}
	if opt.Files == nil {
		opt.Files = memory(files)
	}
	return lang.Load("stack", opt)
}

// evaluation plans a stack as simply as can be: every object is created, ids are
// the addresses, what only the system tells stays unknown.
type evaluation struct {
	eval    *lang.Evaluator
	objects map[string]cty.Value
	order   []string
	diags   hcl.Diagnostics
	failed  []*lang.Block // a loop
}

func evaluate(s *lang.Stack) *evaluation {
	x := &evaluation{eval: s.Evaluator(), objects: map[string]cty.Value{}}
	waits := make([]int, len(s.Blocks))
	users := make([][]int, len(s.Blocks))
	for _, b := range s.Blocks {
		for _, m := range b.Mentions {
			waits[b.Index]++
			users[m.Block.Index] = append(users[m.Block.Index], b.Index)
		}
	}
	var ready []int
	for i, n := range waits {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	done := 0
	for ; len(ready) > 0; ready = ready[1:] {
		b := s.Blocks[ready[0]]
		done++
		x.block(b)
		for _, u := range users[b.Index] {
			if waits[u]--; waits[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if done < len(s.Blocks) {
		for i, n := range waits {
			if n > 0 {
				x.failed = append(x.failed, s.Blocks[i])
			}
		}
	}
	return x
}

func (x *evaluation) block(b *lang.Block) {
	if b.Kind != lang.KindResource && b.Kind != lang.KindData {
		x.diags = append(x.diags, x.eval.Eval(b)...)
		return
	}
	all, diags := x.eval.Expand(b)
	x.diags = append(x.diags, diags...)
	for _, i := range all {
		v, d := x.eval.Config(i)
		x.diags = append(x.diags, d...)
		if d.HasErrors() {
			x.eval.Set(i, cty.UnknownVal(b.Type.Object()))
			continue
		}
		x.diags = append(x.diags, x.eval.Conditions(i, false)...)
		name := i.Addr.String()
		x.objects[name] = v
		x.order = append(x.order, name)
		x.eval.Set(i, planned(b.Type, v, name))
		x.diags = append(x.diags, x.eval.Conditions(i, true)...)
	}
	x.eval.Done(b)
}

func planned(t *schema.Type, config cty.Value, name string) cty.Value {
	vals := t.Fill(config).AsValueMap()
	for _, a := range t.Attributes {
		switch {
		case a.Name == "id":
			vals["id"] = cty.StringVal("id of " + name)
		case a.Copies != "":
			vals[a.Name] = vals[a.Copies]
		case a.Source == schema.Computed && vals[a.Name].IsNull():
			vals[a.Name] = cty.UnknownVal(a.Type)
		case a.Name == "mtu" && vals["mtu"].IsNull():
			vals["mtu"] = cty.NumberIntVal(1500)
		}
	}
	return cty.ObjectVal(vals)
}

// told is diagnostics as a terminal shows them.
func told(s *lang.Stack, diags hcl.Diagnostics) string {
	var b bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&b, s.Sources, 100, false).WriteDiagnostics(diags); err != nil {
		fmt.Fprintln(&b, err)
	}
	return b.String()
}

func must(t testing.TB, s *lang.Stack, diags hcl.Diagnostics) {
	t.Helper()
	if diags.HasErrors() {
		t.Fatal(told(s, diags))
	}
}

// write puts files on the disk.
func write(t testing.TB, files map[string]string) string {
	dir := filepath.Join(t.TempDir(), "stack")
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func text(v cty.Value) string {
	return strings.TrimPrefix(fmt.Sprintf("%#v", v), "cty.")
}
