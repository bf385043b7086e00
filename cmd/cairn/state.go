package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/state"
)

// site and name of the stack that a command about records means.
func (a *app) stackSite(ctx context.Context, dir string) (*planner.Site, string, error) {
	name, err := a.stackName(dir)
	if err != nil {
		return nil, "", err
	}
	site, err := a.open(ctx, dir)
	return site, name, err
}

func (a *app) stateCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "state", Short: "Look at and mend the records of what was made"}
	c.PersistentFlags().StringVar(&dir, "dir", ".", "the folder of the stack")
	c.AddCommand(&cobra.Command{
		Use: "list [ADDRESS]", Short: "List the addresses of what was made", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			snap, err := site.Store.Snapshot(c.Context(), name)
			if err != nil {
				return err
			}
			for _, r := range snap.Records {
				if len(args) == 1 {
					t, err := address.ParseTarget(args[0])
					if err != nil {
						return err
					}
					o, err := address.Parse(r.Address)
					if err != nil || !t.Covers(o) {
						continue
					}
				}
				tail := ""
				if r.Deposed != "" {
					tail = " (replaced object " + r.Deposed + ")"
				}
				fmt.Fprintln(a.out, r.Address+tail)
			}
			return nil
		},
	}, &cobra.Command{
		Use: "show ADDRESS", Short: "Show what is known about an object", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			t, v, err := planner.Recorded(c.Context(), site, name, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s\n", args[0])
			planView{a.out, styleOf(a.out, a.noColor)}.attributes(t, cty.NilVal, v, nil, true)
			return nil
		},
	}, &cobra.Command{
		Use: "mv FROM TO", Short: "Rename a record: the object stays, its address changes", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.edit(c.Context(), dir, "state mv "+strings.Join(args, " "), func(site *planner.Site, name string) ([]state.End, error) {
				return planner.MoveRecord(c.Context(), site, name, args[0], args[1])
			}, fmt.Sprintf("%s is now %s.", args[0], args[1]))
		},
	}, &cobra.Command{
		Use: "rm ADDRESS", Short: "Forget an object: it stays as it is, and cairn no longer knows it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.edit(c.Context(), dir, "state rm "+args[0], func(site *planner.Site, name string) ([]state.End, error) {
				return planner.ForgetRecords(c.Context(), site, name, args[0])
			}, fmt.Sprintf("%s is forgotten. What it stands for was not touched. `cairn history` keeps the record.", args[0]))
		},
	}, a.importTerraformCommand(&dir), a.exportTerraformCommand(&dir))
	return c
}

// edit changes records under the stack's lock.
func (a *app) edit(ctx context.Context, dir, command string, ends func(*planner.Site, string) ([]state.End, error), said string) error {
	site, name, err := a.stackSite(ctx, dir)
	if err != nil {
		return err
	}
	lease, err := a.lock(ctx, site, name, command, &applyFlags{planFlags: planFlags{lockTimeout: "0s"}})
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	all, err := ends(site, name)
	if err != nil {
		return err
	}
	if err := lease.Edit(ctx, command, all); err != nil {
		return err
	}
	fmt.Fprintln(a.out, said)
	return nil
}

func (a *app) forceUnlockCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "force-unlock NUMBER",
		Short: "Take the lock away from a process that is gone for good",
		Long: `Take the lock of a stack away. The number is the one that the message about the
lock names. A process that still lives is fenced off: it can write no more
records, but a driver call that it is in the middle of goes on.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			var fence int64
			if _, err := fmt.Sscan(args[0], &fence); err != nil {
				return fmt.Errorf("%q is no lock number", args[0])
			}
			if err := site.Store.ForceUnlock(c.Context(), name, fence); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Stack %s is no longer locked.\n", name)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	return c
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.out, "cairn %s\n", version)
			return nil
		},
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
