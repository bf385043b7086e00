package lang_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

func str(s string) cty.Value { return cty.StringVal(s) }

// TestEvaluation plans small stacks and compares the root outputs.
func TestEvaluation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		files  map[string]string
		want   map[string]cty.Value
	}{
		{"an assigned attribute is known to whoever mentions it", map[string]string{"a.stack.hcl": `
			resource "network" "n" { name = "x" }
			resource "subnet" "s" {
				network_id = network.n.id
				cidr       = "10.0.0.0/24"
			}
			output "id" { value = resource.subnet.s.network_id }
			output "mtu" { value = network.n.mtu }
			output "unknown" { value = subnet.s.status }`},
			map[string]cty.Value{"id": str("id of network.n"), "mtu": cty.NumberIntVal(1500), "unknown": cty.UnknownVal(cty.String)}},
		{"count makes a tuple, for_each an object, and splats read both", map[string]string{"a.stack.hcl": `
			resource "network" "c" {
				count = 2
				name  = "n${count.index}"
			}
			resource "network" "e" {
				for_each = { a = 1, b = 2 }
				name     = "${each.key}${each.value}"
			}
			resource "network" "none" { count = 0 }
			output "c" { value = network.c[*].name }
			output "e" { value = { for k, n in network.e : k => n.name } }
			output "one" { value = network.e["b"].name }
			output "first" { value = network.c.0.name }
			output "none" { value = length(network.none) }
			output "zip" { value = [for i in range(2) : network.c[i].id] }`},
			map[string]cty.Value{
				"c": cty.TupleVal([]cty.Value{str("n0"), str("n1")}), "e": cty.ObjectVal(map[string]cty.Value{"a": str("a1"), "b": str("b2")}),
				"one": str("b2"), "first": str("n0"), "none": cty.Zero, "zip": cty.TupleVal([]cty.Value{str("id of network.c[0]"), str("id of network.c[1]")})}},
		{"for_each over what another block planned needs no second apply", map[string]string{"a.stack.hcl": `
			resource "network" "a" { count = 2 }
			resource "value" "v" {
				for_each = toset(network.a[*].id)
				input    = each.key
			}
			output "v" { value = [for v in value.v : v.output] }`},
			map[string]cty.Value{"v": cty.TupleVal([]cty.Value{str("id of network.a[0]"), str("id of network.a[1]")})}},
		{"modules: keys, nesting, defaults, and outputs of expanded calls", map[string]string{"a.stack.hcl": `
			module "m" {
				source   = "./m"
				for_each = toset(["x", "y"])
				name     = each.key
			}
			module "solo" {
				source = "./m"
				name   = "s"
				tags   = { a = "b" }
			}
			output "ids" { value = { for k, m in module.m : k => m.id } }
			output "x" { value = module.m["x"].inner }
			output "solo" { value = module.solo.id }
			output "whole" { value = module.solo }
			output "path" { value = module.solo.path }`,
			"m/a.stack.hcl": `
			variable "name" {}
			variable "tags" {
				type    = map(string)
				default = {}
			}
			resource "network" "n" {
				name = var.name
				tags = var.tags
			}
			module "in" {
				source = "./in"
				count  = 2
				id     = "${network.n.id}/${count.index}"
			}
			output "id" { value = network.n.id }
			output "inner" { value = module.in[*].got }
			output "path" { value = path.module }`,
			"m/in/a.stack.hcl": `
			variable "id" {}
			resource "value" "v" { input = var.id }
			output "got" { value = value.v.id }`},
			map[string]cty.Value{
				"ids":  cty.ObjectVal(map[string]cty.Value{"x": str(`id of module.m["x"].network.n`), "y": str(`id of module.m["y"].network.n`)}),
				"x":    cty.TupleVal([]cty.Value{str(`id of module.m["x"].module.in[0].value.v`), str(`id of module.m["x"].module.in[1].value.v`)}),
				"solo": str("id of module.solo.network.n"),
				"whole": cty.ObjectVal(map[string]cty.Value{"id": str("id of module.solo.network.n"), "path": str("/srv/stack/m"),
					"inner": cty.TupleVal([]cty.Value{str(`id of module.solo.module.in[0].value.v`), str(`id of module.solo.module.in[1].value.v`)})}),
				"path": str("/srv/stack/m")}},
		{"a folder of .tf files", map[string]string{"main.tf": `
			provider "cairn" {}
			resource "cairn_network" "n" { name = "x" }
			data "cairn_network" "d" { name = "y" }
			resource "terraform_data" "t" { input = cairn_network.n.id }
			output "o" { value = terraform_data.t.output }
			output "d" { value = data.cairn_network.d.name }`},
			map[string]cty.Value{"o": str("id of network.n"), "d": str("y")}},
		{"JSON", map[string]string{"a.stack.json": `{
			"//": "a comment",
			"locals": {"l": ["${upper(\"a\")}", 1, {"${lower(\"K\")}": true}]},
			"resource": {"network": {"n": {"count": 2, "name": "n${count.index}", "lifecycle": {"ignore_changes": ["tags"]}, "depends_on": ["value.v"]}},
				"value": {"v": [{"input": {"a": null}}]}},
			"output": {"o": {"value": "${network.n[1].name}"}, "l": {"value": "${local.l}"}}}`},
			map[string]cty.Value{"o": str("n1"), "l": cty.TupleVal([]cty.Value{str("A"), cty.NumberIntVal(1), cty.ObjectVal(map[string]cty.Value{"k": cty.True})})}},
		{"secrets stay marked", map[string]string{"a.stack.hcl": `
			resource "user" "u" { password = "p" }
			resource "value" "v" { input = "pw: ${user.u.password}" }
			output "o" {
				value     = value.v.output
				sensitive = true
			}`},
			map[string]cty.Value{"o": str("pw: p").Mark(schema.Sensitive)}},
		{"a variable's own validation is no circle, and optional attributes get defaults", map[string]string{"a.stack.hcl": `
			variable "o" {
				type    = object({ a = string, b = optional(number, 3) })
				default = { a = "x" }
				validation {
					condition     = length(var.o.a) == 1
					error_message = "No."
				}
			}
			output "o" { value = var.o.b }`},
			map[string]cty.Value{"o": cty.NumberIntVal(3)}},
		{"heredocs, templates and conditionals", map[string]string{"a.stack.hcl": "output \"o\" {\n value = <<-EOT\n   a ${true ? \"b\" : \"c\"}\n     d\n EOT\n}\n"},
			map[string]cty.Value{"o": str("a b\n  d\n")}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s, diags := load(c.files, lang.Options{})
			must(t, s, diags)
			x := evaluate(s)
			must(t, s, x.diags)
			got := map[string]cty.Value{}
			for _, o := range x.eval.Outputs() {
				got[o.Name] = o.Value
			}
			for name, want := range c.want {
				if got[name] == cty.NilVal || !got[name].RawEquals(want) {
					t.Errorf("%s is %#v, want %#v", name, got[name], want)
				}
			}
		})
	}
}

