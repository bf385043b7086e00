package main

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/examples"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/site"
	"github.com/cairncloud/cairn/state"
)

// folder is the provider's.
const folder = ".."

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "docgen")
	if err == nil {
		err = os.Setenv("CAIRN_KEYSET", filepath.Join(dir, "keyset.json"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// The pages are those that declarations, schemas and examples make.
func TestManualIsFresh(t *testing.T) {
	t.Parallel()
	want, err := pages(t.Context(), resources.All(), os.DirFS(folder), examples.Files())
	if err != nil {
		t.Fatal(err)
	}
	have, err := generated(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stale(want, have) {
		t.Errorf("terraform-provider/%s is stale: run `make docs`", name)
	}
	if n := len(resources.All().All()); len(want) < 2*n {
		t.Errorf("%d types have %d files: some have none", n, len(want))
	}
}

// stale names the files that are not as they should be, or should not be.
func stale(want, have map[string]string) []string {
	names := map[string]bool{}
	for _, files := range []map[string]string{want, have} {
		for name := range files {
			w, wanted := want[name]
			h, there := have[name]
			names[name] = wanted != there || w != h
		}
	}
	maps.DeleteFunc(names, func(_ string, stale bool) bool { return !stale })
	return slices.Sorted(maps.Keys(names))
}

func TestStale(t *testing.T) {
	t.Parallel()
	want := map[string]string{"same": "1", "edited": "1", "missing": "1"}
	have := map[string]string{"same": "1", "edited": "2", "left over": "1"}
	if got := strings.Join(stale(want, have), ", "); got != "edited, left over, missing" {
		t.Errorf("stale: %s", got)
	}
}

// Gadget is a type that nobody wrote an example for.
type Gadget struct {
	ID   string `hcl:"id" plan:"assigned"`
	Name string `hcl:"name,optional" plan:"assigned"`
}

// Who adds a type is told what the manual lacks, by its name.
func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	_, err := pages(t.Context(), schema.NewTypes(schema.Declare[Gadget]("gadget")), os.DirFS(folder), examples.Files())
	if err == nil {
		t.Fatal("a type without an example and a chapter has a page")
	}
	for _, want := range []string{
		"cairn_gadget has no example: write resources/examples/resources/cairn_gadget/resource.tf",
		"data source cairn_gadget has no example: write resources/examples/data-sources/cairn_gadget/data-source.tf",
		"cairn_gadget is in no chapter: give it a schema.Subject in resources/resources.go",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
	_, err = pages(t.Context(), schema.NewTypes(), fstest.MapFS{"docs/guides/a.md": {Data: []byte("# A\n")}}, fstest.MapFS{})
	for _, want := range []string{"docs/guides/a.md does not begin with a page_title", "the provider has no example", "function ptr has no example"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

// An example of a type that is gone is gone as well.
func TestExamplesHaveTypes(t *testing.T) {
	t.Parallel()
	types := resources.All()
	for _, path := range exampleFiles(t) {
		kind, rest, _ := strings.Cut(path, "/")
		name, _, _ := strings.Cut(rest, "/")
		typ := strings.TrimPrefix(name, lang.TerraformPrefix)
		ok := true
		switch kind {
		case "resources":
			ok = types.Resource(typ) != nil
		case "data-sources":
			ok = types.Data(typ) != nil
		case "functions":
			_, ok = lang.Beyond()[name]
		}
		if !ok {
			t.Errorf("resources/examples/%s is of nothing that there is", path)
		}
	}
}

// exampleFiles lists the examples that are configurations of their own.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(examples.Files(), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".tf") {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d examples: %v", len(all), err)
	}
	return all
}

// copyExample puts an example, and what it reads, into a folder of its own whose
// name a stack can have.
func copyExample(t *testing.T, path, dir string) {
	t.Helper()
	from, err := fs.Sub(examples.Files(), filepath.ToSlash(filepath.Dir(path)))
	if err == nil {
		err = os.CopyFS(dir, from)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func folderOf(path string) string {
	return strings.NewReplacer("/", "-", "_", "-", ".", "-").Replace(path)
}

// Each example is applied to an embedded cloud, and then nothing is left to do. Its
// folder is the working folder, as it is Terraform's: one after the other.
func TestExamplesApply(t *testing.T) {
	for _, path := range exampleFiles(t) {
		t.Run(path, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), folderOf(path))
			copyExample(t, path, dir)
			t.Chdir(dir)
			s, shut, err := site.Open(t.Context(), cloudfile.Default(dir), resources.All())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := shut(); err != nil {
					t.Error(err)
				}
			}()
			p := plan(t, s, planner.Options{})
			if kind, _, _ := strings.Cut(path, "/"); kind == "resources" && p.Empty() {
				t.Error("the example makes nothing")
			}
			apply(t, s, p)
			if p := plan(t, s, planner.Options{}); !p.Empty() {
				t.Errorf("the plan after the apply is not empty: %d changes", len(p.Visible()))
			}
			apply(t, s, plan(t, s, planner.Options{Destroy: true}))
		})
	}
}

func plan(t *testing.T, s *planner.Site, opt planner.Options) *planner.Plan {
	t.Helper()
	stack, diags := lang.Load(".", lang.Options{Types: s.Types})
	faultless(t, diags)
	if !stack.TF {
		t.Fatal("the example is no folder of .tf files")
	}
	if err := planner.EnsureBuiltin(t.Context(), s, state.Me("test")); err != nil {
		t.Fatal(err)
	}
	p, diags := planner.Make(t.Context(), s, stack, opt)
	faultless(t, diags)
	return p
}

func faultless(t *testing.T, diags hcl.Diagnostics) {
	t.Helper()
	if len(diags) > 0 {
		t.Fatal(diags)
	}
}

func apply(t *testing.T, s *planner.Site, p *planner.Plan) {
	t.Helper()
	lease, err := s.Store.Lock(t.Context(), p.Stack, state.Me("test"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lease.Release() }()
	out, err := p.Apply(t.Context(), lease, planner.ApplyOptions{})
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Terraform takes every example as it is: types, words, references and functions.
func TestTerraformTakesTheExamples(t *testing.T) {
	t.Parallel()
	engine, err := exec.LookPath("terraform")
	if err != nil {
		if engine, err = exec.LookPath("tofu"); err != nil {
			t.Skip("neither terraform nor tofu is on PATH to be asked about the examples")
		}
	}
	dir, bin := t.TempDir(), t.TempDir()
	if text, err := exec.Command("go", "build", "-o", filepath.Join(bin, "terraform-provider-cairn"), folder).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	const required = "terraform {\n  required_providers {\n    cairn = {\n      source = \"cairncloud/cairn\"\n    }\n  }\n}\n"
	var all strings.Builder
	for _, path := range exampleFiles(t) {
		at := filepath.Join(dir, folderOf(path))
		copyExample(t, path, at)
		if path != examples.Provider {
			write(t, filepath.Join(at, "versions.tf"), required)
		}
		fmt.Fprintf(&all, "module %q {\n  source = \"./%s\"\n}\n\n", folderOf(path), folderOf(path))
	}
	write(t, filepath.Join(dir, "main.tf"), all.String())
	settings := filepath.Join(bin, "settings.tfrc")
	write(t, settings, fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  dev_overrides {\n    \"cairncloud/cairn\" = %q\n  }\n}\n", bin))
	for _, args := range [][]string{{"get", "-no-color"}, {"validate", "-no-color"}, {"fmt", "-check", "-recursive", "-diff", "-no-color"}} {
		c := exec.Command(engine, args...)
		c.Dir, c.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings, "TF_IN_AUTOMATION=1")
		if args[0] == "fmt" {
			c.Dir = filepath.Join(folder, "..", "resources", "examples")
		}
		if text, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", engine, args[0], err, text)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Links from page to page lead somewhere, and to a part that is there.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)]*)\)`)
	docs := filepath.Join(folder, "docs")
	links := 0
	err := filepath.WalkDir(docs, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			to, part, _ := strings.Cut(m[1], "#")
			if to != "" {
				if _, err := os.Stat(filepath.Join(filepath.Dir(path), to)); err != nil {
					t.Errorf("%s: a link to %s leads nowhere", path, m[1])
				}
			}
			if part != "" && !strings.Contains(string(text), fmt.Sprintf("<a id=%q></a>", part)) {
				t.Errorf("%s has no part %s", path, part)
			}
		}
		return nil
	})
	if err != nil || links == 0 {
		t.Fatalf("%d links: %v", links, err)
	}
}
