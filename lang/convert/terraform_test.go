package convert_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
)

// load loads a folder whose variables may have no values.
func load(t *testing.T, dir string) *lang.Stack {
	t.Helper()
	s, diags := lang.Load(dir, lang.Options{Types: resources.All(), Values: map[string]cty.Value{}})
	for _, d := range diags {
		if _, missing := d.Extra.(lang.VarMissing); d.Severity == hcl.DiagError && !missing {
			t.Fatalf("%s: %s", d, d.Detail)
		}
	}
	return s
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// blocks are the resources and data of a stack, and its other blocks.
func blocks(s *lang.Stack) []string {
	var all []string
	for _, b := range s.Blocks {
		if b.Addr.Type != "" {
			all = append(all, b.Addr.String())
			continue
		}
		all = append(all, b.String())
	}
	slices.Sort(all)
	return all
}

func TestExamplesBecomeTerraform(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../examples/*")
	if err != nil || len(dirs) < 3 {
		t.Fatalf("there are %d examples: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if stacks, _ := filepath.Glob(filepath.Join(dir, "*.stack.hcl")); len(stacks) == 0 {
				t.Skip("the example is no stack")
			}
			s := load(t, dir)
			out, diags := convert.Terraform(s, resources.All())
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			to := t.TempDir()
			write(t, to, out.Files)
			again := load(t, to)
			if !again.TF || again.Name != s.Name {
				t.Errorf("it is read as stack %q, .tf files: %v", again.Name, again.TF)
			}
			var alone []string
			want := blocks(s)
			for _, b := range blocks(again) {
				if i := slices.Index(want, b); i >= 0 {
					want = slices.Delete(want, i, i+1)
					continue
				}
				alone = append(alone, b)
			}
			if len(want) > 0 {
				t.Errorf("these are gone: %v", want)
			}
			expect := map[string][]string{"three-tier": {"security_group_rule.database_web"}}[filepath.Base(dir)]
			if !slices.Equal(alone, expect) {
				t.Errorf("these are new: %v, want %v", alone, expect)
			}
			terraformAccepts(t, to)
		})
	}
}

// terraformAccepts asks Terraform whether it can parse a folder and likes its form.
func terraformAccepts(t *testing.T, dir string) {
	t.Helper()
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Log("terraform is not on PATH, so it was not asked")
		return
	}
	c := terraform(t, path, "fmt", "-check", "-diff", "-recursive", dir)
	if text, err := c.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, text)
	}
}

func terraform(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	config := filepath.Join(t.TempDir(), "terraform.rc")
	if err := os.WriteFile(config, []byte("disable_checkpoint = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1")
	return c
}

// Whatever a stack may call and Terraform does not have goes by cairn's provider.
func TestFunctionsOfTerraform(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on PATH to be asked for its functions")
	}
	text, err := terraform(t, path, "metadata", "functions", "-json").Output()
	if err != nil {
		t.Skipf("this terraform does not tell its functions: %v", err)
	}
	var told struct {
		Signatures map[string]any `json:"function_signatures"`
	}
	if err := json.Unmarshal(text, &told); err != nil || len(told.Signatures) < 100 {
		t.Fatalf("%d functions: %v", len(told.Signatures), err)
	}
	if len(lang.Beyond()) == 0 {
		t.Error("cairn has no functions of its own")
	}
	for name := range lang.Beyond() {
		if told.Signatures[name] != nil {
			t.Errorf("Terraform has a function %s, too", name)
		}
		got, diags := rewritten("locals {\n  f = [for x in [\"a\"] : can(" + name + "(x))]\n}\n")
		if diags.HasErrors() || !strings.Contains(got, "can(provider::cairn::"+name+"(x))") {
			t.Errorf("%v\n%s", diags, got)
		}
	}
}

const stackFile = "s/main.stack.hcl"

// rewritten converts one stack file.
func rewritten(text string, more ...string) (string, hcl.Diagnostics) {
	b := &lang.Bundle{Dir: "s", Cwd: "/", Files: map[string][]byte{stackFile: []byte(text)}, Folders: map[string][]string{"s": {"main.stack.hcl"}}}
	for i := 0; i+1 < len(more); i += 2 {
		b.Files[more[i]] = []byte(more[i+1])
		dir := filepath.Dir(more[i])
		b.Folders[dir] = append(b.Folders[dir], filepath.Base(more[i]))
	}
	s, diags := lang.Load("s", lang.Options{Types: resources.All(), Files: b, Values: map[string]cty.Value{}})
	diags = slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool { _, ok := d.Extra.(lang.VarMissing); return ok })
	if diags.HasErrors() {
		return "", diags
	}
	out, diags := convert.Terraform(s, resources.All())
	if out == nil {
		return "", diags
	}
	return string(out.Files["main.tf"]), diags
}

func TestReferencesToTerraform(t *testing.T) {
	t.Parallel()
	const base = "stack \"s\" {}\nresource \"network\" \"a\" {}\nresource \"value\" \"many\" {\n  count = 2\n}\n"
	for _, c := range []struct{ reason, in, want string }{
		{"a reference", `output "o" { value = network.a.id }`, `value = cairn_network.a.id`},
		{"inside of a template", `output "o" { value = "x-${network.a.id}" }`, `"x-${cairn_network.a.id}"`},
		{"inside of a heredoc", "output \"o\" {\n  value = <<-E\n    network.a ${network.a.id}\n  E\n}", "    network.a ${cairn_network.a.id}\n"},
		{"a splat", `output "o" { value = value.many[*].id }`, `cairn_value.many[*].id`},
		{"an index by an expression", `output "o" { value = value.many[length(network.a.name)].id }`, `cairn_value.many[length(cairn_network.a.name)].id`},
		{"a name that a for expression binds", `output "o" { value = [for network in [{ a = 1 }] : network.a] }`, `[for network in [{ a = 1 }] : network.a]`},
		{"the collection of a for expression", `output "o" { value = [for v in value.many : v.id] }`, `[for v in cairn_value.many : v.id]`},
		{"a key of an object is a word", `output "o" { value = { network = 1 } }`, `{ network = 1 }`},
		{"a variable of a type's name", "variable \"network\" {}\noutput \"o\" {\n  value = var.network\n}", `value = var.network`},
		{"the name of a type in ignore_changes", "resource \"volume\" \"v\" {\n  size = 1\n  lifecycle {\n    ignore_changes = [volume_type]\n  }\n}", `ignore_changes = [volume_type]`},
		{"replace_triggered_by", "resource \"volume\" \"v\" {\n  size = 1\n  lifecycle {\n    replace_triggered_by = [network.a.name]\n  }\n}", `[cairn_network.a.name]`},
		{"depends_on", "resource \"volume\" \"v\" {\n  size       = 1\n  depends_on = [network.a]\n}", `depends_on = [cairn_network.a]`},
		{"moved", "moved {\n  from = volume.old\n  to   = network.a\n}", "from = cairn_volume.old\n"},
		{"moved inside of a module", "moved {\n  from = module.m[\"x\"].network.b\n  to   = module.n.network.b\n}", "from = module.m[\"x\"].cairn_network.b\n"},
		{"import", "import {\n  to = network.a\n  id = \"x\"\n}", "to = cairn_network.a\n"},
		{"removed", "removed {\n  from = volume.v\n}", "from = cairn_volume.v\n"},
		{"check", "check \"c\" {\n  assert {\n    condition     = network.a.id != \"\"\n    error_message = \"no\"\n  }\n}", `cairn_network.a.id != ""`},
		{"a long reference", `output "o" { value = resource.network.a.id }`, `resource.cairn_network.a.id`},
		{"data", "data \"image\" \"i\" {\n  name = \"tiny\"\n}\noutput \"o\" {\n  value = data.image.i.id\n}", `value = data.cairn_image.i.id`},
		{"terraform_data is Terraform's", "resource \"terraform_data\" \"t\" {}\noutput \"o\" {\n  value = terraform_data.t.id\n}", `resource "terraform_data" "t" {}`},
		{"random types get the prefix, too", "resource \"random_string\" \"r\" {\n  length = 3\n}", `resource "cairn_random_string" "r"`},
		{"the stack's name is a text", `output "o" { value = "in ${stack.name}" }`, `"in ${"s"}"`},
		{"OpenTofu's word", `output "o" { value = tofu.workspace }`, `terraform.workspace`},
		{"an ephemeral variable", "variable \"v\" {\n  ephemeral = true\n}", "  sensitive = true\n"},
		{"a comment stays", "# network.a is the one\nlocals {\n  a = 1 // network.a\n}", "  a = 1 // network.a\n"},
		{"a description of the stack", "", "provider \"cairn\" {\n  stack = \"s\"\n}"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			got, diags := rewritten(base + c.in + "\n")
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s is not in\n%s", c.want, got)
			}
		})
	}
}

func TestCircles(t *testing.T) {
	t.Parallel()
	group := func(name, more, rules string) string {
		return "resource \"security_group\" \"" + name + "\" {\n" + more + "  rules = " + rules + "\n}\n"
	}
	rule := func(to string) string {
		return "{ direction = \"ingress\", protocol = \"tcp\", port_range_min = 1, port_range_max = 1, remote_group_id = " + to + " }"
	}
	for _, c := range []struct{ reason, in, want, fails string }{
		{reason: "no circle: nothing is taken out", in: group("a", "", "["+rule("security_group.b.id")+"]") + group("b", "", "[]"), want: "rules = [{ direction"},
		{
			reason: "the shorter list is taken out, whole",
			in:     group("a", "", "["+rule("security_group.b.id")+", "+rule("security_group.b.id")+"]") + group("b", "", "[\n    # they call back\n    "+rule("security_group.a.id")+",\n  ]"),
			want:   "\n# they call back\nresource \"cairn_security_group_rule\" \"b_a\" {\n  security_group_id = cairn_security_group.b.id\n",
		},
		{
			reason: "three in a circle are cut once",
			in:     group("a", "", "["+rule("security_group.b.id")+"]") + group("b", "", "["+rule("security_group.c.id")+"]") + group("c", "", "["+rule("security_group.a.id")+"]"),
			want:   "resource \"cairn_security_group_rule\" \"a_b\"",
		},
		{
			reason: "for_each comes along",
			in:     group("a", "  for_each = toset([\"x\"])\n  name = each.key\n", "["+rule("security_group.b.id")+"]") + group("b", "", "["+rule("security_group.a[\"x\"].id")+", "+rule("security_group.a[\"x\"].id")+"]"),
			want:   "  for_each          = toset([\"x\"])\n  security_group_id = cairn_security_group.a[each.key].id\n",
		},
		{
			reason: "through a local value",
			in:     "locals {\n  b = security_group.b.id\n}\n" + group("a", "", "["+rule("local.b")+"]") + group("b", "", "["+rule("security_group.a.id")+", "+rule("security_group.a.id")+"]"),
			want:   "remote_group_id   = local.b\n",
		},
		{
			reason: "a list that is no list in the text can't be taken apart",
			in:     group("a", "", "[for x in [security_group.b.id] : "+rule("x")+"]") + group("b", "", "[for x in [security_group.a.id] : "+rule("x")+"]"),
			fails:  "Terraform can't plan a circle",
		},
		{
			reason: "a circle without lists",
			in:     "resource \"value\" \"a\" {\n  input = value.b.id\n}\nresource \"value\" \"b\" {\n  input = value.a.id\n}\n",
			fails:  "Terraform can't plan a circle",
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			got, diags := rewritten(c.in)
			switch {
			case c.fails == "" && diags.HasErrors():
				t.Fatal(diags)
			case c.fails != "" && (!diags.HasErrors() || !strings.Contains(diags.Error(), c.fails)):
				t.Errorf("%v, want %s", diags, c.fails)
			case !strings.Contains(got, c.want):
				t.Errorf("%s is not in\n%s", c.want, got)
			}
		})
	}
}

func TestForesight(t *testing.T) {
	t.Parallel()
	const base = `resource "network" "n" {
  count = 2
  name  = "n${count.index}"
}
resource "value" "each" {
  for_each = toset(["a"])
  input    = each.key
}
data "availability_zones" "all" {}
`
	for _, c := range []struct {
		reason, forEach string
		warns           bool
	}{
		{"keys that are written", `{ a = network.n[0].id }`, false},
		{"ids as keys", `toset(network.n[*].id)`, true},
		{"ids as keys of a for expression", `{ for n in network.n : n.id => n.name }`, true},
		{"names as keys, ids as values", `{ for n in network.n : n.name => n.id }`, false},
		{"a filter by ids", `{ for n in network.n : n.name => n.id if n.id != "" }`, true},
		{"the instances of another one", `value.each`, false},
		{"what is looked up", `toset(data.availability_zones.all.names)`, false},
		{"a local value over ids", `local.ids`, true},
		{"keys of a map of ids", `toset(keys({ a = network.n[0].id }))`, false},
		{"values of a map of ids", `toset(values({ a = network.n[0].id }))`, true},
		{"a choice by an id", `network.n[0].id == "" ? toset([]) : toset(["a"])`, true},
		{"zipmap of names and ids", `zipmap(["a", "b"], network.n[*].id)`, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, diags := rewritten(base + "locals {\n  ids = { for n in network.n : n.id => 1 }\n}\nresource \"value\" \"x\" {\n  for_each = " + c.forEach + "\n}\n")
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if warned := len(diags) > 0; warned != c.warns {
				t.Errorf("warned: %v, want %v (%v)", warned, c.warns, diags)
			}
		})
	}
}

func TestWhatTerraformRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, in, fails string }{
		{"removed blocks are about all instances", "resource \"network\" \"a\" {}\nremoved {\n  from = volume.v[\"x\"]\n}", "One instance in a removed block"},
		{"data sources leave nothing behind", "resource \"network\" \"a\" {}\nremoved {\n  from = data.image.i\n}", "A data source in a removed block"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if _, diags := rewritten(c.in); !strings.Contains(diags.Error(), c.fails) {
				t.Errorf("%v, want %s", diags, c.fails)
			}
		})
	}
}

// A module outside of the stack's folder finds a place inside of the output.
func TestModulesOutside(t *testing.T) {
	t.Parallel()
	got, diags := rewritten("module \"m\" {\n  source = \"../shared/m\"\n}\n", "shared/m/m.stack.hcl", "resource \"network\" \"a\" {}\n")
	if diags.HasErrors() || !strings.Contains(got, `source = "./modules/m"`) {
		t.Errorf("%v\n%s", diags, got)
	}
}

func FuzzTerraform(f *testing.F) {
	examples, err := filepath.Glob("../../examples/*/*.stack.hcl")
	if err != nil || len(examples) == 0 {
		f.Fatal("no examples", err)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("stack \"s\" { description = <<E\nx\nE\n }\nresource \"security_group\" \"a\" { rules = [{ direction = \"ingress\", remote_group_id = security_group.b.id }] }\nresource \"security_group\" \"b\" { rules = [{ \"direction\" : \"ingress\" /* x */ , remote_group_id = security_group.a.id }] }\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, diags := rewritten(text)
		if diags.HasErrors() {
			return
		}
		if _, diags := hclsyntax.ParseConfig([]byte(got), "main.tf", hcl.InitialPos); diags.HasErrors() {
			t.Errorf("%v\n%s", diags, got)
		}
	})
}
