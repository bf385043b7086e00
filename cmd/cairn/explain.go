package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
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
}
