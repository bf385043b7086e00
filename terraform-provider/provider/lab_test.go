package provider

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/site"
)

// cloudText is the cloud that tests work on: it has one of everything.
const cloudText = `
cloud "lab" {
  region "r1" {
    zone "z1" {}
    zone "z2" {}
  }
  embedded {
    hosts   = 3
    vcpus   = 64
    ram_mb  = 262144
    disk_gb = 4000
    zones   = ["z1", "z2"]
  }
  physnet "physnet1" {
    mtu         = 1500
    vlan_ranges = ["100:199"]
    zones       = ["z1", "z2"]
  }
  tier "fast" {
    pool  = "fast"
    zones = ["z1", "z2"]
  }
  tier "wide" {
    pool  = "wide"
    zones = ["z1", "z2"]
  }
}
`

// A lab is a cloud of its own with a provider that is configured for a stack.
type lab struct {
	testing.TB
	*engine
	provider *Provider
	dir      string
}

// newLab makes a cloud. The settings are put into the provider block.
func newLab(t testing.TB, more map[string]cty.Value) *lab {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cloud.hcl"), []byte(cloudText), 0o600); err != nil {
		t.Fatal(err)
	}
	return openLab(t, dir, more)
}

// openLab opens a cloud that is there, with a provider of its own.
func openLab(t testing.TB, dir string, more map[string]cty.Value) *lab {
	t.Helper()
	l, err := tryLab(t, dir, more, false)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// tryLab is openLab where the provider may say no.
func tryLab(t testing.TB, dir string, more map[string]cty.Value, deferral bool) (*lab, error) {
	t.Helper()
	l := &lab{TB: t, provider: New(resources.All()), dir: dir}
	t.Cleanup(l.close)
	var err error
	if l.engine, err = newEngine(t.Context(), l.provider); err != nil {
		t.Fatal(err)
	}
	all := map[string]cty.Value{"cloud": cty.StringVal(filepath.Join(dir, "cloud.hcl")), "stack": cty.StringVal("lab")}
	maps.Copy(all, more)
	return l, l.configure(t.Context(), all, deferral)
}

// close ends the provider's runs, as the end of its process does.
func (l *lab) close() {
	l.Helper()
	if err := l.provider.Close(context.Background()); err != nil {
		l.Error(err)
	}
}

// site opens the cloud behind the provider's back.
func (l *lab) site() *planner.Site {
	l.Helper()
	c, _, diags := cloudfile.Load(filepath.Join(l.dir, "cloud.hcl"))
	if diags.HasErrors() {
		l.Fatal(diags)
	}
	s, shut, err := site.Open(context.Background(), c, resources.All())
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := shut(); err != nil {
			l.Error(err)
		}
	})
	return s
}

// A block is a resource as an author wrote it.
type block struct {
	typ, name string
	body      *hclsyntax.Body
}

// blocksOf reads the text of a .tf file.
func blocksOf(text string) ([]block, error) {
	f, diags := hclsyntax.ParseConfig([]byte(text), "test.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	var all []block
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		if b.Type != "resource" || len(b.Labels) != 2 {
			return nil, fmt.Errorf("%s %q is no resource", b.Type, b.Labels)
		}
		all = append(all, block{b.Labels[0], b.Labels[1], b.Body})
	}
	return all, nil
}

// A scope is what has been made so far, for others to refer to.
type scope struct {
	objects map[string]object // by address
	order   []string
	vars    map[string]cty.Value
}

// scope is an empty one; var.image and var.other are files of two images.
func (l *lab) scope() *scope {
	l.Helper()
	other := filepath.Join(l.dir, "other.img")
	if err := os.WriteFile(other, append(resources.TinyImage(), make([]byte, 1<<20)...), 0o600); err != nil {
		l.Fatal(err)
	}
	return &scope{objects: map[string]object{}, vars: map[string]cty.Value{"image": cty.StringVal(filepath.Join(l.dir, ".cairn", "tiny.img")), "other": cty.StringVal(other)}}
}

