package lang_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	const decl = "variable \"v\" {\n  type = string\n  default = \"default\"\n}\n"
	all := map[string]string{
		"terraform.tfvars": `v = "terraform.tfvars"`, "cairn.tfvars": `v = "cairn.tfvars"`,
		"cairn.tfvars.json": `{"v": "json"}`, "a.auto.tfvars": `v = "a"`, "b.auto.tfvars": `v = "b"`, "mine.vars": `v = "file"`,
	}
	env := []string{"TF_VAR_v=tf", "CAIRN_VAR_v=cairn", "TF_VAR_other=x"}
	list := func(elems ...string) cty.Value {
		vals := make([]cty.Value, len(elems))
		for i, e := range elems {
			vals[i] = str(e)
		}
		return cty.ListVal(vals)
	}
	for _, c := range []struct {
		reason string
		decl   string
		files  []string
		opt    lang.Options
		want   cty.Value
	}{
		{reason: "the default", want: str("default")},
		{reason: "Terraform's environment", opt: lang.Options{Env: env[:1]}, want: str("tf")},
		{reason: "cairn's environment is above it", opt: lang.Options{Env: env}, want: str("cairn")},
		{reason: "files are above the environment", files: []string{"terraform.tfvars"}, opt: lang.Options{Env: env}, want: str("terraform.tfvars")},
		{reason: "cairn's file is above Terraform's", files: []string{"terraform.tfvars", "cairn.tfvars"}, want: str("cairn.tfvars")},
		{reason: "JSON is above it", files: []string{"cairn.tfvars", "cairn.tfvars.json"}, want: str("json")},
		{reason: "automatic files in their order", files: []string{"cairn.tfvars.json", "a.auto.tfvars", "b.auto.tfvars"}, want: str("b")},
		{reason: "the command line is above all", files: []string{"b.auto.tfvars"}, opt: lang.Options{Vars: []lang.VarArg{{Assign: "v=arg"}}}, want: str("arg")},
		{reason: "the last of the command line wins", files: []string{"mine.vars"}, opt: lang.Options{Vars: []lang.VarArg{{Assign: "v=arg"}, {File: "stack/mine.vars"}}}, want: str("file")},
		{reason: "frozen values are all that counts", files: []string{"b.auto.tfvars"}, opt: lang.Options{Env: env, Values: map[string]cty.Value{"v": str("frozen")}}, want: str("frozen")},
		{reason: "a word is a string, whatever it looks like", opt: lang.Options{Vars: []lang.VarArg{{Assign: "v=[1]"}}}, want: str("[1]")},
		{reason: "a list is an expression", decl: "variable \"v\" { type = list(string) }", opt: lang.Options{Vars: []lang.VarArg{{Assign: `v=["a", "b"]`}}}, want: list("a", "b")},
		{reason: "without a type, text is text", decl: "variable \"v\" {}", opt: lang.Options{Env: []string{"CAIRN_VAR_v=12"}}, want: str("12")},
		{reason: "null falls back on the default where it is not allowed", decl: "variable \"v\" {\n default = \"d\"\n nullable = false\n}", opt: lang.Options{Vars: []lang.VarArg{{File: "stack/null.vars"}}}, want: str("d")},
		{reason: "sensitive values are marked", decl: "variable \"v\" { sensitive = true }", opt: lang.Options{Vars: []lang.VarArg{{Assign: "v=s"}}}, want: str("s").Mark(schema.Sensitive)},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"a.stack.hcl": decl, "null.vars": "v = null"}
			if c.decl != "" {
				files["a.stack.hcl"] = c.decl
			}
			for _, n := range c.files {
				files[n] = all[n]
			}
			s, diags := load(files, c.opt)
			must(t, s, diags)
			if got := s.Variables["v"].Value; !got.RawEquals(c.want) {
				t.Errorf("v is %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestVariableComplaints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, decl string
		opt          lang.Options
		want         string
	}{
		{"an undeclared name on the command line", `variable "size" { default = 1 }`, lang.Options{Vars: []lang.VarArg{{Assign: "siz=1"}}}, `Did you mean "size"?`},
		{"no equals sign", ``, lang.Options{Vars: []lang.VarArg{{Assign: "size"}}}, "Write -var 'name=value'"},
		{"a file that is not there", ``, lang.Options{Vars: []lang.VarArg{{File: "gone"}}}, "can't be read"},
		{"a text that is no number", `variable "n" { type = number }`, lang.Options{Env: []string{"TF_VAR_n=x"}}, "The value comes from the environment's TF_VAR_n"},
		{"a text that is no expression", `variable "n" { type = list(string) }`, lang.Options{Vars: []lang.VarArg{{Assign: "n=[a]"}}}, "Quote texts"},
		{"an expression that is too deep", `variable "n" { type = list(string) }`, lang.Options{Vars: []lang.VarArg{{Assign: "n=" + strings.Repeat("[", 100000)}}}, "levels of brackets"},
		{"a sensitive value is not told", "variable \"n\" {\n type = map(number)\n sensitive = true\n}", lang.Options{Vars: []lang.VarArg{{Assign: `n={ a = "hunter2" }`}}}, "It must be a map(number)"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s, diags := load(map[string]string{"a.stack.hcl": c.decl}, c.opt)
			got := strings.Join(strings.Fields(told(s, diags)), " ")
			if !diags.HasErrors() || !strings.Contains(got, c.want) || strings.Contains(got, "hunter2") {
				t.Errorf("told:\n%s\nwant %q in it", got, c.want)
			}
		})
	}
}

