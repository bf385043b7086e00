package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/ovn/trace"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

func (a *app) netCommand() *cobra.Command {
	c := &cobra.Command{Use: "net", Short: "Look at the network of the cloud"}
	c.AddCommand(a.traceCommand())
	return c
}

func (a *app) traceCommand() *cobra.Command {
	var dir string
	var tcp, udp int
	var icmp, recorded bool
	c := &cobra.Command{
		Use:   "trace FROM TO",
		Short: "Follow a packet: whether it arrives, by which way, and which rule decides",
		Long: `Follow a packet and its reply from one end to the other, as OVN would carry them:
through switches, routers and translations, and by the rules of security groups.
An end is the address of a port or instance in the stack, an IP address, or the
word internet.

  cairn net trace internet instance.web -tcp 443
  cairn net trace port.app 10.0.0.13 -tcp 5432

The answer is worked out from what is recorded: nothing is sent. Where the cloud is
on OVN, ovn-trace is asked too, which knows what OVN really has; -recorded leaves
that out. The exit code is 2 when the packet or its reply does not arrive, by OVN's
word where it was asked.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := packet(tcp, udp, icmp, c.Flags().Changed)
			if err != nil {
				return err
			}
			site, name, err := a.stackSite(c.Context(), dir)
			if err != nil {
				return err
			}
			m, err := readMap(c.Context(), site, name)
			if err != nil {
				return err
			}
			return m.trace(c.Context(), tracing{a.out, a.err, styleOf(a.out, a.noColor), ovnOf(site, recorded)}, args[0], args[1], p)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	c.Flags().IntVar(&tcp, "tcp", 0, "a TCP connection to this port")
	c.Flags().IntVar(&udp, "udp", 0, "a UDP packet to this port")
	c.Flags().BoolVar(&icmp, "icmp", false, "a ping")
	c.Flags().BoolVar(&recorded, "recorded", false, "answer from what is recorded alone, and don't ask OVN")
	return c
}

func packet(tcp, udp int, icmp bool, given func(string) bool) (trace.Packet, error) {
	var all []trace.Packet
	for _, x := range []struct {
		name string
		port int
	}{{"tcp", tcp}, {"udp", udp}} {
		if !given(x.name) {
			continue
		}
		if x.port < 1 || x.port > 65535 {
			return trace.Packet{}, fmt.Errorf("-%s is a port from 1 to 65535", x.name)
		}
		all = append(all, trace.Packet{Protocol: x.name, Port: x.port})
	}
	if icmp {
		all = append(all, trace.Packet{Protocol: "icmp"})
	}
	switch len(all) {
	case 0:
		return trace.Packet{}, errors.New("say what is sent: -tcp PORT, -udp PORT or -icmp")
	case 1:
		return all[0], nil
	}
	return trace.Packet{}, errors.New("one packet at a time: say -tcp, -udp or -icmp once")
}

// atlas is what is recorded of a cloud's networks.
type atlas struct {
	world     *world.World
	rows      []rows.Row
	byAddress map[string]any    // of the stack, objects
	address   map[string]string // by type and id
}

// readMap reads the records of every stack of the cloud: networks may be shared.
func readMap(ctx context.Context, site *planner.Site, stack string) (*atlas, error) {
	m := &atlas{world: world.New(site.Types, site.Cloud), byAddress: map[string]any{}, address: map[string]string{}}
	stacks, err := site.Store.Stacks(ctx)
	if err != nil {
		return nil, err
	}
	var objects []any
	for _, s := range stacks {
		snap, err := site.Store.Snapshot(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range snap.Records {
			t := site.Types.Resource(r.Type)
			if t == nil || t.Attribute("id") == nil {
				continue
			}
			o, err := object(site, t, r.SchemaVersion, r.Attrs, r.Secret, r.ID)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Address, err)
			}
			m.world.Put(o)
			objects = append(objects, o)
			name := r.Address
			if s.Name == stack && r.Deposed == "" {
				m.byAddress[name] = o
			} else if s.Name != stack {
				name += " of stack " + s.Name
			}
			m.address[r.Type+" "+r.ID] = name
		}
	}
	for _, o := range objects {
		m.rows = append(m.rows, rows.Of(m.world, o)...)
	}
	return m, nil
}

func object(site *planner.Site, t *schema.Type, version int, attrs, sealed []byte, id string) (any, error) {
	var secret []byte
	if sealed != nil {
		var err error
		if secret, err = site.Keys.Unseal(sealed, []byte(id)); err != nil {
			return nil, err
		}
	}
	v, err := t.Decode(version, attrs, secret)
	if err != nil {
		return nil, err
	}
	plain, _ := v.UnmarkDeep()
	if plain == cty.NilVal {
		return nil, errors.New("the record is empty")
	}
	return t.ToGo(plain)
}

// end reads what the user named.
func (m *atlas) end(text string) (trace.End, error) {
	if text == "internet" {
		return trace.End{Internet: true}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return trace.End{Addr: a}, nil
	}
	switch o := m.byAddress[text].(type) {
	case *resources.Port:
		return trace.End{Port: o.ID}, nil
	case *resources.Instance:
		for n := range o.Networks {
			if !o.Networks[n].Outside() {
				return trace.End{Port: o.Networks[n].PortID}, nil
			}
		}
		return trace.End{}, fmt.Errorf("%s is on no network", text)
	case *resources.FloatingIP:
		return trace.End{Addr: o.Address}, nil
	case nil:
	default:
		return trace.End{}, fmt.Errorf("%s is no port, instance or floating address", text)
	}
	var names []string
	for name, o := range m.byAddress {
		switch o.(type) {
		case *resources.Port, *resources.Instance, *resources.FloatingIP:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if near := schema.Nearest(text, names); near != "" {
		return trace.End{}, fmt.Errorf("nothing is recorded at %s; did you mean %s?", text, near)
	}
	return trace.End{}, fmt.Errorf("nothing is recorded at %s: name a port or instance of the stack, an IP address, or internet", text)
}

func (m *atlas) trace(ctx context.Context, t tracing, from, to string, p trace.Packet) error {
	src, err := m.end(from)
	if err != nil {
		return err
	}
	dst, err := m.end(to)
	if err != nil {
		return err
	}
	net := trace.New(m.rows)
	answer, err := net.Trace(src, dst, p)
	if err != nil {
		return err
	}
	what := p.Protocol
	if p.Port != 0 {
		what = fmt.Sprintf("%s %d", p.Protocol, p.Port)
	}
	out, s := t.out, t.style
	fmt.Fprintf(out, "%s from %s to %s\n\n", what, called(from, answer.From), called(to, answer.To))
	m.steps(out, s, answer.Steps)
	if len(answer.Reply) > 0 {
		fmt.Fprintln(out, "\nand back")
		m.steps(out, s, answer.Reply)
	}
	fmt.Fprintln(out)
	switch {
	case !answer.Arrives:
		fmt.Fprintln(out, s.red("It does not arrive."))
	case !answer.Replied:
		fmt.Fprintln(out, s.red("It arrives, but the reply does not."))
	default:
		fmt.Fprintln(out, s.green("It arrives, and so does the reply."))
	}
	if !m.asked(ctx, t, net, answer) {
		return exitError(2)
	}
	return nil
}

func called(name, address string) string {
	if name == address || name == "internet" {
		return address
	}
	return name + " (" + address + ")"
}

func (m *atlas) steps(out io.Writer, s style, steps []trace.Step) {
	width := 0
	for _, x := range steps {
		width = max(width, len(m.name(x.At)))
	}
	for _, x := range steps {
		by := make([]string, len(x.By))
		for i, o := range x.By {
			by[i] = m.name(o)
		}
		text := x.Says
		if len(by) > 0 {
			text += " " + strings.Join(by, ", ")
		}
		if x.Stops {
			text = s.red(text)
		}
		fmt.Fprintf(out, "  %-*s  %s\n", width, m.name(x.At), text)
	}
}

// name is how the user knows an object.
func (m *atlas) name(o trace.Object) string {
	name := m.address[o.Type+" "+o.ID]
	if name == "" {
		name = strings.TrimSpace(o.Type + " " + o.ID)
	}
	switch {
	case o.Part == "default":
		return "the default rules of " + name
	case o.Part != "":
		return name + " " + o.Part
	}
	return name
}