func (s *scope) put(address string, o object) {
	if _, ok := s.objects[address]; !ok {
		s.order = append(s.order, address)
	}
	s.objects[address] = o
}

func (s *scope) eval() *hcl.EvalContext {
	types := map[string]map[string]cty.Value{}
	for _, address := range s.order {
		o := s.objects[address]
		if types[o.typ] == nil {
			types[o.typ] = map[string]cty.Value{}
		}
		types[o.typ][address[len(o.typ)+1:]] = o.state
	}
	vars := map[string]cty.Value{"var": cty.ObjectVal(s.vars)}
	for typ, names := range types {
		vars[typ] = cty.ObjectVal(names)
	}
	return &hcl.EvalContext{Variables: vars}
}

// said is what a body says, evaluated.
func said(body *hclsyntax.Body, in *hcl.EvalContext) (map[string]cty.Value, error) {
	vals := map[string]cty.Value{}
	for name, a := range body.Attributes {
		v, diags := a.Expr.Value(in)
		if diags.HasErrors() {
			return nil, diags
		}
		vals[name] = v
	}
	for _, b := range body.Blocks {
		inner, err := said(b.Body, in)
		if err != nil {
			return nil, err
		}
		vals[b.Type] = cty.ObjectVal(inner)
	}
	return vals, nil
}

// configOf is the configuration of a block.
func (l *lab) configOf(b block, in *scope) cty.Value {
	l.Helper()
	vals, err := said(b.body, in.eval())
	if err != nil {
		l.Fatal(err)
	}
	s := l.resources[b.typ]
	if s == nil {
		l.Fatalf("there is no type %s", b.typ)
	}
	config, err := s.fit(vals)
	if err != nil {
		l.Fatalf("%s.%s: %s", b.typ, b.name, err)
	}
	return config
}

// make makes what a text says, in its order.
func (l *lab) makeAll(text string, in *scope) {
	l.Helper()
	blocks, err := blocksOf(text)
	if err != nil {
		l.Fatal(err)
	}
	for _, b := range blocks {
		address := b.typ + "." + b.name
		have, ok := in.objects[address]
		if !ok {
			have = l.none(b.typ)
		}
		o, err := l.engine.make(l.Context(), have, l.configOf(b, in))
		if err != nil {
			l.Fatalf("make %s: %s", address, err)
		}
		in.put(address, o)
	}
}

// one makes the only resource of a text and answers with it.
func (l *lab) one(text string, in *scope) object {
	l.Helper()
	l.makeAll(text, in)
	return in.objects[in.order[len(in.order)-1]]
}

// removeAll deletes everything, the last first.
func (l *lab) removeAll(in *scope) {
	l.Helper()
	for i := len(in.order) - 1; i >= 0; i-- {
		if o := in.objects[in.order[i]]; !o.state.IsNull() {
			if _, err := l.remove(l.Context(), o); err != nil {
				l.Errorf("remove %s: %s", in.order[i], err)
			}
		}
	}
	in.objects, in.order = map[string]object{}, nil
}

// but changes some attributes of a configuration.
func (l *lab) but(typ string, config cty.Value, vals map[string]cty.Value) cty.Value {
	l.Helper()
	all := config.AsValueMap()
	maps.Copy(all, vals)
	config, err := l.resources[typ].fit(all)
	if err != nil {
		l.Fatal(err)
	}
	return config
}

func text(v cty.Value, name string) string {
	if v.IsNull() || !v.Type().HasAttribute(name) || v.GetAttr(name).IsNull() || !v.GetAttr(name).IsKnown() {
		return ""
	}
	return v.GetAttr(name).AsString()
}

func set(pairs ...string) map[string]cty.Value {
	all := map[string]cty.Value{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = cty.StringVal(pairs[i+1])
	}
	return all
}
