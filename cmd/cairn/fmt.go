package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
)

func (a *app) fmtCommand() *cobra.Command {
	var check, recursive, list bool
	c := &cobra.Command{
		Use:   "fmt [FOLDER | FILE | -]",
		Short: "Write stack files in the one form",
		Long: `Write stack files in the one form: indentation, alignment, spaces. The names of the
files that change are printed. With -check nothing is written, and the exit code is
3 when something would be.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			where := folder(args)
			if where == "-" {
				src, err := io.ReadAll(io.LimitReader(a.in, 64<<20))
				if err != nil {
					return err
				}
				out, err := a.formatted("standard input", src)
				if err == nil {
					_, err = a.out.Write(out)
				}
				return err
			}
			files, err := stackFiles(where, recursive)
			if err != nil {
				return err
			}
			changed := 0
			for _, path := range files {
				did, err := a.formatFile(path, check, list)
				if err != nil {
					return err
				}
				if did {
					changed++
				}
			}
			if check && changed > 0 {
				return exitError(3)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; exit with 3 when a file is not in form")
	c.Flags().BoolVar(&recursive, "recursive", false, "folders below, too")
	c.Flags().BoolVar(&list, "list", true, "print the names of the files")
	return c
}

func (a *app) formatFile(path string, check, list bool) (changed bool, err error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	out, err := a.formatted(path, src)
	if err != nil || bytes.Equal(src, out) {
		return false, err
	}
	if list {
		fmt.Fprintln(a.out, path)
	}
	if check {
		return true, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return true, err
	}
	// Beside it and then in its place, so that a full disk loses nothing.
	whole := path + ".new"
	if err := os.WriteFile(whole, out, info.Mode().Perm()); err != nil {
		return true, err
	}
	return true, os.Rename(whole, path)
}

// formatted refuses what can't be parsed: its form is nobody's guess.
func (a *app) formatted(name string, src []byte) ([]byte, error) {
	f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if err := a.complain(map[string]*hcl.File{name: f}, diags); err != nil {
		return nil, err
	}
	return hclwrite.Format(src), nil
}

func stackFiles(where string, recursive bool) ([]string, error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{where}, nil
	}
	var files []string
	err = filepath.WalkDir(where, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != where && (!recursive || strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case !e.IsDir() && (strings.HasSuffix(path, ".hcl") || strings.HasSuffix(path, ".tf") || strings.HasSuffix(path, ".tfvars")):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}
