package provider

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/samples"
	"github.com/cairncloud/cairn/resources/schema"
)

// From nothing to any configuration of any type, and from that to any other: a
// refusal is a diagnostic, and what is not refused keeps Terraform's rules, has
// nothing left to do and is read as it is. Deleted, it leaves nothing behind.
func TestLaws(t *testing.T) {
	t.Parallel()
	for _, reserve := range []bool{false, true} {
		t.Run(fmt.Sprint("reservations ", reserve), func(t *testing.T) {
			t.Parallel()
			names := slices.Sorted(maps.Keys(samples.All))
			grounds := map[string]*ground{}
			done := map[string]int{}
			rapid.Check(t, func(r *rapid.T) {
				name := rapid.SampledFrom(names).Draw(r, "type")
				g := grounds[name]
				if g == nil || g.spoilt {
					g = newGround(t, name, reserve)
					grounds[name] = g
				}
				g.spoilt = true // until this one has come to its end
				done[g.life(r)]++
				g.spoilt = false
			})
			t.Logf("lives by their ends: %v", done)
			if done["whole"] == 0 {
				t.Error("nothing was ever made twice: the configurations are no good")
			}
			for _, g := range grounds {
				if !g.spoilt && !reserve {
					g.removeAll(g.in)
					g.nothingLeft()
				}
			}
		})
	}
}

// A ground is where objects of one type live, one after the other.
type ground struct {
	*lab
	in       *scope
	typ      string
	declared *schema.Type
	body     cty.Value
	before   []string // what there is without the object
	spoilt   bool
}

func newGround(t *testing.T, name string, reserve bool) *ground {
	t.Helper()
	l := newLab(t, map[string]cty.Value{"plan_reservations": cty.BoolVal(reserve), "reservation_time": cty.StringVal("1s")})
	g := &ground{lab: l, in: l.scope(), typ: prefix + name, declared: resources.All().Resource(name)}
	l.makeAll(samples.All[name].With, g.in)
	g.body = l.says(g.typ, samples.All[name].Body, g.in)
	o, err := l.make(t.Context(), l.none(g.typ), g.body) // the cloud's own things come with the first
	if err == nil {
		_, err = l.remove(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	g.before = g.holdings()
	return g
}

// holdings are what the stack has in the database and in the cloud, but for
// reservations, which end by themselves.
func (g *ground) holdings() []string {
	g.Helper()
	state := g.open(filepath.Join(".cairn", "cairn.db"))
	defer func() { _ = state.Close() }()
	cloud := g.open(filepath.Join(".cairn", "embedded.db"))
	defer func() { _ = cloud.Close() }()
	kept := "address NOT IN (SELECT address FROM reservations)"
	return slices.Concat(g.strings(state, "SELECT 'record '||address FROM records ORDER BY 1"),
		g.strings(state, "SELECT 'claim '||space||' '||key||' of '||address FROM claims WHERE "+kept+" ORDER BY 1"),
		g.strings(state, "SELECT 'range '||space||' of '||address FROM ranges WHERE "+kept+" ORDER BY 1"),
		g.strings(state, "SELECT 'share '||space||' '||key||' '||amount||' of '||address FROM shares WHERE "+kept+" ORDER BY 1"),
		g.strings(cloud, "SELECT 'in the cloud '||type||' '||id FROM objects ORDER BY 1"))
}

// life is one object under two configurations. It answers with how it ended.
func (g *ground) life(r *rapid.T) string {
	ctx := g.Context()
	o := g.none(g.typ)
	end := "whole"
	for _, label := range []string{"first", "second"} {
		config := g.draw(r, label)
		p, err := g.plan(ctx, o, config)
		if g.no(r, err, "plan", config) {
			end = "refused in the " + label + " plan"
			break
		}
		if p.empty() {
			continue
		}
		now, err := g.apply(ctx, p, config)
		o = now
		if g.no(r, err, "apply", config) {
			end = "refused in the " + label + " apply"
			break
		}
		read, err := g.refresh(ctx, o)
		if err != nil || !read.state.RawEquals(o.state) {
			r.Fatalf("%s\nwas made as %s\nand is read as %s %v", show(config), show(o.state), show(read.state), err)
		}
		again, err := g.plan(ctx, read, config)
		if err != nil || !again.empty() {
			r.Fatalf("%s\nwas made as %s\nand something is left to do: %s %v %v", show(config), show(o.state), show(again.state), again.replaces, err)
		}
	}
	if !o.state.IsNull() {
		if _, err := g.remove(ctx, o); err != nil {
			r.Fatalf("remove %s: %s", show(o.state), err)
		}
	}
	if left := g.holdings(); !slices.Equal(left, g.before) {
		var more []string
		for _, x := range left {
			if !slices.Contains(g.before, x) {
				more = append(more, x)
			}
		}
		r.Fatalf("left behind (%s): %q", end, more)
	}
	return end
}

// no reports a refusal. Anything else that is wrong is a breach.
func (g *ground) no(r *rapid.T, err error, what string, config cty.Value) bool {
	var said *refusal
	switch {
	case err == nil:
		return false
	case errors.As(err, &said):
		for _, line := range told(said.diags) {
			// What the framework says of a provider that broke a rule.
			if strings.Contains(line, "Provider produced") || strings.Contains(line, "should be reported") || strings.Contains(line, "always an issue in the") {
				r.Fatalf("%s of %s: %s", what, show(config), line)
			}
		}
		return true
	}
	r.Fatalf("%s of %s: %s", what, show(config), err)
	return true
}

// show is an object without its nulls.
func show(v cty.Value) string {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return fmt.Sprintf("%#v", v)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.AsValueMap())) {
		if x := v.GetAttr(name); !x.IsNull() {
			parts = append(parts, fmt.Sprintf("%s = %#v", name, x))
		}
	}
	return strings.Join(parts, ", ")
}

