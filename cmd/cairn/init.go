package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
)

// firstStack is what init writes into an empty folder. It needs no cloud.
const firstStack = `stack "first" {}

variable "greeting" {
  description = "What to say."
  type        = string
  default     = "hello"
}

# A random word that stays the same until its length changes.
resource "random_string" "name" {
  length  = 6
  special = false
}

resource "value" "message" {
  input = "${var.greeting}, ${random_string.name.result}"
}

output "message" {
  value = value.message.output
}
`

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a first stack into an empty folder; elsewhere, check that its modules are there",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := folder(args)
			entries, err := os.ReadDir(dir)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			for _, e := range entries {
				if name := e.Name(); !strings.HasPrefix(name, ".") {
					return a.checkModules(dir)
				}
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			path := filepath.Join(dir, "first.stack.hcl")
			if err := os.WriteFile(path, []byte(firstStack), 0o644); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Wrote %s. Try:\n\n  cairn plan %s\n  cairn apply %s\n", path, dir, dir)
			return nil
		},
	}
}

// checkModules loads a stack: its modules are local folders, so that there is
// nothing to fetch.
func (a *app) checkModules(dir string) error {
	s, err := a.load(dir, lang.Options{})
	if err != nil {
		return err
	}
	if err := a.complain(sources(s), planner.Validate(s)); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Stack %s and its modules are in place. Nothing had to be fetched.\n", s.Name)
	return nil
}