func TestMissingVariablesCanBeAskedFor(t *testing.T) {
	t.Parallel()
	_, diags := load(map[string]string{"a.stack.hcl": "variable \"v\" {\n type = list(string)\n description = \"words\"\n sensitive = true\n}"}, lang.Options{})
	if len(diags) != 1 || diags[0].Extra != (lang.VarMissing{Name: "v", Description: "words", Type: "list(string)", Sensitive: true}) {
		t.Errorf("%#v", diags)
	}
}

// TestBundle: a stack that is loaded from its bundle is the same stack, also when
// the folder is gone, and the bundle of that is the same bundle.
func TestBundle(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"a.stack.hcl": `
			variable "v" {}
			module "m" { source = "./m" }
			output "o" { value = "${file("x.txt")} ${join(",", fileset("d", "*"))} ${fileexists("no.txt")} ${var.v} ${module.m.o} ${abspath(".")}" }`,
		"m/a.stack.hcl": `output "o" { value = templatefile("${path.module}/t.tmpl", { a = 1 }) }`,
		"m/t.tmpl":      "t${a}", "x.txt": "x", "d/1": "", "d/2": "", "cairn.tfvars": `v = "secret word"`,
	})
	evaluated := func(s *lang.Stack) string {
		x := evaluate(s)
		must(t, s, x.diags)
		return x.eval.Outputs()[0].Value.AsString()
	}
	s, diags := lang.Load(dir, lang.Options{Types: testTypes()})
	must(t, s, diags)
	want := evaluated(s)
	packed, err := s.Bundle().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var b lang.Bundle
	if err := b.UnmarshalBinary(packed); err != nil {
		t.Fatal(err)
	}
	for p := range b.Files {
		if strings.Contains(string(b.Files[p]), "secret word") {
			t.Errorf("%s is in the bundle, and has a variable's value", p)
		}
	}
	again, diags := lang.Load(b.Dir, lang.Options{Types: testTypes(), Files: &b, Values: map[string]cty.Value{"v": str("secret word")}})
	must(t, again, diags)
	if got := evaluated(again); got != want || !strings.Contains(got, "x 1,2 false secret word t1") {
		t.Errorf("%q, want %q", got, want)
	}
	if got := again.Bundle(); !slices.Equal(slices.Sorted(maps.Keys(got.Files)), slices.Sorted(maps.Keys(b.Files))) {
		t.Errorf("files: %v, want %v", slices.Sorted(maps.Keys(got.Files)), slices.Sorted(maps.Keys(b.Files)))
	}
	if len(again.Blocks) != len(s.Blocks) || again.Name != s.Name {
		t.Error("the stack is another one")
	}
}

// failing is a Files that has one file which can't be read.
type failing struct {
	*lang.Bundle
	path string
	size int64
}

func (f failing) ReadFile(p string) ([]byte, error) {
	if p == f.path {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrPermission}
	}
	return f.Bundle.ReadFile(p)
}

type large struct{ fs.FileInfo }

func (large) Size() int64 { return 65 << 20 }

func (f failing) Stat(p string) (fs.FileInfo, error) {
	i, err := f.Bundle.Stat(p)
	if err == nil && f.size > 0 && p == f.path {
		return large{i}, nil
	}
	return i, err
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	main := filepath.Join("stack", "a.stack.hcl")
	for _, c := range []struct {
		reason, text, want string
		files              func(*lang.Bundle) lang.Files
	}{
		{reason: "bytes that are no UTF-8", text: "# ok\nlocals { a = \"\xff\" }", want: "offset 19, on line 2"},
		{reason: "nul bytes", text: "locals { a = \x00 }", want: "Error"},
		{reason: "brackets without end", text: "locals {\n a = " + strings.Repeat("{ a = ", 100000), want: "levels of brackets"},
		{reason: "templates without end", text: "locals {\n a = " + strings.Repeat(`"${`, 100000), want: "levels of brackets"},
		{reason: "signs without end", text: "locals {\n a = " + strings.Repeat("!", 1000000) + "true\n}", want: "operators"},
		{reason: "a heredoc does not hide brackets behind it", text: "locals {\n a = <<E\n((((\nE\n b = " + strings.Repeat("[", 100000), want: "levels of brackets"},
		{reason: "control sequences without end", text: "locals {\n a = \"" + strings.Repeat("%{ if true }", 20000) + "\"\n}", want: "operators"},
		{reason: "a file that may not be read", text: "", want: "Permission denied", files: func(b *lang.Bundle) lang.Files { return failing{Bundle: b, path: main} }},
		{reason: "a file that is too large", text: "", want: "larger than 64 MiB", files: func(b *lang.Bundle) lang.Files { return failing{Bundle: b, path: main, size: 1} }},
		{reason: "too many objects", text: "resource \"network\" \"n\" { count = 1e12 }", want: "at most 1000000"},
		{reason: "an unknown escape", text: "locals { a = \"\\q\" }", want: "Error"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			var files lang.Files = memory(map[string]string{"a.stack.hcl": c.text})
			if c.files != nil {
				files = c.files(files.(*lang.Bundle))
			}
			s, diags := load(nil, lang.Options{Files: files})
			if !diags.HasErrors() {
				diags = evaluate(s).diags
			}
			if got := strings.Join(strings.Fields(told(s, diags)), " "); !strings.Contains(got, c.want) {
				t.Errorf("told:\n%.1000s\nwant %q in it", got, c.want)
			}
		})
	}
}

