package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/tfstate"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/site"
	"github.com/cairncloud/cairn/state"
)

func (a *app) importTerraformCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "import-terraform FILE",
		Short: "Take a stack over from Terraform, with its state",
		Long: `Take a stack over that Terraform has kept through cairn's provider. FILE is its state
(terraform.tfstate, or what "terraform state pull" prints; "-" reads it from the
standard input). The objects stay as they are, under the addresses that they have in
the state. From then on cairn plans and applies the stack, and the provider refuses to.

The stack is the one of the folder (-dir): a folder of .tf files, or of stack files
whose blocks have the same names. Its name must be the one that the provider block says.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.importTerraform(c.Context(), *dir, args[0]) },
	}
}

func (a *app) importTerraform(ctx context.Context, dir, file string) error {
	text, err := a.readBounded(file, tfstate.MaxBytes)
	if err != nil {
		return err
	}
	theirs, err := tfstate.Read(text, lang.TerraformPrefix)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	const command = "state import-terraform"
	return a.handOver(ctx, dir, command, state.Terraform, "", func(site *planner.Site, snap *state.Snapshot, lease state.Lease) ([]state.End, string, error) {
		kept := make([]planner.Kept, len(theirs.Objects))
		for i, o := range theirs.Objects {
			kept[i] = planner.Kept(o)
		}
		ends, err := planner.Takeover(snap, kept)
		if err != nil {
			return nil, "", err
		}
		outputs := make([]planner.OutputChange, len(theirs.Outputs))
		for i, o := range theirs.Outputs {
			outputs[i] = planner.OutputChange{Name: o.Name, After: o.Value, Sensitive: o.Sensitive}
		}
		if err := planner.SetOutputs(ctx, site, snap, lease, command, outputs); err != nil {
			return nil, "", err
		}
		return ends, fmt.Sprintf("Stack %s is cairn's now: %s. `cairn plan` says whether anything is to be done.\n", snap.Stack, plural(len(kept), "object")), nil
	})
}

func (a *app) exportTerraformCommand(dir *string) *cobra.Command {
	var out string
	var approve bool
	c := &cobra.Command{
		Use:   "export-terraform",
		Short: "Hand a stack over to Terraform, and write its import blocks",
		Long: `Hand a stack over to Terraform and cairn's provider. The objects stay as they are. What
is written are import blocks, one an object: put them beside the stack's .tf files
("cairn convert terraform" makes those), and the next "terraform apply" takes the
objects into its state. From then on cairn refuses to plan the stack.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.exportTerraform(c.Context(), *dir, out, approve)
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "import.tf", `file for the import blocks; "-" is the standard output`)
	c.Flags().BoolVar(&approve, "auto-approve", false, "ask nobody")
	return c
}

func (a *app) exportTerraform(ctx context.Context, dir, out string, approve bool) error {
	if out != "-" {
		if _, err := os.Stat(out); err == nil {
			return fmt.Errorf("%s is there already: name another file with -out", out)
		}
	}
	if !approve {
		if err := a.mayAsk(&applyFlags{}); err != nil {
			return err
		}
		if err := a.yes("The stack becomes Terraform's, and cairn will plan it no more. Hand it over?"); err != nil {
			return err
		}
	}
	return a.handOver(ctx, dir, "state export-terraform", "", state.Terraform, func(site *planner.Site, snap *state.Snapshot, _ state.Lease) ([]state.End, string, error) {
		given, ends, err := planner.GiveAway(ctx, site, snap, state.Terraform, func(t *schema.Type) bool { return lang.TerraformName(t.Name) == t.Name })
		if err != nil {
			return nil, "", err
		}
		text := importBlocks(given)
		if out == "-" {
			return ends, text, nil
		}
		// Written first: without it nobody would find the objects again.
		if err := os.WriteFile(out, []byte(text), 0o666); err != nil {
			return nil, "", err
		}
		return ends, fmt.Sprintf("Stack %s is Terraform's now: %s, with an import block each in %s.\n", snap.Stack, plural(len(given), "object"), out), nil
	})
}

func importBlocks(given []planner.GivenAway) string {
	slices.SortFunc(given, func(x, y planner.GivenAway) int { return x.Address.Compare(y.Address) })
	var b strings.Builder
	for i, g := range given {
		if i > 0 {
			b.WriteByte('\n')
		}
		to := g.Address
		to.Type = lang.TerraformName(to.Type)
		fmt.Fprintf(&b, "import {\n  to = %s\n  id = %s\n}\n", to, address.Quote(g.ID))
	}
	return b.String()
}

