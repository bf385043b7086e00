package resources_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/resources"
)

var code = regexp.MustCompile(`"(CRN-[A-Z]+(-[A-Z0-9]+)?)"`)

// A problem that names a code promises a page, and a page that no problem leads
// to misleads.
func TestEveryCodeHasAPage(t *testing.T) {
	t.Parallel()
	used := map[string]string{}
	for _, folder := range []string{".", "../planner"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range code.FindAllStringSubmatch(string(source), -1) {
				used[m[1]] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(used) < 12 {
		t.Fatalf("only %d codes are used: the test reads the wrong files", len(used))
	}
	for c, path := range used {
		if _, ok := resources.Explain(c); !ok {
			t.Errorf("%s, in %s, has no page: write resources/codes/%s.md", c, path, c)
		}
	}
	for _, c := range resources.Codes() {
		if used[c] == "" {
			t.Errorf("nothing uses %s: take its page out", c)
		}
	}
}

// Each page has the same parts, and its examples can be read.
func TestPagesAreWhole(t *testing.T) {
	t.Parallel()
	for _, c := range resources.Codes() {
		page, _ := resources.Explain(c)
		if !strings.HasPrefix(page, "# "+c+": ") {
			t.Errorf("%s: the page does not begin with its title", c)
		}
		var heads []string
		for line := range strings.SplitSeq(page, "\n") {
			if strings.HasPrefix(line, "## ") {
				heads = append(heads, line)
			}
		}
		if !slices.Equal(heads, []string{"## An example", "## What to do"}) {
			t.Errorf("%s: the page's parts are %q", c, heads)
		}
		parts := strings.Split(page, "```")
		if len(parts) < 3 || len(parts)%2 == 0 {
			t.Errorf("%s: the page has no example, or one without an end", c)
			continue
		}
		for i := 1; i < len(parts); i += 2 {
			text, ok := strings.CutPrefix(parts[i], "hcl\n")
			if _, diags := hclsyntax.ParseConfig([]byte(text), c, hcl.InitialPos); !ok || diags.HasErrors() {
				t.Errorf("%s: the example is no HCL: %v", c, diags)
			}
		}
	}
	if _, ok := resources.Explain("../codes"); ok {
		t.Error("a path is taken for a code")
	}
}

// The examples name types and attributes that there are.
func TestExamplesOfPagesAreOfTheseTypes(t *testing.T) {
	t.Parallel()
	types := resources.All()
	meta := []string{"count", "for_each", "depends_on", "provider"}
	for _, c := range resources.Codes() {
		page, _ := resources.Explain(c)
		parts := strings.Split(page, "```")
		for i := 1; i < len(parts); i += 2 {
			f, diags := hclsyntax.ParseConfig([]byte(strings.TrimPrefix(parts[i], "hcl\n")), c, hcl.InitialPos)
			if diags.HasErrors() {
				continue // another test says so
			}
			for _, b := range f.Body.(*hclsyntax.Body).Blocks {
				typ := types.Resource(b.Labels[0])
				if b.Type == "data" {
					typ = types.Data(b.Labels[0])
				}
				if typ == nil {
					t.Errorf("%s: there is no type %s", c, b.Labels[0])
					continue
				}
				for name := range b.Body.Attributes {
					if typ.Attribute(name) == nil && !slices.Contains(meta, name) {
						t.Errorf("%s: %s has no attribute %s", c, typ.Name, name)
					}
				}
			}
		}
	}
}
