package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/state"
)

func (a *app) driftCommand() *cobra.Command {
	var flags planFlags
	var watch bool
	c := &cobra.Command{
		Use:   "drift [FOLDER]",
		Short: "Show what was changed behind cairn's back",
		Long: `Read every object of the stack and show what is not as cairn left it. Nothing is
changed: ` + "`cairn apply`" + ` restores, ` + "`cairn apply -refresh-only`" + ` adopts. With -watch it goes on
looking and tells of each change as it happens, until it is interrupted.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.load(folder(args), lang.Options{Vars: flags.vars})
			if err != nil {
				return err
			}
			if watch {
				return a.watch(c.Context(), s)
			}
			p, err := a.plan(c.Context(), s, planner.Options{Refresh: planner.RefreshFull, RefreshOnly: true})
			if err != nil {
				return err
			}
			if len(p.Drift) == 0 {
				fmt.Fprintf(a.out, "Stack %s is as cairn left it.\n", p.Stack)
				return nil
			}
			planView{a.out, styleOf(a.out, a.noColor)}.drift(p)
			fmt.Fprintln(a.out, "`cairn apply` restores what the configuration says; `cairn apply -refresh-only` adopts what is real.")
			if flags.detailed {
				return exitError(2)
			}
			return nil
		},
	}
	flags.addVars(c)
	c.Flags().BoolVar(&flags.detailed, "detailed-exitcode", false, "exit with 2 when something was changed")
	c.Flags().BoolVar(&watch, "watch", false, "tell of each change as it happens, until interrupted")
	return c
}

// watch tells of drift as it happens.
func (a *app) watch(ctx context.Context, s *lang.Stack) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	site, err := a.open(ctx, s.Dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Watching stack %s. Interrupt to end.\n", s.Name)
	view := planView{a.out, styleOf(a.out, a.noColor)}
	err = planner.Watch(ctx, site, s, view.happened)
	if errors.Is(err, errors.ErrUnsupported) {
		return errors.New("nothing in this cloud can be watched: the embedded cloud changes only when cairn changes it. Name an ovn block or real hosts in cloud.hcl, or use `cairn drift` without -watch")
	}
	return err
}

// happened is one line, or a few, of what somebody has just changed.
func (v planView) happened(d planner.Drift) {
	now := time.Now().Format(time.TimeOnly)
	switch {
	case d.After == cty.NilVal:
		v.line("%s %s %s is gone", now, v.red("!"), d.Address)
	case d.Mended():
		v.line("%s %s %s is again as cairn left it", now, v.green("="), d.Address)
	default:
		v.line("%s %s %s was changed", now, v.yellow("!"), d.Address)
		v.drifted(d)
	}
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [FOLDER]",
		Short: "Look for what stands in the way: the database, keys, locks, killed runs, systems",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s := styleOf(a.out, a.noColor)
			bad := false
			say := func(err error, format string, args ...any) {
				if err != nil {
					bad = true
					fmt.Fprintf(a.out, "%s %s: %s\n", s.red("bad "), fmt.Sprintf(format, args...), err)
					return
				}
				fmt.Fprintf(a.out, "%s %s\n", s.green("good"), fmt.Sprintf(format, args...))
			}
			site, err := a.open(c.Context(), folder(args))
			say(err, "the cloud and its database open")
			if err != nil {
				return errSaid
			}
			say(site.Cloud.Check(), "cloud %s: %s, %s, %s", site.Cloud.Name, plural(len(site.Cloud.Hosts), "host"), plural(len(site.Cloud.Zones()), "zone"), plural(len(site.Cloud.Physnets), "physical network"))
			say(site.Keys.Err(), "the keys of sensitive values can be read")
			stacks, err := site.Store.Stacks(c.Context())
			say(err, "%s in the database", plural(len(stacks), "stack"))
			for _, x := range stacks {
				say(a.stackHealth(c, site, x), "stack %s: %s", x.Name, plural(x.Records, "object"))
			}
			if bad {
				return errSaid
			}
			return nil
		},
	}
}

func (a *app) stackHealth(c *cobra.Command, site *planner.Site, x state.Stack) error {
	if x.Lock != nil {
		return fmt.Errorf("it is locked by %s (pid %d, %s), number %d", x.Lock.Who, x.Lock.PID, x.Lock.Command, x.Lock.Fence)
	}
	snap, err := site.Store.Snapshot(c.Context(), x.Name)
	if err != nil {
		return err
	}
	if snap.Open != nil {
		return fmt.Errorf("run %d was killed with %s left: the next apply finishes it", snap.Open.ID, plural(snap.Open.Left, "step"))
	}
	for _, r := range snap.Records {
		if r.Tainted {
			return fmt.Errorf("%s was left half-made: the next apply replaces it", r.Address)
		}
	}
	return nil
}
