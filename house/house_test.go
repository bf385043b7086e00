package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cairncloud/cairn/"

// arrows says which of cairn's packages a package may import, and why no more.
// The first line that fits a package counts; a package that none fits is new
// here and needs a line.
var arrows = []struct {
	pkg, reason string
	may         []string
}{
	{"cmd/cairn", "the program knows which systems are linked", []string{"..."}},
	{"terraform-provider", "the other program; it names no resource type", []string{"..."}},
	{"site", "it opens what both programs link", []string{"..."}},
	{"bench", "it measures programs from outside", nil},
	{"house", "it only reads imports", nil},
	{"lab", "it is servers, and knows nothing of cairn", []string{"lab/..."}},
	{"planner/placement", "it knows hosts and demands, and no resource type", []string{"resources/schema", "resources/cloud"}},
	{"planner", "it names no resource type and links no system", []string{"planner/placement", "lang", "state", "state/seal", "providers", "resources/..."}},
	{"lang/convert", "it rewrites texts by the declarations", []string{"lang", "resources/schema", "resources/address"}},
	{"lang/cloudfile", "a cloud's facts are no part of a stack", []string{"resources/cloud"}},
	{"lang", "the language knows nothing of state or providers", []string{"resources/schema", "resources/address"}},
	{"providers/providertest", "the suite that every driver passes", []string{"providers", "resources/..."}},
	{"providers/ovn/rows", "rows are built in one place, from declarations alone", []string{"resources/..."}},
	{"providers/intake", "it makes disks of images, and no resource", []string{"resources", "resources/diskimage"}},
	{"providers", "drivers know nothing of lang, planner and state", []string{"providers/...", "resources/..."}},
	{"state", "attributes are bytes to it", []string{"state/...", "resources/schema", "resources/address"}},
	{"resources/address", "a name stands on its own", nil},
	{"resources/diskimage", "bytes stand on their own", nil},
	{"resources/cloud", "facts stand on their own", nil},
	{"resources/schema", "what a declaration means does not hang on any", []string{"resources/cloud", "resources/address"}},
	{"resources", "declarations know what they mean, not who reads them", []string{"resources/..."}},
}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	for pkg, imports := range listImports(t) {
		i := slices.IndexFunc(arrows, func(a struct {
			pkg, reason string
			may         []string
		}) bool {
			return fits(a.pkg, pkg)
		})
		if i < 0 {
			t.Errorf("package %s is new: give it a line in arrows", pkg)
			continue
		}
		for _, imp := range imports {
			if imp != pkg && !slices.ContainsFunc(arrows[i].may, func(may string) bool { return allows(may, imp) }) {
				t.Errorf("%s imports %s: %s", pkg, imp, arrows[i].reason)
			}
		}
	}
}

// Only these may import what is foreign and heavy: it stays at the edge.
func TestForeignCodeStaysAtTheEdge(t *testing.T) {
	t.Parallel()
	edges := map[string][]string{
		"modernc.org/sqlite":                    {"state/sqlite", "providers/embedded"},
		"github.com/tink-crypto/tink-go":        {"state/seal"},
		"github.com/spf13/cobra":                {"cmd/cairn", "lab/cairn-lab"},
		"github.com/vbauerster/mpb":             {"cmd/cairn"},
		"github.com/dominikbraun/graph":         {"planner"},
		"github.com/hashicorp/terraform-plugin": {"terraform-provider"},
		"github.com/ovn-org/libovsdb":           {"providers/ovn"},
		"github.com/digitalocean/go-libvirt":    {"providers/libvirt"},
		"libvirt.org/go/libvirtxml":             {"providers/libvirt"},
		"github.com/kdomanski/iso9660":          {"providers/libvirt"},
	}
	for _, p := range goList(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			for foreign, homes := range edges {
				if strings.HasPrefix(imp, foreign) && !slices.ContainsFunc(homes, func(h string) bool { return fits(h, pkg) }) {
					t.Errorf("%s imports %s, which belongs to %s", pkg, imp, strings.Join(homes, ", "))
				}
			}
		}
	}
}

func fits(pattern, pkg string) bool { return pkg == pattern || strings.HasPrefix(pkg, pattern+"/") }

func allows(may, pkg string) bool {
	if may == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(may, "/..."); ok {
		return fits(base, pkg)
	}
	return may == pkg
}

type listed struct {
	ImportPath string
	Imports    []string
}

func goList(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list names only %d packages", len(all))
	}
	return all
}

func listImports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, p := range goList(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		all[pkg] = nil
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				all[pkg] = append(all[pkg], own)
			}
		}
	}
	return all
}
