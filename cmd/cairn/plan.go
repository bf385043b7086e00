package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
)

// planFlags are what plan, apply and destroy have in common.
type planFlags struct {
	vars        []lang.VarArg
	targets     []string
	replace     []string
	refresh     string
	refreshOnly bool
	destroy     bool
	parallelism int
	lockTimeout string
	detailed    bool
	out         string
}

// varFlag keeps -var and -var-file in the order of the command line.
type varFlag struct {
	list *[]lang.VarArg
	file bool
}

func (v varFlag) String() string { return "" }
func (v varFlag) Type() string {
	if v.file {
		return "FILE"
	}
	return "NAME=VALUE"
}
func (v varFlag) Set(s string) error {
	if v.file {
		*v.list = append(*v.list, lang.VarArg{File: s})
	} else {
		*v.list = append(*v.list, lang.VarArg{Assign: s})
	}
	return nil
}

func (p *planFlags) add(a *app, c *cobra.Command) {
	f := c.Flags()
	p.addVars(c)
	f.StringArrayVar(&p.targets, "target", nil, "plan only this address and what it depends on")
	f.StringVar(&p.refresh, "refresh", "true", "look at what is real: true (bulk reads), full (every object) or false")
	f.Lookup("refresh").NoOptDefVal = "true"
	f.IntVar(&p.parallelism, "parallelism", 10, "driver calls at once")
	f.BoolVar(&a.json, "json", false, "write events, one a line")
	f.StringVar(&p.lockTimeout, "lock-timeout", "0s", "how long to wait for somebody else's apply")
}

func (p *planFlags) addPlan(a *app, c *cobra.Command) {
	p.add(a, c)
	f := c.Flags()
	f.StringArrayVar(&p.replace, "replace", nil, "replace the object at this address")
	f.BoolVar(&p.refreshOnly, "refresh-only", false, "change records to what is real, and nothing else")
	f.BoolVar(&p.destroy, "destroy", false, "plan the end of everything")
}

func (p *planFlags) options() (planner.Options, error) {
	opt := planner.Options{Destroy: p.destroy, RefreshOnly: p.refreshOnly}
	switch p.refresh {
	case "true":
	case "full":
		opt.Refresh = planner.RefreshFull
	case "false":
		opt.Refresh = planner.RefreshNone
	default:
		return opt, fmt.Errorf("-refresh is true, full or false, not %q", p.refresh)
	}
	for _, t := range p.targets {
		target, err := address.ParseTarget(t)
		if err != nil {
			return opt, err
		}
		opt.Targets = append(opt.Targets, target)
	}
	for _, r := range p.replace {
		o, err := address.Parse(r)
		if err != nil {
			return opt, err
		}
		opt.Replace = append(opt.Replace, o)
	}
	return opt, nil
}

// folder is the positional argument of a command, or the working folder.
func folder(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func (a *app) validateCommand() *cobra.Command {
	var flags planFlags
	c := &cobra.Command{
		Use:   "validate [FOLDER]",
		Short: "Say what is wrong with a stack, without looking at any cloud",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.load(folder(args), lang.Options{Vars: flags.vars})
			if err != nil {
				return err
			}
			if err := a.complain(sources(s), planner.Validate(s)); err != nil {
				return err
			}
			if a.json {
				jsonView{a.out}.event("info", "validated", "the stack is valid", map[string]any{"valid": true, "stack": s.Name})
				return nil
			}
			fmt.Fprintf(a.out, "Stack %s is valid.\n", s.Name)
			return nil
		},
	}
	c.Flags().BoolVar(&a.json, "json", false, "write events, one a line")
	flags.addVars(c)
	return c
}

// addVars adds the flags that set variables.
func (p *planFlags) addVars(c *cobra.Command) {
	c.Flags().Var(varFlag{&p.vars, false}, "var", "set a variable; may be repeated")
	c.Flags().Var(varFlag{&p.vars, true}, "var-file", "read variables from a file; may be repeated")
}

// plan plans the stack of a folder.
func (a *app) plan(ctx context.Context, s *lang.Stack, opt planner.Options) (*planner.Plan, error) {
	site, err := a.open(ctx, s.Dir)
	if err != nil {
		return nil, err
	}
	p, diags := planner.Make(ctx, site, s, opt)
	if err := a.complain(sources(s), diags); err != nil {
		return nil, err
	}
	return p, nil
}

// look plans a folder from its records alone, for commands that only ask.
func (a *app) look(ctx context.Context, dir string, vars []lang.VarArg) (*lang.Stack, *planner.Plan, error) {
	s, err := a.load(dir, lang.Options{Vars: vars})
	if err != nil {
		return nil, nil, err
	}
	p, err := a.plan(ctx, s, planner.Options{Refresh: planner.RefreshNone})
	return s, p, err
}

func (a *app) show(w io.Writer, p *planner.Plan) {
	if a.json {
		jsonView{w}.plan(p)
		return
	}
	planView{w, styleOf(w, a.noColor)}.plan(p)
}

func (a *app) planCommand() *cobra.Command {
	var flags planFlags
	c := &cobra.Command{
		Use:   "plan [FOLDER]",
		Short: "Show what apply would change",
		Long: `Show what apply would change, and change nothing.

A plan reads the records and looks at what is real, in bulk. It waits for no
lock. -out keeps it for ` + "`cairn apply FILE`" + `, which then does this and nothing else.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			opt, err := flags.options()
			if err != nil {
				return err
			}
			s, err := a.load(folder(args), lang.Options{Vars: flags.vars})
			if err != nil {
				return err
			}
			p, err := a.plan(c.Context(), s, opt)
			if err != nil {
				return err
			}
			a.show(a.out, p)
			if flags.out != "" {
				if err := p.Save(flags.out, version); err != nil {
					return err
				}
				if a.json {
					return nil
				}
				fmt.Fprintf(a.out, "\nThe plan is in %s. To do exactly this: cairn apply %s\n", flags.out, flags.out)
			}
			if flags.detailed && !p.Empty() {
				return exitError(2)
			}
			return nil
		},
	}
	flags.addPlan(a, c)
	c.Flags().StringVar(&flags.out, "out", "", "keep the plan in this file")
	c.Flags().BoolVar(&flags.detailed, "detailed-exitcode", false, "exit with 2 when something would change")
	return c
}