// draw is the sample with some of its attributes set otherwise, or not at all.
func (g *ground) draw(r *rapid.T, label string) cty.Value {
	vals := g.body.AsValueMap()
	for _, a := range g.declared.Attributes {
		if !a.Settable {
			continue
		}
		switch rapid.IntRange(0, 5).Draw(r, label+" "+a.Name) {
		case 0:
			if !a.Required {
				vals[a.Name] = cty.NullVal(vals[a.Name].Type())
			}
		case 1:
			vals[a.Name] = g.value(r, a, label+" "+a.Name)
		}
	}
	config, err := g.resources[g.typ].fit(vals)
	if err != nil {
		r.Fatalf("the drawn configuration: %s", err)
	}
	return config
}

// value is something that the attribute may be, as far as it can tell by itself.
func (g *ground) value(r *rapid.T, a *schema.Attribute, label string) cty.Value {
	t := a.Type.WithoutOptionalAttributesDeep()
	for try := range 8 {
		v := g.of(r, a, t, fmt.Sprint(label, " try ", try))
		if len(a.Complain(v)) == 0 {
			return v
		}
	}
	if had := g.body.AsValueMap()[a.Name]; had != cty.NilVal && had.Type().Equals(t) {
		return had
	}
	return cty.NullVal(t)
}

// words are texts that some attribute or other understands.
var words = []string{"x", "y", "", "z1", "z2", "h1", "fast", "wide", "10.1.0.9", "10.1.0.77", "10.1.0.250", "10.2.0.1", "10.2.0.9", "10.2.0.0/24", "10.2.0.0/25", "192.0.2.0/24", "203.0.113.50", "0.0.0.0/0",
	"2001:db8::/64", "2001:db8::1", "2001:DB8:0::1", "fa:16:3e:00:00:99", "FA:16:3E:00:00:98", "tcp", "udp", "icmp", "6", "example.org.", "lower", "hw:cpu_policy", "mtu", "1400", "geneve", "vlan", "flat", "physnet1",
	"ingress", "egress", "IPv4", "IPv6", "slaac", "dhcpv6-stateful", "dhcpv6-stateless", "affinity", "anti-affinity", "soft-affinity", "raw", "qcow2", "private", "public",
	"active", "shutoff", "paused", "blank", "image", "volume", "snapshot", "local"}

func (g *ground) of(r *rapid.T, a *schema.Attribute, t cty.Type, label string) cty.Value {
	several := func(elem func(string) cty.Value) []cty.Value {
		var all []cty.Value
		for i := range rapid.IntRange(0, 2).Draw(r, label+" length") {
			all = append(all, elem(fmt.Sprint(label, " ", i)))
		}
		return all
	}
	inner := func(label string) cty.Value { return g.of(r, a, t.ElementType(), label) }
	switch {
	case t == cty.Bool:
		return cty.BoolVal(rapid.Bool().Draw(r, label))
	case t == cty.Number:
		return cty.NumberIntVal(rapid.SampledFrom([]int64{0, 1, 2, 3, 4, 6, 24, 64, 150, 443, 1400, 1442, -1}).Draw(r, label))
	case t == cty.String && a.Refers != nil:
		return cty.StringVal(rapid.SampledFrom(g.ids(a.Refers)).Draw(r, label))
	case t == cty.String:
		return cty.StringVal(rapid.SampledFrom(words).Draw(r, label))
	case t == cty.DynamicPseudoType:
		return rapid.SampledFrom([]cty.Value{cty.StringVal("x"), cty.Zero, cty.True, cty.EmptyObjectVal, cty.EmptyTupleVal, cty.NullVal(cty.DynamicPseudoType),
			cty.ObjectVal(map[string]cty.Value{"a": cty.NullVal(cty.String), "b": cty.TupleVal([]cty.Value{cty.Zero, cty.StringVal("")})}), cty.ListValEmpty(cty.String), cty.SetVal([]cty.Value{cty.StringVal("a")}),
			cty.MapVal(map[string]cty.Value{"k": cty.NumberFloatVal(0.1)})}).Draw(r, label)
	case t.IsListType():
		if all := several(inner); len(all) > 0 {
			return cty.ListVal(all)
		}
		return cty.ListValEmpty(t.ElementType())
	case t.IsSetType():
		if all := several(inner); len(all) > 0 {
			return cty.SetVal(all)
		}
		return cty.SetValEmpty(t.ElementType())
	case t.IsMapType():
		all := map[string]cty.Value{}
		for i, v := range several(inner) {
			all[words[i]] = v
		}
		if len(all) > 0 {
			return cty.MapVal(all)
		}
		return cty.MapValEmpty(t.ElementType())
	}
	vals := map[string]cty.Value{}
	for _, n := range a.Nested {
		nt := n.Type.WithoutOptionalAttributesDeep()
		vals[n.Name] = cty.NullVal(nt)
		if n.Settable && (n.Required || rapid.Bool().Draw(r, label+" "+n.Name+" said")) {
			vals[n.Name] = g.value(r, n, label+" "+n.Name)
		}
	}
	return cty.ObjectVal(vals)
}

// ids are what a reference may say: objects that are there, and one that is not.
func (g *ground) ids(to reflect.Type) []string {
	name := prefix + resources.All().ByGo(to).Name
	all := []string{"5f0c0000-0000-4000-8000-00000000dead"}
	for _, address := range g.in.order {
		if o := g.in.objects[address]; o.typ == name {
			all = append(all, text(o.state, "id"))
		}
	}
	return all
}
