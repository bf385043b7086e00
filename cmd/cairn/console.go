package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) consoleCommand() *cobra.Command {
	var flags planFlags
	c := &cobra.Command{
		Use:   "console [FOLDER]",
		Short: "Evaluate expressions against a stack as it is planned",
		Long: `Read expressions, a line each, and print their values. They see the stack as it
would be after the next apply: variables, locals, resources, outputs of modules.
Nothing is changed.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, p, err := a.look(c.Context(), folder(args), flags.vars)
			if err != nil {
				return err
			}
			prompt := isTerminal(a.in)
			lines := bufio.NewScanner(a.in)
			failed := false
			for {
				if prompt {
					fmt.Fprint(a.out, "> ")
				}
				if !lines.Scan() {
					break
				}
				line := strings.TrimSpace(lines.Text())
				if line == "" {
					continue
				}
				if line == "exit" || line == "quit" {
					break
				}
				v, diags := p.Console(line)
				if a.complain(sources(s), diags) != nil {
					failed = true
					continue
				}
				fmt.Fprintln(a.out, valueText(v, 0))
			}
			if failed && !prompt {
				return errSaid
			}
			return lines.Err()
		},
	}
	flags.addVars(c)
	return c
}
