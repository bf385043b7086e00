package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

func (a *app) actionCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "action ADDRESS [VERB [WORDS...]]",
		Short: "Do to an object what no attribute says: reboot it, show its console",
		Long: `Do something to one object, once. Without a verb, list what can be done to it.

What an attribute says as well is put right by the next apply: an instance that was
stopped here is started again, unless its power_state says shutoff. A word that is "-"
is read from the standard input, as a password should be.`,
		Example: `  cairn action instance.web                    # what can be done
  cairn action instance.web reboot
  cairn action instance.web console
  cairn action 'instance.web[0]' snapshot web.qcow2
  cairn action instance.web set-password root - <password.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			site, stack, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			actor, err := planner.Acts(c.Context(), site, stack, args[0])
			if err != nil {
				return err
			}
			if len(actor.Verbs) == 0 {
				return fmt.Errorf("%s: nothing can be done to it in this cloud but what its attributes say", args[0])
			}
			if len(args) == 1 {
				return a.listVerbs(args[0], actor.Verbs)
			}
			verb, err := verbNamed(args[0], args[1], actor.Verbs)
			if err != nil {
				return err
			}
			do := providers.Act{Verb: verb.Name, Out: a.out}
			if do.Words, err = a.words(args[0], verb, args[2:]); err != nil {
				return err
			}
			if verb.Looks {
				return actor.Do(c.Context(), do)
			}
			return a.act(c.Context(), site, stack, args[0], verb, do)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	return c
}

// listVerbs prints what can be done to an object.
func (a *app) listVerbs(addr string, verbs []providers.Verb) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, v := range verbs {
		fmt.Fprintf(w, "%s\t%s\n", usage(v), v.Summary)
		for _, x := range v.Words {
			fmt.Fprintf(w, "  %s\t  %s\n", strings.ToUpper(x.Name), x.Summary)
		}
	}
	fmt.Fprintf(w, "\nDo it with: cairn action %s VERB\n", addr)
	return w.Flush()
}

func usage(v providers.Verb) string {
	text := v.Name
	for _, x := range v.Words {
		if x.Optional {
			text += " [" + strings.ToUpper(x.Name) + "]"
			continue
		}
		text += " " + strings.ToUpper(x.Name)
	}
	return text
}

func verbNamed(addr, name string, verbs []providers.Verb) (providers.Verb, error) {
	var names []string
	for _, v := range verbs {
		if v.Name == name {
			return v, nil
		}
		names = append(names, v.Name)
	}
	text := fmt.Sprintf("nobody can %s %s", name, addr)
	if near := schema.Nearest(name, names); near != "" {
		return providers.Verb{}, fmt.Errorf("%s; did you mean %s?", text, near)
	}
	return providers.Verb{}, fmt.Errorf("%s: it knows %s", text, strings.Join(names, ", "))
}

// mostInput bounds a word that is read from the standard input.
const mostInput = 1 << 16

// words are the arguments of a verb, by their names.
func (a *app) words(addr string, v providers.Verb, args []string) (map[string]string, error) {
	words := map[string]string{}
	for i, x := range v.Words {
		if i >= len(args) {
			if x.Optional {
				break
			}
			return nil, fmt.Errorf("%s lacks %s: cairn action %s %s", v.Name, strings.ToUpper(x.Name), addr, usage(v))
		}
		words[x.Name] = args[i]
		if args[i] == "-" {
			b, err := io.ReadAll(io.LimitReader(a.in, mostInput))
			if err != nil {
				return nil, err
			}
			words[x.Name] = strings.TrimRight(string(b), "\r\n")
		}
	}
	if len(args) > len(v.Words) {
		return nil, fmt.Errorf("%q is too much: cairn action %s %s", args[len(v.Words)], addr, usage(v))
	}
	return words, nil
}

// act does what changes something: under the stack's lock, and the history tells.
func (a *app) act(ctx context.Context, site *planner.Site, stack, addr string, v providers.Verb, do providers.Act) error {
	command := "action " + addr + " " + v.Name
	for _, x := range v.Words {
		if w, said := do.Words[x.Name]; said && !x.Secret {
			command += " " + w
		}
	}
	lease, err := a.lock(ctx, site, stack, command, &applyFlags{planFlags: planFlags{lockTimeout: "0s"}})
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	actor, err := planner.Acts(ctx, site, stack, addr) // a killed run may have been ended meanwhile
	if err != nil {
		return err
	}
	if err := actor.Do(ctx, do); err != nil {
		if kept := lease.Edit(ctx, command+" (failed)", []state.End{}); kept != nil {
			return fmt.Errorf("%w (and the history does not tell: %w)", err, kept)
		}
		return err
	}
	if err := lease.Edit(ctx, command, []state.End{}); err != nil {
		return err
	}
	a.note("Done: %s %s.\n", v.Name, addr)
	return nil
}