func TestConfigIsWhatTheAuthorWrote(t *testing.T) {
	t.Parallel()
	s, diags := load(map[string]string{"a.stack.hcl": `
		resource "network" "n" { tags = { a = 1 } }
		resource "subnet" "s" {
			network_id       = "x"
			cidr             = "10.0.0.0/24"
			allocation_pools = [for i in [1, 2] : { start = i, end = "e" }]
		}
		resource "user" "u" { password = "p" }`}, lang.Options{})
	must(t, s, diags)
	x := evaluate(s)
	must(t, s, x.diags)
	n := x.objects["network.n"]
	if !n.GetAttr("name").IsNull() || !n.GetAttr("mtu").IsNull() || !n.GetAttr("tags").RawEquals(cty.MapVal(map[string]cty.Value{"a": str("1")})) {
		t.Errorf("network: %#v", n)
	}
	sub := x.objects["subnet.s"]
	if !sub.Type().Equals(testTypes().Resource("subnet").Object()) || sub.GetAttr("allocation_pools").LengthInt() != 2 {
		t.Errorf("subnet: %#v", sub)
	}
	if !x.objects["user.u"].GetAttr("password").HasMark(schema.Sensitive) {
		t.Error("the password of a user is not marked")
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	s, diags := load(map[string]string{"a.stack.hcl": `
		locals { l = network.a.id }
		resource "network" "a" {}
		resource "network" "b" {
			count      = length(local.l)
			name       = network.a.name
			tags       = { x = network.c["k"].id, y = network.c[local.l].name, z = join("", values(network.c)[*].id) }
			depends_on = [value.v]
		}
		resource "network" "c" { for_each = { k = 1 } }
		resource "value" "v" {}
		module "m" {
			source     = "./m"
			count      = 1
			in         = network.a.mtu
			depends_on = [network.b]
		}
		output "o" { value = module.m[0].out }
		output "w" { value = [for n in [network.a] : n.id] }`,
		"m/a.stack.hcl": `
		variable "in" {}
		variable "free" { default = 1 }
		resource "value" "v" { input = var.in }
		output "out" { value = value.v.id }`}, lang.Options{})
	must(t, s, diags)
	got := map[string][]string{}
	for _, b := range s.Blocks {
		for _, m := range b.Mentions {
			text := m.Block.String()
			if m.Attr != "" {
				text += "." + m.Attr
			}
			if m.Repetition {
				text += " repetition"
			}
			if m.Depends {
				text += " depends"
			}
			got[b.String()] = append(got[b.String()], text)
		}
		slices.Sort(got[b.String()])
	}
	for block, want := range map[string]string{
		"local.l":           "network.a.id",
		"network.a":         "",
		"network.b":         "local.l, local.l repetition, network.a.name, network.c, network.c.id, network.c.name, value.v depends",
		"module.m":          "network.b depends",
		"module.m.var.in":   "module.m, network.a.mtu",
		"module.m.var.free": "module.m",
		"module.m.value.v":  "module.m, module.m.var.in",
		"output.o":          "module.m.output.out",
		"output.w":          "network.a",
	} {
		// A repetition makes the mention one, not two.
		want = strings.Replace(want, "local.l, local.l repetition", "local.l repetition", 1)
		if g := strings.Join(got[block], ", "); g != want {
			t.Errorf("%s mentions %s; want %s", block, g, want)
		}
	}
}

func TestSetAgain(t *testing.T) {
	t.Parallel()
	s, diags := load(map[string]string{"a.stack.hcl": `
		resource "subnet" "s" {
			count      = 3
			network_id = "n"
			cidr       = "c"
		}
		locals { all = subnet.s[*].status }
		resource "value" "v" {
			count = 3
			input = subnet.s[count.index].status
		}
		module "m" {
			source = "./m"
			in     = local.all
		}
		output "o" { value = module.m.out }`,
		"m/a.stack.hcl": "variable \"in\" {}\noutput \"out\" { value = join(\",\", var.in) }"}, lang.Options{})
	must(t, s, diags)
	x := evaluate(s)
	must(t, s, x.diags)
	if v := x.objects["value.v[1]"].GetAttr("input"); v.IsKnown() {
		t.Fatalf("the status is known before it is told: %#v", v)
	}
	// Apply: the system tells, and what was unknown is evaluated again.
	b := s.Find(address.Block{Type: "subnet", Name: "s"})
	again, diags := x.eval.Expand(b)
	must(t, s, diags)
	for n, i := range again {
		vals := b.Type.Null().AsValueMap()
		vals["status"] = str(fmt.Sprintf("up%d", n))
		x.eval.Set(i, cty.ObjectVal(vals))
	}
	x.eval.Done(b)
	v, _ := x.eval.Expand(s.Find(address.Block{Type: "value", Name: "v"}))
	c, diags := x.eval.Config(v[1])
	must(t, s, diags)
	if got := c.GetAttr("input"); !got.RawEquals(str("up1")) {
		t.Errorf("input is %#v", got)
	}
	for _, b := range s.Blocks {
		if b.Kind != lang.KindResource {
			must(t, s, x.eval.Eval(b))
		}
	}
	for _, b := range s.Blocks { // the order of the text is not that of the mentions
		if b.Kind != lang.KindResource {
			must(t, s, x.eval.Eval(b))
		}
	}
	if got := x.eval.Outputs()[0].Value; !got.RawEquals(str("up0,up1,up2")) {
		t.Errorf("output is %#v", got)
	}
}

func TestTriggersImportsAndMoves(t *testing.T) {
	t.Parallel()
	s, diags := load(map[string]string{"a.stack.hcl": `
		variable "id" { default = "net-7" }
		resource "network" "n" { for_each = { a = 1, b = 2 } }
		resource "value" "one" {}
		resource "value" "v" {
			for_each = { a = 1 }
			lifecycle {
				create_before_destroy = true
				ignore_changes        = [input, triggers_replace["x"]]
				replace_triggered_by  = [network.n[each.key].name, network.n, value.one.id, network.n["b"]]
			}
			timeouts { create = "5m" }
		}
		import {
			for_each = { a = var.id }
			to       = network.n[each.key]
			id       = each.value
		}
		moved {
			from = network.old
			to   = network.n["a"]
		}
		removed {
			from = module.gone
			lifecycle { destroy = false }
		}
		module "m" { source = "./m" }`,
		"m/a.stack.hcl": `
		resource "value" "w" { count = 2 }
		moved {
			from = value.was
			to   = value.w[0]
		}`}, lang.Options{})
	must(t, s, diags)
	x := evaluate(s)
	must(t, s, x.diags)
	b := s.Find(address.Block{Type: "value", Name: "v"})
	all, _ := x.eval.Expand(b)
	var got []string
	for _, tr := range x.eval.Triggers(all[0]) {
		got = append(got, fmt.Sprintf("%s %v %s", tr.Target.Object, tr.Target.Whole, tr.Attr))
	}
	if want := []string{`network.n["a"] false name`, "network.n true ", "value.one true id", `network.n["b"] false `}; !slices.Equal(got, want) {
		t.Errorf("triggers: %q, want %q", got, want)
	}
	if l := b.Lifecycle; !l.CreateBeforeDestroy || !l.CreateBeforeDestroySet || l.PreventDestroySet || len(l.IgnoreChanges.Paths) != 2 {
		t.Errorf("lifecycle: %+v", l)
	}
	if b.Timeouts.Create.String() != "5m0s" {
		t.Errorf("timeouts: %+v", b.Timeouts)
	}
	if a := x.eval.Imports(); len(a) != 1 || a[0].ID != "net-7" || a[0].To.String() != `network.n["a"]` {
		t.Errorf("imports: %+v", a)
	}
	if m := s.Moved; len(m) != 2 || m[0].To.String() != `network.n["a"]` || m[1].From.String() != "module.m.value.was" || m[1].To.String() != "module.m.value.w[0]" {
		t.Errorf("moved: %+v", m)
	}
	if r := s.Removed; len(r) != 1 || !r[0].Forget || !r[0].From.IsModule() {
		t.Errorf("removed: %+v", r)
	}
	if !x.eval.HasModule("module.m") || x.eval.HasModule("module.m[0]") {
		t.Error("the instances of modules are not known")
	}
}

func TestCycle(t *testing.T) {
	t.Parallel()
	s, diags := load(map[string]string{"a.stack.hcl": `
		resource "network" "a" { name = network.b.name }
		resource "network" "b" { name = local.c }
		locals { c = network.a.name }`}, lang.Options{})
	must(t, s, diags)
	x := evaluate(s)
	if len(x.failed) != 3 {
		t.Fatalf("%d blocks in the circle", len(x.failed))
	}
	d := lang.CycleDiagnostic([]*lang.Block{x.failed[0], x.failed[2], x.failed[1]})
	for _, want := range []string{"network.a mentions network.b", "network.b mentions local.c", "local.c mentions network.a"} {
		if !strings.Contains(d.Detail, want) {
			t.Errorf("%q is missing in:\n%s", want, d.Detail)
		}
	}
}
