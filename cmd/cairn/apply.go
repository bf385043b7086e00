package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/state"
)

// applyFlags are what apply and destroy add to a plan's.
type applyFlags struct {
	planFlags
	approve  bool
	rollback bool
}

func (f *applyFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	c.Flags().BoolVar(&f.rollback, "rollback", false, "when a step fails, take this run's changes back")
}

func (a *app) applyCommand() *cobra.Command {
	var flags applyFlags
	c := &cobra.Command{
		Use:   "apply [FOLDER | PLANFILE]",
		Short: "Change the cloud to what the stack says",
		Long: `Plan a stack, ask, and carry the plan out; or carry out a plan that plan -out
kept, exactly as it is.

Every step is written down before it begins and after it ends: an apply that is
killed at any moment is finished by the next one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			where := folder(args)
			if info, err := os.Stat(where); err == nil && !info.IsDir() {
				return a.applySaved(c.Context(), where, &flags)
			}
			return a.applyFolder(c.Context(), where, &flags)
		},
	}
	flags.addPlan(a, c)
	flags.add(c)
	return c
}

func (a *app) destroyCommand() *cobra.Command {
	var flags applyFlags
	var purge bool
	c := &cobra.Command{
		Use:   "destroy [FOLDER]",
		Short: "Take everything down that the stack made",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			flags.destroy = true
			if err := a.applyFolder(c.Context(), folder(args), &flags); err != nil || !purge {
				return err
			}
			gone, err := planner.PurgeBuiltin(c.Context(), a.site, state.Me("destroy"))
			if gone {
				a.note("The cloud is empty: its built-in stack is gone, too.\n")
			}
			return err
		},
	}
	c.Flags().BoolVar(&purge, "purge", false, "keep nothing that could come back; when the cloud is empty then, take its built-in stack down, too")
	flags.planFlags.add(a, c)
	flags.add(c)
	return c
}

func (a *app) applyFolder(ctx context.Context, dir string, flags *applyFlags) error {
	opt, err := flags.options()
	if err != nil {
		return err
	}
	s, err := a.load(dir, lang.Options{Vars: flags.vars})
	if err != nil {
		return err
	}
	command := "apply"
	if opt.Destroy {
		command = "destroy"
	}
	return a.carryOut(ctx, s, opt, flags, command)
}

// carryOut locks a stack, finishes what a killed run left, plans, asks, applies.
func (a *app) carryOut(ctx context.Context, s *lang.Stack, opt planner.Options, flags *applyFlags, command string) error {
	site, err := a.open(ctx, s.Dir)
	if err != nil {
		return err
	}
	if err := a.mayAsk(flags); err != nil {
		return err
	}
	lease, err := a.lock(ctx, site, s.Name, command, flags)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	p, err := a.plan(ctx, s, opt)
	if err != nil {
		return err
	}
	a.show(a.out, p)
	if p.Silent() {
		_, err := p.Apply(ctx, lease, planner.ApplyOptions{Command: command})
		return err
	}
	if p.Empty() {
		return nil
	}
	if err := a.ask(p, flags); err != nil {
		return err
	}
	return a.applyPlan(ctx, site, p, lease, flags, command)
}

func (a *app) applySaved(ctx context.Context, path string, flags *applyFlags) error {
	saved, err := planner.ReadSaved(path)
	if err != nil {
		return err
	}
	site, err := a.open(ctx, saved.Dir)
	if err != nil {
		return err
	}
	lease, err := a.lock(ctx, site, saved.Stack, "apply "+path, flags)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	p, s, diags := saved.Plan(ctx, site)
	if err := a.complain(sources(s), diags); err != nil {
		return err
	}
	if p.Empty() {
		a.show(a.out, p)
		return nil
	}
	return a.applyPlan(ctx, site, p, lease, flags, "apply "+path)
}

// lock takes a stack's lock and finishes what a killed run left.
func (a *app) lock(ctx context.Context, site *planner.Site, stack, command string, flags *applyFlags) (state.Lease, error) {
	wait, err := time.ParseDuration(flags.lockTimeout)
	if err != nil {
		return nil, fmt.Errorf("-lock-timeout is a time span such as 30s, not %q", flags.lockTimeout)
	}
	if err := planner.EnsureBuiltin(ctx, site, state.Me(command)); err != nil {
		return nil, err
	}
	lease, err := site.Store.Lock(ctx, stack, state.Me(command), wait)
	var locked *state.LockedError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("%w\nWait for it with -lock-timeout=5m. If its process is gone for good: cairn force-unlock %d", err, locked.Lock.Fence)
	}
	if err != nil {
		return nil, err
	}
	r, err := planner.Recover(ctx, site, stack, lease)
	if err != nil {
		_ = lease.Release()
		return nil, err
	}
	if r != nil {
		a.note("Run %d was killed. Of its steps, %d were complete or completed now, %d deletions were done, %d had not begun.\n\n", r.Run, r.Finished, r.Removed, r.Dropped)
	}
	return lease, nil
}

// mayAsk refuses early where nobody can answer.
func (a *app) mayAsk(flags *applyFlags) error {
	if flags.approve || isTerminal(a.in) && !a.json {
		return nil
	}
	return errors.New("there is no terminal to ask for approval: use -auto-approve, or keep a plan with `cairn plan -out FILE` and apply that")
}

// ask wants a yes for a plan. It says what will be lost.
func (a *app) ask(p *planner.Plan, flags *applyFlags) error {
	if flags.approve {
		a.note("\n")
		return nil
	}
	var doomed, stopped []string
	for _, c := range p.Changes {
		if c.Action == planner.Update && len(c.Stops) > 0 {
			stopped = append(stopped, c.Address.String())
		}
		if c.Action == planner.Delete || c.Action == planner.DeleteDeposed || c.Action.Replaces() {
			name := c.Address.String()
			if losesData(c) {
				name += " (with its data)"
			}
			doomed = append(doomed, name)
		}
	}
	fmt.Fprintln(a.out)
	s := styleOf(a.out, a.noColor)
	a.listed(s.red("This destroys:"), doomed)
	a.listed(s.yellow("This stops the guest of:"), stopped)
	return a.yes(fmt.Sprintf("Do this in stack %s?", p.Stack))
}

// yes asks a question to which only "yes" is one.
func (a *app) yes(question string) error {
	fmt.Fprintf(a.out, "%s Only \"yes\" is a yes: ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && answer == "" || strings.TrimSpace(answer) != "yes" {
		return errors.New("not approved: nothing was changed")
	}
	fmt.Fprintln(a.out)
	return nil
}

// listed names at most ten of what a question is about.
func (a *app) listed(title string, names []string) {
	if len(names) == 0 {
		return
	}
	more := ""
	if n := len(names); n > 10 {
		names, more = names[:10], fmt.Sprintf(" and %d more", n-10)
	}
	fmt.Fprintf(a.out, "%s %s%s\n", title, strings.Join(names, ", "), more)
}

func (a *app) applyPlan(ctx context.Context, site *planner.Site, p *planner.Plan, lease state.Lease, flags *applyFlags, command string) error {
	sources, err := p.Sources()
	if err != nil {
		return err
	}
	progress := a.progress()
	a.applying.Store(true)
	out, err := p.Apply(ctx, lease, planner.ApplyOptions{Command: command, Sources: sources, Parallelism: flags.parallelism, Stop: a.stop, Events: progress.event})
	a.applying.Store(false)
	progress.close()
	if err != nil {
		return a.refused(err)
	}
	a.outcome(out)
	if out.Err() == nil {
		return nil
	}
	if flags.rollback && !out.Interrupted {
		if err := a.takeBack(ctx, site, p.Stack, out.Run, lease, flags); err != nil {
			return err
		}
	}
	return errSaid
}

// refused explains an apply that never began.
func (a *app) refused(err error) error {
	var claimed *state.ClaimedError
	switch {
	case errors.Is(err, state.ErrStale):
		return errors.New("the stack was changed while this was planned: plan again")
	case errors.As(err, &claimed):
		return fmt.Errorf("somebody else was faster, and nothing was changed:\n%w\nPlan again", err)
	}
	return err
}

// note says something to people: not where events are written.
func (a *app) note(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.out, format, args...)
	}
}

func (a *app) outcome(out *planner.Outcome) {
	if a.json {
		jsonView{a.out}.outcome(out)
		return
	}
	s := styleOf(a.out, a.noColor)
	for _, f := range out.Failures {
		fmt.Fprintf(a.err, "\n%s %s %s: %s\n", s.red("Error:"), f.Part, f.Change.Address, f.Err)
		if r := f.Change.Range; r.Filename != "" {
			fmt.Fprintf(a.err, "  on %s line %d\n", r.Filename, r.Start.Line)
		}
	}
	word := s.bold(s.green("Done."))
	switch {
	case out.Interrupted:
		word = s.bold(s.yellow("Interrupted."))
	case len(out.Failures) > 0:
		word = s.bold(s.red("Failed."))
	}
	fmt.Fprintf(a.out, "\n%s %d created, %d changed, %d destroyed", word, out.Created, out.Changed, out.Deleted)
	if out.Skipped > 0 {
		fmt.Fprintf(a.out, ", %d not begun", out.Skipped)
	}
	fmt.Fprintf(a.out, " (run %d).\n", out.Run)
	if out.Err() != nil {
		fmt.Fprintln(a.out, "What was done is kept. `cairn apply` goes on from here.")
		return
	}
	if len(out.Outputs) > 0 {
		fmt.Fprintln(a.out)
		slices.SortFunc(out.Outputs, func(x, y planner.OutputChange) int { return strings.Compare(x.Name, y.Name) })
		writeOutputs(a.out, out.Outputs)
	}
}
