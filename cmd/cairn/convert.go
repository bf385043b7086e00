package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
)

func (a *app) convertCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "convert",
		Short: "Rewrite a stack for Terraform, or a configuration for OpenStack as one of cairn's",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.convertTerraform(), a.convertOpenStack())
	return c
}

// outFlags say where a conversion is written.
type outFlags struct {
	out   string
	force bool
}

func (f *outFlags) add(c *cobra.Command, suffix string) {
	c.Flags().StringVar(&f.out, "out", "", "the folder to write (else FOLDER"+suffix+", beside it)")
	c.Flags().BoolVar(&f.force, "force", false, "write into a folder that has configuration files; other files there stay")
}

func (a *app) convertTerraform() *cobra.Command {
	var flags outFlags
	c := &cobra.Command{
		Use:   "terraform [FOLDER]",
		Short: "Write a stack as a folder of .tf files",
		Long: `Write a stack, its modules and the files that it reads as a folder of .tf files, which
Terraform, OpenTofu and cairn read alike. The stack itself stays as it is. Types get
the prefix cairn_, and the stack block becomes provider "cairn". Comments stay.

What cairn plans and Terraform can't is rewritten where there is a way, and told:
  - blocks that name each other's ids: what closes the circle, such as a rule of a
    security group, becomes a resource of its own
  - for_each and count over ids and addresses: a warning, with the line
  - an order that cairn sees by itself: depends_on is written out

cairn.tfvars becomes terraform.tfvars. cloud.hcl is not copied: Terraform's provider
looks for it as cairn does, in the folder and above it, or where CAIRN_CLOUD says.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := folder(args)
			// What variables come to is of no interest here, and may be unknown.
			types := resources.All()
			s, diags := lang.Load(dir, lang.Options{Types: types, Values: map[string]cty.Value{}})
			diags = slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool {
				_, missing := d.Extra.(lang.VarMissing)
				return missing
			})
			if err := a.complain(sources(s), diags); err != nil {
				return err
			}
			out, diags := convert.Terraform(s, types)
			to, err := flags.folder(dir, "-terraform")
			if err == nil && !diags.HasErrors() {
				err = flags.free(to)
			}
			if err := errors.Join(a.complain(sources(s), diags), err); err != nil {
				return err
			}
			n, err := writeOutput(out, to)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Wrote %d files to %s.\n", n, to)
			return nil
		},
	}
	flags.add(c, "-terraform")
	return c
}

// folder is where the output goes: beside the input, unless said.
func (f *outFlags) folder(dir, suffix string) (string, error) {
	if f.out != "" {
		return filepath.Clean(f.out), nil
	}
	switch dir = filepath.Clean(dir); filepath.Base(dir) {
	case ".", "..", string(filepath.Separator):
		whole, err := filepath.Abs(dir)
		if err != nil {
			return "", err
		}
		if filepath.Dir(whole) == whole {
			return "", errors.New("there is nothing beside the root folder: say where to write with -out")
		}
		return filepath.Join(dir, "..", filepath.Base(whole)+suffix), nil
	}
	return dir + suffix, nil
}

// free refuses a folder with a configuration in it.
func (f *outFlags) free(to string) error {
	entries, err := os.ReadDir(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if configuration(e.Name()) && !f.force {
			return fmt.Errorf("%s has %s already: name another folder with -out, or overwrite with -force", to, e.Name())
		}
	}
	return nil
}

func configuration(name string) bool {
	for _, end := range []string{".tf", ".tf.json", ".stack.hcl", ".stack.json"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// writeOutput writes the files of a conversion and counts them.
func writeOutput(out *convert.Output, to string) (n int, err error) {
	for _, name := range slices.Sorted(maps.Keys(out.Files)) {
		if err := writeBelow(to, name, out.Files[name], 0o644); err != nil {
			return n, err
		}
		n++
	}
	for _, c := range out.Copies {
		more, err := copyAll(c.From, to, c.To)
		if err != nil {
			return n, err
		}
		n += more
	}
	return n, nil
}

func writeBelow(to, name string, text []byte, mode fs.FileMode) error {
	path := filepath.Join(to, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, mode)
}

// copyAll copies a file, or a folder without what is hidden, without the output
// itself and without folders that are configurations of their own.
func copyAll(from, to, name string) (n int, err error) {
	out, err := filepath.Abs(to)
	if err != nil {
		return 0, err
	}
	err = filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if whole, err := filepath.Abs(path); err != nil || whole == out {
			return errors.Join(err, skip(e))
		}
		if path != from && strings.HasPrefix(e.Name(), ".") {
			return skip(e)
		}
		if e.IsDir() {
			entries, err := os.ReadDir(path)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return configuration(e.Name()) }) {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		n++
		return copyFile(path, filepath.Join(to, filepath.FromSlash(name), rel), info.Mode().Perm())
	})
	return n, err
}

func skip(e fs.DirEntry) error {
	if e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = out.ReadFrom(in)
	return err
}
