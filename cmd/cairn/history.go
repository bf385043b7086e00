package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/state"
)

func (a *app) historyCommand() *cobra.Command {
	var dir string
	var limit int
	c := &cobra.Command{
		Use:   "history",
		Short: "List the runs of the stack, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			runs, err := site.Store.Runs(c.Context(), name, limit)
			if err != nil {
				return err
			}
			if len(runs) == 0 {
				fmt.Fprintf(a.out, "Stack %s was never applied.\n", name)
				return nil
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RUN\tSTARTED\tWHO\tCOMMAND\tSTEPS\tSTATUS")
			for _, r := range runs {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\n", r.ID, when(r.Started), r.Who, r.Command, r.Steps, r.Status)
			}
			return w.Flush()
		},
	}
	c.PersistentFlags().StringVar(&dir, "dir", ".", "the folder of the stack")
	c.Flags().IntVarP(&limit, "limit", "n", 20, "how many; 0 for all")
	c.AddCommand(&cobra.Command{
		Use: "show RUN", Short: "Show the steps of a run", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			id, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.showRun(c.Context(), site, name, id)
		},
	})
	return c
}

func runNumber(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is no run: `cairn history` lists their numbers", text)
	}
	return id, nil
}

func (a *app) showRun(ctx context.Context, site *planner.Site, name string, id int64) error {
	run, steps, err := site.Store.Run(ctx, name, id)
	if errors.Is(err, state.ErrNoRun) {
		return fmt.Errorf("stack %s has no run %d: `cairn history` lists them", name, id)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Run %d of stack %s: %s by %s, %s to %s, %s\n", run.ID, name, run.Command, run.Who, when(run.Started), when(run.Ended), run.Status)
	if run.Error != "" {
		fmt.Fprintf(a.out, "  %s\n", run.Error)
	}
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", s.Step, s.Action, s.Address, s.Status, s.Error)
	}
	return w.Flush()
}

func (a *app) rollbackCommand() *cobra.Command {
	var flags applyFlags
	var dir string
	c := &cobra.Command{
		Use:   "rollback RUN",
		Short: "Go back to the configuration that a run applied",
		Long: `Plan the way back to how things were when a run had ended, ask, and go it.

The plan is made from the configuration and the variables of that run, which the
history keeps. Objects that were destroyed since are made anew, with new ids; what
they held can't come back. The files in the folder are not changed: until you
change them too, the next apply goes forward again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			id, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.rollback(c.Context(), site, name, id, &flags)
		},
	}
	flags.planFlags.add(a, c)
	flags.add(c)
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	return c
}

func (a *app) rollback(ctx context.Context, site *planner.Site, name string, id int64, flags *applyFlags) error {
	run, _, err := site.Store.Run(ctx, name, id)
	if errors.Is(err, state.ErrNoRun) {
		return fmt.Errorf("stack %s has no run %d: `cairn history` lists them", name, id)
	}
	if err != nil {
		return err
	}
	kept, err := site.Store.Sources(ctx, name, id)
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		return fmt.Errorf("run %d (%s) applied no configuration, so there is none to go back to", id, run.Command)
	}
	s, diags := planner.Unpack(site, kept)
	if err := a.complain(sources(s), diags); err != nil {
		return err
	}
	opt, err := flags.options()
	if err != nil {
		return err
	}
	opt.Destroy = planner.WasDestroy(run)
	return a.carryOut(ctx, s, opt, flags, fmt.Sprintf("rollback %d", id))
}

// takeBack undoes what a failed run did, under the same lock: it plans and goes
// the way back to the configuration of the run before.
func (a *app) takeBack(ctx context.Context, site *planner.Site, name string, failed int64, lease state.Lease, flags *applyFlags) error {
	a.note("\nTaking back what run %d changed.\n\n", failed)
	s, opt, err := planner.Before(ctx, site, name, failed)
	if err != nil {
		return fmt.Errorf("take back run %d: %w", failed, err)
	}
	p, err := a.plan(ctx, s, opt)
	if err != nil {
		return err
	}
	a.show(a.out, p)
	if p.Empty() {
		return nil
	}
	back := *flags
	back.rollback = false
	return a.applyPlan(ctx, site, p, lease, &back, fmt.Sprintf("rollback of run %d", failed))
}
