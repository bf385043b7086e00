package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/planner/placement"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

func (a *app) hostCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "host", Short: "Look at the hosts of the cloud, empty them, and let them take instances again"}
	c.PersistentFlags().StringVar(&dir, "dir", ".", "the folder of the stack, or one in the cloud")
	one := func(use, short, long string, do func(ctx context.Context, site *planner.Site, h *cloud.Host) error) *cobra.Command {
		return &cobra.Command{Use: use + " HOST", Short: short, Long: long, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
			site, err := a.hosts(c.Context(), dir)
			if err != nil {
				return err
			}
			h, err := hostNamed(site.Cloud, args[0])
			if err != nil {
				return err
			}
			return do(c.Context(), site, h)
		}}
	}
	flags := applyFlags{planFlags: planFlags{lockTimeout: "1m"}}
	var why, because string
	drain := one("drain", "Move everything off a host, and put nothing more there", `Close a host and move every instance that is on it to another one, stack by stack, as
each was applied last: live where that can be, anti-affinity kept. What has no other host,
or is pinned by its author, is named, and stays. `+"`cairn host enable`"+` opens the host again;
nothing moves back by itself.`, func(ctx context.Context, site *planner.Site, h *cloud.Host) error {
		return a.drain(ctx, site, h, why, &flags)
	})
	drain.Flags().StringVar(&why, "reason", "drained", "why, for those who ask")
	flags.add(drain)
	closing := one("close", "Put nothing more on a host; what is there stays", "", func(ctx context.Context, site *planner.Site, h *cloud.Host) error {
		if err := closeHost(ctx, site, h, because); err != nil {
			return err
		}
		a.note("Nothing more is put on host %s: `cairn host enable %s` lets it take instances again.\n", h.Name, h.Name)
		return nil
	})
	closing.Flags().StringVar(&because, "reason", "closed", "why, for those who ask")
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the hosts, and how much of each is promised", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			site, err := a.hosts(c.Context(), dir)
			if err != nil {
				return err
			}
			return a.listHosts(c.Context(), site)
		}},
		one("show", "Show what a host has, and what is on it", "", a.showHost),
		drain, closing,
		one("enable", "Let a host take instances again", "", func(ctx context.Context, site *planner.Site, h *cloud.Host) error {
			if err := site.Store.OpenHost(ctx, h.Name); err != nil {
				return err
			}
			a.note("Host %s takes instances again.\n", h.Name)
			return nil
		}),
	)
	return c
}

// hosts opens the cloud, whose systems have said what they know of its hosts.
func (a *app) hosts(ctx context.Context, dir string) (*planner.Site, error) {
	site, err := a.open(ctx, dir)
	if err != nil {
		return nil, err
	}
	return site, site.Facts(ctx)
}

func hostNamed(c *cloud.Cloud, name string) (*cloud.Host, error) {
	if h := c.Host(name); h != nil {
		return h, nil
	}
	var names []string
	for _, h := range c.Hosts {
		names = append(names, h.Name)
	}
	if near := schema.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("cloud %s has no host %q; did you mean %s?", c.Name, name, near)
	}
	return nil, fmt.Errorf("cloud %s has no host %q: `cairn host list` shows those that it has", c.Name, name)
}

// hostState says in a word whether a host takes instances.
func hostState(h *cloud.Host) string {
	switch {
	case h.Away != "":
		return "away"
	case h.Closed != "":
		return "closed"
	}
	return "open"
}

// promised are the counters of a host, with how much there is of each.
func promised(h placement.Host) []struct {
	space, unit string
	size        int
} {
	return []struct {
		space, unit string
		size        int
	}{{resources.HostVCPUs, "vcpus", h.VCPUs}, {resources.HostRAM, "MiB of memory", h.RAMMB}, {resources.HostDisk, "GiB of disk", h.DiskGB}}
}

func (a *app) listHosts(ctx context.Context, site *planner.Site) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	known, err := underlay(ctx, site)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "HOST\tZONE\tSTATE\tVCPUS\tRAM MB\tDISK GB\tINSTANCES"+known.head())
	for _, h := range placement.Hosts(site.Cloud) {
		var texts []string
		instances := 0
		for _, counter := range promised(h) {
			sum, err := site.Store.Sum(ctx, counter.space, h.Name)
			if err != nil {
				return err
			}
			instances = max(instances, len(sum.Shares))
			texts = append(texts, fmt.Sprintf("%d of %d", sum.Used, counter.size))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d%s\n", h.Name, h.Zone, hostState(site.Cloud.Host(h.Name)), texts[0], texts[1], texts[2], instances, known.of(h.Name))
	}
	return w.Flush()
}

