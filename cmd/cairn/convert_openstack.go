package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
)

func (a *app) convertOpenStack() *cobra.Command {
	var flags outFlags
	var format, stack string
	c := &cobra.Command{
		Use:   "openstack [FOLDER]",
		Short: "Rewrite a configuration for Terraform's OpenStack provider as one of cairn's",
		Long: `Rewrite a configuration for Terraform's OpenStack provider, with the folders below it,
as one of cairn's. The configuration itself stays as it is, and so do its comments.

Types and what refers to them are renamed, nested blocks become attributes, and names
of images, flavors, networks and security groups become ids: of what the configuration
makes, or of a data block that is added. Whatever has no counterpart stays in the
output as a comment that says why, and is listed with its line.

The exit code is 0 when everything was converted, 2 when something is left to do, and
1 after an error. State is not converted: import what exists.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "terraform" && format != "stack" {
				return fmt.Errorf("there is no format %q: use terraform or stack", format)
			}
			dir := folder(args)
			to, err := flags.folder(dir, "-cairn")
			if err == nil {
				err = flags.free(to)
			}
			if err != nil {
				return err
			}
			files, copies, err := foreignFiles(dir, to)
			if err != nil {
				return err
			}
			if stack == "" {
				stack = stackWord(dir)
			}
			out, report, diags := convert.OpenStack(files, convert.Options{Types: resources.All(), Stack: stack, Native: format == "stack"})
			if err := a.complain(parsed(files), diags); err != nil {
				return err
			}
			out.Copies = copies
			n, err := writeOutput(out, to)
			if err == nil && format == "terraform" {
				err = ordered(to)
			}
			if err != nil {
				return err
			}
			if a.json {
				err = a.writeJSON(struct {
					Out      string `json:"out"`
					Complete bool   `json:"complete"`
					*convert.Report
				}{to, report.Complete(), report})
			} else {
				err = a.tell(report)
				fmt.Fprintf(a.out, "\nWrote %d files to %s.\n", n, to)
			}
			if err == nil && !report.Complete() {
				return exitError(2)
			}
			return err
		},
	}
	flags.add(c, "-cairn")
	c.Flags().StringVar(&format, "format", "terraform", "terraform (.tf files, for Terraform, OpenTofu and cairn) or stack (.stack.hcl files, for cairn)")
	c.Flags().StringVar(&stack, "stack", "", "the name of the stack (else the folder's)")
	c.Flags().BoolVar(&a.json, "json", false, "write the report in JSON")
	return c
}

// ordered writes into converted files what Terraform can't see of their order. What
// does not load yet has something left to do: it stays as it is.
func ordered(dir string) error {
	types := resources.All()
	s, diags := lang.Load(dir, lang.Options{Types: types})
	if diags.HasErrors() {
		return nil
	}
	for name, text := range convert.Order(s, types) {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// stackWord makes the name of a stack of a folder's.
func stackWord(dir string) string {
	whole, err := filepath.Abs(dir)
	if err != nil {
		whole = dir
	}
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, filepath.Base(whole))
	if !hclsyntax.ValidIdentifier(word) {
		word = "stack-" + strings.Trim(word, "-")
	}
	return strings.TrimSuffix(word, "-")
}

// maxSource bounds a file that is converted, as stack files are bounded.
const maxSource = 64 << 20

// foreignFiles reads the .tf files of a folder and of those below it. The others
// are copied.
func foreignFiles(dir, to string) (files map[string][]byte, copies []convert.Copy, err error) {
	out, err := filepath.Abs(to)
	if err != nil {
		return nil, nil, err
	}
	files = map[string][]byte{}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if whole, err := filepath.Abs(path); err != nil || whole == out {
			return errors.Join(err, skip(e))
		}
		name := e.Name()
		if path != dir && strings.HasPrefix(name, ".") || strings.Contains(name, ".tfstate") {
			return skip(e)
		}
		if e.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return nil
		case !configuration(name):
			copies = append(copies, convert.Copy{From: path, To: filepath.ToSlash(rel)})
			return nil
		case strings.Contains(name, ".stack."):
			return nil
		case info.Size() > maxSource:
			return fmt.Errorf("%s is larger than %d MiB", path, maxSource>>20)
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no .tf files in %s", dir)
	}
	return files, copies, err
}

func parsed(files map[string][]byte) map[string]*hcl.File {
	all := map[string]*hcl.File{}
	for name, src := range files {
		all[name] = &hcl.File{Bytes: src}
	}
	return all
}

// tell prints a report: what became of each type, and then what is left to do.
func (a *app) tell(r *convert.Report) error {
	s := styleOf(a.out, a.noColor)
	type row struct{ typ, to string }
	counts := map[row]int{}
	var order []row
	for _, i := range r.Items {
		if i.Argument != "" || i.Type == "" {
			continue
		}
		k := row{i.Type, i.To}
		if strings.HasPrefix(i.Block, "data.") {
			k.typ = "data " + k.typ
		}
		if k.to == "" {
			k.to = i.Status
		}
		if counts[k] == 0 {
			order = append(order, k)
		}
		counts[k]++
	}
	slices.SortFunc(order, func(a, b row) int { return strings.Compare(a.typ+a.to, b.typ+b.to) })
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, k := range order {
		fmt.Fprintf(w, "%s\t%d\t%s\n", k.typ, counts[k], k.to)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, part := range []struct{ status, title string }{
		{convert.Left, "Left to do"},
		{convert.Dropped, "Left out, since cairn does without"},
	} {
		type group struct{ typ, argument, detail string }
		places := map[group][]string{}
		var groups []group
		for _, i := range r.Items {
			if i.Status != part.status {
				continue
			}
			g := group{first(i.Type, i.Block), i.Argument, i.Detail}
			if places[g] == nil {
				groups = append(groups, g)
			}
			places[g] = append(places[g], fmt.Sprintf("%s:%d", i.File, i.Line))
		}
		if len(groups) == 0 {
			continue
		}
		fmt.Fprintf(a.out, "\n%s\n", s.bold(part.title))
		for _, g := range groups {
			what := g.typ
			if g.argument != "" {
				what += ": " + g.argument
			}
			at := places[g]
			more := ""
			if len(at) > 3 {
				more = fmt.Sprintf(" and %d more", len(at)-3)
				at = at[:3]
			}
			fmt.Fprintf(a.out, "  %s (%s%s)\n%s\n", what, strings.Join(at, ", "), more, reflow(g.detail, "    "))
		}
	}
	fmt.Fprintf(a.out, "\n%d blocks converted, %d left, %d of other providers kept.\n", r.Count(convert.Converted, false), r.Count(convert.Left, false), r.Count(convert.Kept, false))
	fmt.Fprintf(a.out, "%d arguments converted, %d left out, %d left.\n", r.Count(convert.Converted, true), r.Count(convert.Dropped, true), r.Count(convert.Left, true))
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
