package main

import (
	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
)

func (a *app) importCommand() *cobra.Command {
	var flags applyFlags
	c := &cobra.Command{
		Use:   "import ADDRESS ID [FOLDER]",
		Short: "Bring an object that exists already under an address of the configuration",
		Long: `Bring an object that cairn did not make under an address. The configuration must
have a block for it: the plan shows what apply would change to make the two agree,
and asks. An import block in the configuration does the same for good.`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			to, err := address.Parse(args[0])
			if err != nil {
				return err
			}
			target, err := address.ParseTarget(args[0])
			if err != nil {
				return err
			}
			s, err := a.load(folder(args[2:]), lang.Options{Vars: flags.vars})
			if err != nil {
				return err
			}
			opt := planner.Options{Adopt: []planner.Adoption{{To: to, ID: args[1]}}, Targets: []address.Target{target}}
			return a.carryOut(c.Context(), s, opt, &flags, "import "+args[0]+" "+args[1])
		},
	}
	flags.planFlags.add(a, c)
	flags.add(c)
	return c
}