// handOver gives a stack from one front end to another, in one transaction.
func (a *app) handOver(ctx context.Context, dir, command, from, to string, edit func(*planner.Site, *state.Snapshot, state.Lease) ([]state.End, string, error)) error {
	site, name, err := a.stackSite(ctx, dir)
	if err != nil {
		return err
	}
	snap, err := site.Store.Snapshot(ctx, name)
	if err != nil {
		return err
	}
	if len(snap.Records) > 0 && snap.Front != from {
		return &state.FrontError{Stack: name, Front: snap.Front, Asked: from}
	}
	who := state.Me(command)
	who.Front = from
	lease, err := site.Store.Lock(ctx, name, who, 0)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	if _, err := planner.Recover(ctx, site, name, lease); err != nil {
		return err
	}
	if snap, err = site.Store.Snapshot(ctx, name); err != nil {
		return err
	}
	ends, said, err := edit(site, snap, lease)
	if err != nil {
		return err
	}
	if err := lease.HandOver(ctx, command, to, ends); err != nil {
		return err
	}
	_, err = io.WriteString(a.out, said)
	return err
}

// readBounded reads a file, or the standard input for "-".
func (a *app) readBounded(file string, limit int64) ([]byte, error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return text, err
}

func (a *app) gcCommand() *cobra.Command {
	var g gc
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove what a killed Terraform has left behind",
		Long: `List the objects that a Terraform which was killed has had made and knows nothing of: it
could not write them into its state, and their blocks have no name to find them again
by. Then ask, and delete them.

What Terraform knows, it mentions in every plan. Only what it did not mention in a plan
after it was killed is listed: run "terraform plan" for the whole configuration first.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.gc(c.Context(), g) },
	}
	c.Flags().StringVar(&g.stack, "stack", "", "only this stack")
	c.Flags().BoolVar(&g.every, "all", false, "what runs have made that were not killed, too: for a state that was lost or taken from a backup")
	c.Flags().BoolVar(&g.approve, "auto-approve", false, "ask nobody")
	return c
}

type gc struct {
	stack          string
	every, approve bool
}

func (a *app) gc(ctx context.Context, g gc) error {
	where, err := a.cloud(".")
	if err != nil {
		return err
	}
	if !site.Used(where) {
		return fmt.Errorf("no cloud is kept here: name its file with --cloud, or work in the folder of a stack that uses it")
	}
	site, err := a.open(ctx, ".")
	if err != nil {
		return err
	}
	stacks, err := site.Store.Stacks(ctx)
	if err != nil {
		return err
	}
	quiet := true
	for _, s := range stacks {
		if s.Front == "" || g.stack != "" && s.Name != g.stack {
			continue
		}
		met, err := a.gcStack(ctx, site, s, g)
		if err != nil {
			return fmt.Errorf("stack %s: %w", s.Name, err)
		}
		quiet = quiet && !met
	}
	if quiet {
		fmt.Fprintln(a.out, "Nothing to remove: whatever was made is known to who asked for it.")
	}
	return nil
}

// gcStack removes what is left behind in one stack, and reports whether anything
// is to be said of it.
func (a *app) gcStack(ctx context.Context, site *planner.Site, s state.Stack, g gc) (bool, error) {
	work := planner.OpenSession(site, planner.SessionOptions{Stack: s.Name, Front: s.Front, Command: "gc", Wait: time.Second})
	defer func() { _ = work.Close(context.WithoutCancel(ctx)) }()
	left, doubtful, err := work.Unheard(ctx, g.every)
	if err != nil {
		return true, err
	}
	if doubtful > 0 {
		fmt.Fprintf(a.out, "Stack %s: nobody has asked %s yet whether it knows %s that were made last. Run `terraform plan` for the whole configuration, then this again.\n", s.Name, s.Front, plural(doubtful, "object"))
	}
	if len(left) == 0 {
		return doubtful > 0, nil
	}
	fmt.Fprintf(a.out, "Stack %s, kept by %s, knows nothing of %s that it has had made:\n\n", s.Name, s.Front, plural(len(left), "object"))
	for _, o := range left {
		fmt.Fprintf(a.out, "  %s %s%s\n", o.Type.Name, o.ID, named(o))
	}
	fmt.Fprintln(a.out)
	if !g.approve {
		if err := a.mayAsk(&applyFlags{}); err != nil {
			return true, err
		}
		if err := a.yes("Delete them for good?"); err != nil {
			return true, err
		}
	}
	// Who uses others goes before them: what can't go yet is tried again as long as
	// anything goes.
	for len(left) > 0 {
		var still []planner.UnheardObject
		var refused []error
		for _, o := range left {
			if err := work.Delete(ctx, o.Type, o.Object); err != nil {
				still, refused = append(still, o), append(refused, fmt.Errorf("%s %s: %w", o.Type.Name, o.ID, err))
				continue
			}
			fmt.Fprintf(a.out, "Deleted %s %s.\n", o.Type.Name, o.ID)
		}
		if len(still) == len(left) {
			return true, errors.Join(refused...)
		}
		left = still
	}
	return true, nil
}

func named(o planner.UnheardObject) string {
	if name := schema.Text(o.Value, "name"); name != "" {
		return " (" + name + ")"
	}
	return ""
}
