package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show [FOLDER | PLANFILE]",
		Short: "Show what a stack has made, or what a kept plan would do",
		Long: `Show every object of a stack as it is recorded, or a plan that plan -out kept. With
-json in the forms that tools for Terraform read (plan 1.2, state 1.0); sensitive
values are in them.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			where := folder(args)
			if info, err := os.Stat(where); err == nil && !info.IsDir() {
				return a.showPlan(c.Context(), where, asJSON)
			}
			return a.showState(c.Context(), where, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write Terraform's JSON")
	return c
}

func (a *app) showPlan(ctx context.Context, path string, asJSON bool) error {
	saved, err := planner.ReadSaved(path)
	if err != nil {
		return err
	}
	site, err := a.open(ctx, saved.Dir)
	if err != nil {
		return err
	}
	p, s, diags := saved.Plan(ctx, site)
	if err := a.complain(sources(s), diags); err != nil {
		return err
	}
	if !asJSON {
		a.show(a.out, p)
		return nil
	}
	out, err := planJSON(p)
	if err != nil {
		return err
	}
	return a.writeJSON(out)
}

func (a *app) showState(ctx context.Context, dir string, asJSON bool) error {
	site, name, err := a.stackSite(ctx, dir)
	if err != nil {
		return err
	}
	outputs, err := planner.Outputs(ctx, site, name)
	if err != nil {
		return err
	}
	tree := newTree()
	v := planView{a.out, styleOf(a.out, a.noColor)}
	err = planner.EachRecord(ctx, site, name, func(o address.Object, t *schema.Type, x cty.Value, r planner.RecordFacts) error {
		if !asJSON {
			v.line("%s", v.bold(o.String()))
			v.attributes(t, cty.NilVal, x, nil, true)
			v.line("")
			return nil
		}
		res := tfObject(o)
		res.SchemaVersion, res.DependsOn, res.Tainted, res.DeposedKey = t.Version, r.Deps, r.Tainted, r.Deposed
		var err error
		res.Values, res.SensitiveValues, _, err = tfValue(x)
		tree.add(o, res)
		return err
	})
	if err != nil {
		return err
	}
	if !asJSON {
		if len(outputs) > 0 {
			fmt.Fprintf(a.out, "Outputs:\n\n")
			writeOutputs(a.out, outputs)
		}
		return nil
	}
	state := tfState{FormatVersion: stateFormat, TerraformVersion: version}
	state.Values.RootModule = tree.root
	state.Values.Outputs = map[string]tfOutput{}
	for _, o := range outputs {
		t, value, err := typeAndValue(o.After)
		if err != nil {
			return err
		}
		state.Values.Outputs[o.Name] = tfOutput{o.Sensitive, t, value}
	}
	return a.writeJSON(state)
}
