package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/cloud"
)

func (a *app) adoptCommand() *cobra.Command {
	var out string
	var force, list bool
	var only []string
	c := &cobra.Command{
		Use:   "adopt HOST [FOLDER]",
		Short: "Write the configuration of machines that others made on a host",
		Long: `Write stack files for what is on a host and was made without cairn: the machines,
as they are, with import blocks that take them over. Nothing is changed on the host,
neither by this command nor by the apply that follows it: the plan says so, and shows
what would, should a machine have changed meanwhile.

Disks that are files or block devices of the host stay its own: cairn neither copies
nor removes them, and such a machine stays on its host. Network cards stay in the
bridges that they are in. What cairn has no words for is left alone, and named.`,
		Example: `  cairn adopt hv1 -list          # what there is
  cairn adopt hv1 estate         # estate/hv1.stack.hcl
  cairn apply estate             # 12 to import, nothing changes on the host
  cairn adopt hv1 -only db1,db2`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			dir := folder(args[1:])
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			site, err := a.hosts(c.Context(), dir)
			if err != nil {
				return err
			}
			h, err := hostNamed(site.Cloud, args[0])
			if err != nil {
				return err
			}
			if h.Away != "" {
				return errors.New(h.Away)
			}
			found, known, err := strays(c.Context(), site, h)
			if err != nil {
				return err
			}
			if found, err = chosen(h, found, only); err != nil {
				return err
			}
			able := slices.DeleteFunc(slices.Clone(found), func(s providers.Stray) bool { return s.Object == nil })
			a.listStrays(h, found, known)
			if list || len(able) == 0 {
				return nil
			}
			if out == "" {
				out = filepath.Join(dir, h.Name+".stack.hcl")
			}
			return a.writeStrays(h, site, able, out, dir, force)
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", "write this file (else HOST.stack.hcl in the folder)")
	f.BoolVar(&force, "force", false, "overwrite it")
	f.BoolVar(&list, "list", false, "write nothing")
	f.StringSliceVar(&only, "only", nil, "these machines alone, by their names")
	return c
}

// strays lists what is on a host and in no stack, and counts what is in one.
func strays(ctx context.Context, site *planner.Site, h *cloud.Host) (all []providers.Stray, known int, err error) {
	found, err := site.Systems.Strays(ctx, h.Name)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, 0, fmt.Errorf("host %s is only modelled: all that is on it was made by cairn", h.Name)
	}
	if err != nil {
		return nil, 0, err
	}
	var types []string
	for _, s := range found {
		types = append(types, s.Type)
	}
	slices.Sort(types)
	records, err := site.Store.Others(ctx, "", slices.Compact(types))
	if err != nil {
		return nil, 0, err
	}
	kept := map[string]bool{}
	for _, r := range records {
		kept[r.Type+" "+r.ID] = true
	}
	for _, s := range found {
		if kept[s.Type+" "+s.ID] {
			known++
			continue
		}
		all = append(all, s)
	}
	return all, known, nil
}

// chosen are the machines that the user names; all, where none is named.
func chosen(h *cloud.Host, all []providers.Stray, names []string) (some []providers.Stray, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, n := range names {
		at := slices.IndexFunc(all, func(s providers.Stray) bool { return s.Name == n })
		if at < 0 {
			return nil, fmt.Errorf("host %s has no machine %q that is not cairn's: `cairn adopt %s -list` shows those that it has", h.Name, n, h.Name)
		}
		some = append(some, all[at])
	}
	return some, nil
}

// listStrays says what there is on a host, and what of it can't be taken over.
func (a *app) listStrays(h *cloud.Host, found []providers.Stray, known int) {
	fmt.Fprintf(a.out, "Host %s has %s not made by cairn, and %d that cairn keeps.\n", h.Name, plural(len(found), "machine"), known)
	for _, s := range found {
		switch {
		case s.Object == nil:
			fmt.Fprintf(a.out, "  %s  can't be taken over: %s\n", s.Name, strings.Join(s.Left, "; "))
		case len(s.Left) > 0:
			fmt.Fprintf(a.out, "  %s  %s\n", s.Name, strings.Join(s.Left, "; "))
		default:
			fmt.Fprintf(a.out, "  %s\n", s.Name)
		}
	}
}

func (a *app) writeStrays(h *cloud.Host, site *planner.Site, all []providers.Stray, out, dir string, force bool) error {
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) && !force {
		if err == nil {
			err = fmt.Errorf("%s is there already: name another file with -out, or overwrite it with -force", out)
		}
		return err
	}
	taken, err := addresses(dir, out)
	if err != nil {
		return err
	}
	var written []convert.Stray
	for _, s := range all {
		written = append(written, convert.Stray{ID: s.ID, Object: s.Object, With: s.With, Left: s.Left})
	}
	text, err := convert.Strays(site.Types, fmt.Sprintf("The machines of host %s that were made without cairn. Once `cairn apply` has taken\nthem over, the import blocks can go.", h.Name), written, taken)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Wrote %s to %s. Next: cairn apply %s\n", plural(len(all), "machine"), out, dir)
	return nil
}

// addresses are those of the objects in a folder's files, but for one file.
func addresses(dir, but string) (map[string]bool, error) {
	taken := map[string]bool{}
	files, err := stackFiles(dir, false)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if path == filepath.Clean(but) {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
		if diags.HasErrors() {
			return nil, diags
		}
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			if b.Type == "resource" && len(b.Labels) == 2 {
				taken[b.Labels[0]+"."+b.Labels[1]] = true
			}
		}
	}
	return taken, nil
}
