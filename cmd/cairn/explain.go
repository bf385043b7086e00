package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func (a *app) explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say more about the code of an error, such as CRN-IP-1; without one, list the codes",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return resources.Codes(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, code := range resources.Codes() {
					page, _ := resources.Explain(code)
					title, _, _ := strings.Cut(page, "\n")
					fmt.Fprintf(a.out, "%-15s %s\n", code, strings.TrimPrefix(title, "# "+code+": "))
				}
				return nil
			}
			code := strings.ToUpper(args[0])
			if page, ok := resources.Explain(code); ok {
				fmt.Fprint(a.out, page)
				return nil
			}
			if near := schema.Nearest(code, resources.Codes()); near != "" {
				return fmt.Errorf("there is no code %s; did you mean %s?", args[0], near)
			}
			return fmt.Errorf("there is no code %s: `cairn explain` lists them", args[0])
		},
	}
	c.AddCommand(a.explainPlacement())
	return c
}

// explainPlacement says where an instance would go, and why not elsewhere.
func (a *app) explainPlacement() *cobra.Command {
	var flags planFlags
	var dir string
	c := &cobra.Command{
		Use:   "placement ADDRESS",
		Short: "Say where an instance would go if it were placed anew, and why not elsewhere",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, p, err := a.look(c.Context(), dir, flags.vars)
			if err != nil {
				return err
			}
			hosts, now, err := p.ExplainPlacement(args[0])
			if err != nil {
				return err
			}
			if now != "" {
				fmt.Fprintf(a.out, "%s is on %s.\n\n", args[0], now)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, h := range hosts {
				why := h.Why
				if why == "" {
					why = "fits"
				}
				fmt.Fprintf(w, "%s\t%s\n", h.Host, why)
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	flags.addVars(c)
	return c
}
