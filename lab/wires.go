//go:build linux

package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A wire joins hosts by a bridge in the fabric's namespace. A host's end of it has
// the wire's name, the fabric's the host's after it.
type wire struct {
	name   string
	subnet string // the first three bytes of its /24; "" when its ends have no addresses
	mtu    int
}

var (
	// mgmt carries what chassis say to the southbound database.
	mgmt = wire{"mgmt", "10.99.0", 1500}
	// underlay carries tunnels: Geneve over IPv4 adds 58 bytes to a packet of 1442.
	underlay = wire{"underlay", "10.98.0", 1700}
	physnet1 = wire{"physnet1", "", 1500}
	physnet2 = wire{"physnet2", "", 1500}

	wires = []wire{mgmt, underlay, physnet1, physnet2}
)

// central is where OVN's databases listen for chassis.
const central = "10.99.0.254"

func (w wire) reaches(h Host) bool {
	return w.subnet != "" || slices.Contains(h.Physnets, w.name)
}

// end is the fabric's end of a host's cable.
func (w wire) end(host string) string { return w.name + "-" + host }

// wireUp makes all namespaces and cables.
func wireUp(ctx context.Context) error {
	add := []string{"netns add " + string(fabricNS), "netns add " + string(outsideNS)}
	for _, h := range hosts {
		add = append(add, "netns add "+string(h.ns()))
	}
	if err := ipBatch(ctx, "", add...); err != nil {
		return err
	}
	// No end but the outside's speaks IPv6 itself, and no kernel answers for an
	// address that Open vSwitch's own stack has.
	quiet := []string{"ipv6.conf.all.disable_ipv6=1", "ipv6.conf.default.disable_ipv6=1"}
	if err := fabricNS.set(ctx, quiet...); err != nil {
		return err
	}
	for _, h := range hosts {
		s := append(quiet, "ipv4.conf.all.arp_ignore=1", "ipv4.conf.all.rp_filter=1", "ipv4.conf.default.rp_filter=1")
		if err := h.ns().set(ctx, s...); err != nil {
			return err
		}
	}
	if err := outsideNS.set(ctx, append(noDAD, "ipv4.conf.all.arp_ignore=1")...); err != nil {
		return err
	}
	if err := ipBatch(ctx, fabricNS, fabricPlan()...); err != nil {
		return err
	}
	for _, h := range hosts {
		if err := ipBatch(ctx, h.ns(), hostPlan(h)...); err != nil {
			return err
		}
	}
	return ipBatch(ctx, outsideNS, "link set lo up", "link set physnet1 up", "link set physnet2 up")
}

// noDAD lets an IPv6 address be used at once: nobody else has it.
var noDAD = []string{
	"ipv6.conf.all.accept_dad=0", "ipv6.conf.default.accept_dad=0",
	"ipv6.conf.all.dad_transmits=0", "ipv6.conf.default.dad_transmits=0",
	"ipv6.conf.default.router_solicitation_delay=0",
}

func fabricPlan() []string {
	plan := []string{"link set lo up"}
	for _, w := range wires {
		plan = append(plan, fmt.Sprintf("link add %s mtu %d type bridge mcast_snooping 0", w.name, w.mtu), fmt.Sprintf("link set %s up", w.name))
		for _, h := range hosts {
			if w.reaches(h) {
				plan = append(plan, w.cable(w.end(h.Name), h.ns())...)
			}
		}
		if w.subnet == "" {
			plan = append(plan, w.cable(w.end("out"), outsideNS)...)
		}
	}
	return append(plan, fmt.Sprintf("addr add %s/24 dev %s", central, mgmt.name))
}

func (w wire) cable(end string, to netns) []string {
	return []string{
		fmt.Sprintf("link add %s mtu %d type veth peer name %s mtu %d netns %s", end, w.mtu, w.name, w.mtu, to),
		fmt.Sprintf("link set %s master %s up", end, w.name),
	}
}

func hostPlan(h Host) []string {
	plan := []string{"link set lo up"}
	for _, w := range wires {
		if w.reaches(h) {
			plan = append(plan, fmt.Sprintf("link set %s up", w.name))
		}
	}
	return append(plan, fmt.Sprintf("addr add %s/24 dev %s", h.address(mgmt), mgmt.name))
}

// Cut pulls a host's cables, all of them or those named: mgmt, underlay,
// physnet1, physnet2. What runs on the host goes on.
func (l *Lab) Cut(ctx context.Context, host string, cables ...string) error {
	return l.cables(ctx, host, "down", cables)
}

// Mend puts cables back that Cut has pulled.
func (l *Lab) Mend(ctx context.Context, host string, cables ...string) error {
	return l.cables(ctx, host, "up", cables)
}

func (l *Lab) cables(ctx context.Context, host, to string, named []string) error {
	h, err := hostNamed(host)
	if err != nil {
		return err
	}
	var plan, has []string
	for _, w := range wires {
		if w.reaches(h) {
			has = append(has, w.name)
		}
	}
	if len(named) == 0 {
		named = has
	}
	for _, n := range named {
		if !slices.Contains(has, n) {
			return fmt.Errorf("%s has no cable %q: it has %s", host, n, strings.Join(has, ", "))
		}
		plan = append(plan, fmt.Sprintf("link set %s-%s %s", n, host, to))
	}
	return ipBatch(ctx, fabricNS, plan...)
}