func (a *app) showHost(ctx context.Context, site *planner.Site, h *cloud.Host) error {
	fmt.Fprintf(a.out, "Host %s in zone %s: %s\n", h.Name, h.Zone, hostState(h))
	for _, why := range []string{h.Away, h.Closed} {
		if why != "" {
			fmt.Fprintf(a.out, "  %s\n", why)
		}
	}
	if h.Real() {
		fmt.Fprintf(a.out, "  %s, guests by %s\n", h.URI, h.Machine.Virt)
		for _, p := range h.Pools {
			fmt.Fprintf(a.out, "  pool %s (%s %s) tier %q\n", p.Name, p.Type, p.Path, p.Tier)
		}
	}
	on := map[string][]state.OwnedShare{}
	for _, x := range placement.Hosts(site.Cloud) {
		if x.Name != h.Name {
			continue
		}
		for _, counter := range promised(x) {
			sum, err := site.Store.Sum(ctx, counter.space, h.Name)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "  %d of %d %s promised\n", sum.Used, counter.size, counter.unit)
			on[counter.space] = sum.Shares
		}
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for i, s := range on[resources.HostRAM] {
		if i == 0 {
			fmt.Fprintln(w, "\nSTACK\tADDRESS\tRAM MB")
		}
		fmt.Fprintf(w, "%s\t%s\t%d\n", s.Stack, s.Address, s.Amount)
	}
	return w.Flush()
}

func closeHost(ctx context.Context, site *planner.Site, h *cloud.Host, why string) error {
	who := state.Me("").Who
	h.Closed = fmt.Sprintf("%s closed it: %s", who, why)
	return site.Store.CloseHost(ctx, state.ClosedHost{Name: h.Name, Why: why, Who: who, Since: time.Now()})
}

// drain moves everything off a host, one stack after the other. A stack that can't be
// moved does not keep the others.
func (a *app) drain(ctx context.Context, site *planner.Site, h *cloud.Host, why string, flags *applyFlags) error {
	if err := a.mayAsk(flags); err != nil {
		return err
	}
	if err := closeHost(ctx, site, h, why); err != nil {
		return err
	}
	sum, err := site.Store.Sum(ctx, resources.HostRAM, h.Name)
	if err != nil {
		return err
	}
	stacks := map[string][]address.Target{}
	for _, s := range sum.Shares {
		t, err := address.ParseTarget(s.Address)
		if err != nil {
			return err
		}
		stacks[s.Stack] = append(stacks[s.Stack], t)
	}
	if len(stacks) == 0 {
		a.note("Nothing is on host %s, and nothing more is put there.\n", h.Name)
		return nil
	}
	var left []string
	for _, name := range slices.Sorted(maps.Keys(stacks)) {
		if err := a.leave(ctx, site, h, name, stacks[name], flags); err != nil {
			if left = append(left, name); !errors.Is(err, errSaid) {
				fmt.Fprintf(a.err, "Error: stack %s: %v\n", name, err)
			}
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("host %s is closed, and not empty: see above for what stays of stack %s", h.Name, strings.Join(left, ", "))
	}
	a.note("Host %s is empty, and nothing more is put there.\n", h.Name)
	return nil
}

// leave moves what a stack has on a host away, with the configuration that was applied
// last.
func (a *app) leave(ctx context.Context, site *planner.Site, h *cloud.Host, stack string, on []address.Target, flags *applyFlags) error {
	s, err := planner.Applied(ctx, site, stack)
	if err != nil {
		return err
	}
	command := "host drain " + h.Name
	lease, err := a.lock(ctx, site, stack, command, flags)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	p, diags := planner.Make(ctx, site, s, planner.Options{Leave: h.Name, Targets: on})
	if err := a.complain(sources(s), diags); err != nil {
		return err
	}
	if p.Empty() {
		return nil
	}
	a.show(a.out, p)
	if err := a.ask(p, flags); err != nil {
		return err
	}
	return a.applyPlan(ctx, site, p, lease, flags, command)
}