func TestLongFilesAreCutWithoutAnybodyNoticing(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for range 5000 {
		b.WriteString("# a comment { with [ brackets\n")
	}
	b.WriteString("locals {\n  a = <<E\n" + strings.Repeat("{ text } \" \n", 10000) + "E\n}\n")
	for range 1000 {
		b.WriteString("/* } */\n")
	}
	b.WriteString("resource \"network\" \"n\" {\n  nam = 1\n}\n")
	text := b.String()
	s, diags := load(map[string]string{"a.stack.hcl": text}, lang.Options{})
	if len(diags) != 1 {
		t.Fatal(told(s, diags))
	}
	at := diags[0].Subject
	if want := strings.Count(text, "\n") - 1; at.Start.Line != want || !strings.HasPrefix(text[at.Start.Byte:], "nam =") {
		t.Errorf("the complaint is at line %d byte %d, want line %d", at.Start.Line, at.Start.Byte, want)
	}
	if got := told(s, diags); !strings.Contains(got, `in resource "network" "n"`) {
		t.Error(got)
	}
}

func TestStackNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		files  map[string]string
		want   string
		bad    bool
	}{
		{reason: "the folder's", files: map[string]string{"a.stack.hcl": ""}, want: "stack"},
		{reason: "the block's", files: map[string]string{"a.stack.hcl": `stack "shop" {}`}, want: "shop"},
		{reason: "the provider's", files: map[string]string{"a.tf": `provider "cairn" { stack = "web" }`}, want: "web"},
		{reason: "two names", files: map[string]string{"a.stack.hcl": "stack \"a\" {}\nstack \"b\" {}"}, bad: true},
		{reason: "no name", files: map[string]string{"a.stack.hcl": `stack "a b" {}`}, bad: true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s, diags := load(c.files, lang.Options{})
			if diags.HasErrors() != c.bad || !c.bad && s.Name != c.want {
				t.Errorf("%q\n%s", s.Name, told(s, diags))
			}
		})
	}
}

func TestMissingFolder(t *testing.T) {
	t.Parallel()
	s, diags := lang.Load(filepath.Join(t.TempDir(), "gone"), lang.Options{Types: testTypes()})
	if !diags.HasErrors() || !strings.Contains(told(s, diags), "can't be read") {
		t.Error(told(s, diags))
	}
	if _, err := (&lang.Bundle{}).ReadFile("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, kind := range shapes {
		f.Add(shape(kind, 20)["main.stack.hcl"], false)
	}
	for _, name := range []string{"evaluation", "lifecycle", "repetition", "unknown-words", "nested-block", "json"} {
		b, err := os.ReadFile(filepath.Join("testdata", "complaints", name+".txtar"))
		if err != nil {
			f.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), " --\n")
		text, _, _ = strings.Cut(text, "-- want")
		f.Add(text, name == "json")
	}
	f.Add(`variable "v" {
  type    = object({ a = optional(list(string), []), b = map(any) })
  default = { b = {} }
}
module "m" { source = "." }
locals { x = [for k, v in var.v.b : { (k) = v... } if can(v)] }
check "c" {
  assert {
    condition     = alltrue([])
    error_message = "x"
  }
}
import {
  to = network.n["a"]
  id = "x"
}
moved {
  from = module.a
  to   = module.b[0]
}
output "o" { value = try(network.n[*].id, cidrsubnet("10.0.0.0/8", 8, 1), templatefile("x", {})) }
data "network" "n" { name = "x" }
`, false)
	f.Add(`{"resource":{"network":{"n":{"count":"${1+1}","tags":{"a":"${count.index}"}}}},"locals":{"a":null}}`, true)
	types := testTypes()
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		if len(text) > 1<<16 {
			return
		}
		hang := time.AfterFunc(10*time.Second, func() { panic("no end: " + text) })
		defer hang.Stop()
		name := "a.stack.hcl"
		if isJSON {
			name = "a.stack.json"
		}
		s, diags := load(map[string]string{name: text}, lang.Options{Types: types})
		for _, d := range diags {
			if d.Summary == "" {
				t.Errorf("a complaint without words: %#v", d)
			}
		}
		if !diags.HasErrors() {
			x := evaluate(s)
			diags = append(diags, x.diags...)
			if len(x.failed) > 0 {
				diags = append(diags, lang.CycleDiagnostic(x.failed))
			}
		}
		told(s, diags)
	})
}
