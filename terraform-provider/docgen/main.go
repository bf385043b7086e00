// Command docgen writes the provider's manual in the registry's layout, from the
// schemas that the provider serves, the declarations behind them and the examples.
// It names no resource type, and guides are written by hand.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/examples"
)

func main() {
	dir := flag.String("dir", "terraform-provider", "the provider's folder")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes what has changed, and removes pages of what is no more.
func run(dir string) error {
	want, err := pages(context.Background(), resources.All(), os.DirFS(dir), examples.Files())
	if err != nil {
		return err
	}
	have, err := generated(os.DirFS(dir))
	if err != nil {
		return err
	}
	written, removed := 0, 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] == want[name] {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(want[name]), 0o644); err != nil {
			return err
		}
		written++
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
			removed++
		}
	}
	fmt.Printf("%d files of the manual are fresh: %d written, %d removed.\n", len(want), written, removed)
	return nil
}

// generated reads the pages that are no one's to edit: all but the guides.
func generated(dir fs.FS) (map[string]string, error) {
	files := map[string]string{}
	return files, fs.WalkDir(dir, "docs", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, "docs/guides/") {
			return err
		}
		text, err := fs.ReadFile(dir, path)
		files[path] = string(text)
		return err
	})
}
