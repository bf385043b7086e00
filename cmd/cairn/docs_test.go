package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/examples"
	"github.com/cairncloud/cairn/resources/schema"
)

// What `cairn docs` shows of a type is a stack as it is.
func TestExamplesOfTheManualAreStacks(t *testing.T) {
	t.Parallel()
	types := resources.All()
	for _, declared := range types.All() {
		for _, typ := range []*schema.Type{types.Resource(declared.Name), types.Data(declared.Name)} {
			if typ == nil {
				continue
			}
			file := examples.Resource
			if typ.DataOnly {
				file = examples.Data
			}
			from, err := fs.Sub(examples.Files(), path.Dir(file(lang.TerraformPrefix+typ.Name)))
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "example")
			if err := os.CopyFS(dir, from); err != nil { // what the example reads
				t.Fatal(err)
			}
			tf, err := filepath.Glob(filepath.Join(dir, "*.tf"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range tf {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "main.stack.hcl"), []byte(example(types, typ)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, diags := lang.Load(dir, lang.Options{Types: types}); len(diags) > 0 {
				t.Errorf("the example of %s: %s", typ.Name, diags)
			}
		}
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	types := resources.All()
	for _, c := range []struct{ reason, in, want string }{
		{"the type of a block", `resource "cairn_network" "a" {}`, `resource "network" "a" {}`},
		{"a reference", `x = [cairn_port.b[0].id, data.cairn_image.c.id]`, `x = [port.b[0].id, data.image.c.id]`},
		{"what only begins like one", `name = "cairn_nothing"`, `name = "cairn_nothing"`},
		{"part of another word", `my_cairn_network = 1`, `my_cairn_network = 1`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if got := native(types, c.in); got != c.want {
				t.Errorf("native(%s) = %s, want %s", c.in, got, c.want)
			}
		})
	}
}
