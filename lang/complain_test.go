package lang_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cairncloud/cairn/lang"
)

var update = flag.Bool("update", false, "write what is told now into testdata")

// TestComplaints compares what authors are told with golden text. The comment of
// each archive is its reason.
func TestComplaints(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/complaints/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			want := ""
			for _, f := range ar.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			s, diags := load(files, lang.Options{})
			if !diags.HasErrors() {
				x := evaluate(s)
				diags = append(diags, x.diags...)
				if len(x.failed) > 0 {
					diags = append(diags, lang.CycleDiagnostic(x.failed))
				}
			}
			if len(diags) == 0 {
				t.Fatalf("nothing was told: %s", ar.Comment)
			}
			got := shorten(told(s, diags))
			if *update {
				ar.Files[len(ar.Files)-1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%sgot:\n%s\nwant:\n%s", ar.Comment, got, want)
			}
		})
	}
}

// shorten keeps quoted lines that are longer than a page out of the golden text.
func shorten(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if len(l) > 200 {
			lines[i] = l[:200] + "..."
		}
	}
	return strings.Join(lines, "\n")
}
