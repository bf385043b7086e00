package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
)

const root = "../.."

// What .goreleaser.yml says fits the tree: a name that leads nowhere would show on
// the day of a release only, and a variable that is not there not even then.
func TestReleaseFitsTheTree(t *testing.T) {
	t.Parallel()
	c := goreleaser(t)
	module := strings.TrimSuffix(version, "/terraform-provider/provider.Version")
	var ids []string
	for _, b := range c.GetAttr("builds").AsValueSlice() {
		id, from := b.GetAttr("id").AsString(), b.GetAttr("main").AsString()
		ids = append(ids, id)
		if name := packageName(t, filepath.Join(root, from)); name != "main" {
			t.Errorf("build %s: %s is package %s, no program", id, from, name)
		}
		if env := texts(b.GetAttr("env")); !slices.Contains(env, "CGO_ENABLED=0") {
			t.Errorf("build %s: env is %v: a release needs no C library", id, env)
		}
		if flags := texts(b.GetAttr("flags")); !slices.Contains(flags, "-trimpath") {
			t.Errorf("build %s: flags are %v: a release holds no path of a machine", id, flags)
		}
		set := regexp.MustCompile(`-X (\S+)\.(\w+)=\{\{ \.Version \}\}`).FindStringSubmatch(strings.Join(texts(b.GetAttr("ldflags")), " "))
		if set == nil {
			t.Errorf("build %s: its version is not set", id)
			continue
		}
		dir := filepath.Join(root, strings.TrimPrefix(set[1], module))
		if set[1] == "main" {
			dir = filepath.Join(root, from)
		}
		if !hasVariable(t, dir, set[2]) {
			t.Errorf("build %s: %s has no variable %s to be set", id, dir, set[2])
		}
	}
	for _, a := range c.GetAttr("archives").AsValueSlice() {
		for _, id := range texts(a.GetAttr("ids")) {
			if !slices.Contains(ids, id) {
				t.Errorf("archive %s holds %s, which nothing builds", a.GetAttr("id").AsString(), id)
			}
		}
	}
}

// The names are those that registries look for.
func TestReleaseHasTheRegistrysNames(t *testing.T) {
	t.Parallel()
	c := goreleaser(t)
	b, a := called(t, c.GetAttr("builds"), "terraform-provider"), called(t, c.GetAttr("archives"), "terraform-provider")
	const release = program + "_{{ .Version }}_"
	for _, x := range []struct{ reason, got, want string }{
		{"the plugin's file name", b.GetAttr("binary").AsString(), program + "_v{{ .Version }}"},
		{"the archive's name", a.GetAttr("name_template").AsString(), release + "{{ .Os }}_{{ .Arch }}"},
		{"its format", strings.Join(texts(a.GetAttr("formats")), " "), "zip"},
		{"the sums' name", c.GetAttr("checksum").GetAttr("name_template").AsString(), release + "SHA256SUMS"},
		{"their algorithm", c.GetAttr("checksum").GetAttr("algorithm").AsString(), "sha256"},
		{"what is signed", one(t, c.GetAttr("signs")).GetAttr("artifacts").AsString(), "checksum"},
		{"the signature's name", one(t, c.GetAttr("signs")).GetAttr("signature").AsString(), "${artifact}.sig"},
		{"the manifest is summed up", one(t, c.GetAttr("checksum").GetAttr("extra_files")).GetAttr("name_template").AsString(), release + "manifest.json"},
		{"the manifest is released", one(t, c.GetAttr("release").GetAttr("extra_files")).GetAttr("name_template").AsString(), release + "manifest.json"},
		{"the variable is the one that install sets", strings.Join(texts(b.GetAttr("ldflags")), " "), "-s -w -X " + version + "={{ .Version }}"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", x.reason, x.got, x.want)
		}
	}
	path := one(t, c.GetAttr("release").GetAttr("extra_files")).GetAttr("glob").AsString()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Version  int
		Metadata struct {
			Protocols []string `json:"protocol_versions"`
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != 1 || !slices.Equal(manifest.Metadata.Protocols, []string{"6.0"}) {
		t.Errorf("%s says %+v; main.go serves protocol 6", path, manifest)
	}
}

// goreleaser reads the release's description.
func goreleaser(t *testing.T) cty.Value {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, ".goreleaser.yml"))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := yaml.ImpliedType(src)
	if err != nil {
		t.Fatal(err)
	}
	v, err := yaml.Unmarshal(src, typ)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func texts(v cty.Value) []string {
	var all []string
	for _, x := range v.AsValueSlice() {
		all = append(all, x.AsString())
	}
	return all
}

// called finds the one with an id.
func called(t *testing.T, all cty.Value, id string) cty.Value {
	t.Helper()
	for _, x := range all.AsValueSlice() {
		if x.GetAttr("id").AsString() == id {
			return x
		}
	}
	t.Fatalf("nothing is called %s", id)
	return cty.NilVal
}

func one(t *testing.T, all cty.Value) cty.Value {
	t.Helper()
	if n := all.LengthInt(); n != 1 {
		t.Fatalf("there are %d, not one", n)
	}
	return all.AsValueSlice()[0]
}

func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if all == nil {
		t.Fatalf("there is no Go in %s", dir)
	}
	return all
}

func packageName(t *testing.T, dir string) string {
	t.Helper()
	return parse(t, dir)[0].Name.Name
}

func hasVariable(t *testing.T, dir, name string) bool {
	t.Helper()
	for _, f := range parse(t, dir) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				if slices.ContainsFunc(s.(*ast.ValueSpec).Names, func(i *ast.Ident) bool { return i.Name == name }) {
					return true
				}
			}
		}
	}
	return false
}
