package resources

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// GatewayGroup is the hosts that gateways of routers may be on, for routers that
// shall move together. Rules: OVN's HA chassis groups.
type GatewayGroup struct {
	object

	// Chassis are the hosts by their names in OVN, the first choice first: at most 5.
	// Those that are fit for gateways, unless set.
	Chassis []string `hcl:"chassis,optional"`

	// AvailabilityZone that the hosts are in. Any, unless set.
	AvailabilityZone string `hcl:"availability_zone,optional"`

	// GatewayChassis are the hosts that gateways of the group may be on, by their names
	// in OVN, the first choice first.
	GatewayChassis []string `hcl:"gateway_chassis" plan:"assigned"`
}

// gatewayChassis is how many hosts a gateway may move between (BFD watches each pair).
const gatewayChassis = 5

// Check reports a host that is named twice, and more of them than can watch each
// other.
func (g *GatewayGroup) Check() error {
	if len(g.Chassis) > gatewayChassis {
		return schema.Problem{Code: "CRN-SEG-1", Attribute: "chassis", Summary: "Too many hosts", Detail: fmt.Sprintf("A gateway moves between at most %d, since each watches all others. Take %d out.", gatewayChassis, len(g.Chassis)-gatewayChassis)}
	}
	for i, name := range g.Chassis {
		if slices.Contains(g.Chassis[:i], name) {
			return schema.Problem{Code: "CRN-SEG-1", Attribute: fmt.Sprintf("chassis[%d]", i), Summary: fmt.Sprintf("Host %s is named twice", name), Detail: "A gateway is on one host at a time: name each once, the first choice first."}
		}
	}
	return nil
}

// Claims takes the name, and chooses hosts where the author names none: those it
// has, while they fit.
func (g *GatewayGroup) Claims(w schema.World, l schema.Ledger) error {
	if err := g.claim(w, l, "gateway_group", ""); err != nil {
		return err
	}
	if len(g.Chassis) > 0 {
		g.GatewayChassis = g.Chassis
		return nil
	}
	var zones []string
	if g.AvailabilityZone != "" {
		zones = []string{g.AvailabilityZone}
	}
	var err error
	g.GatewayChassis, err = gateways(w, g.ID, "availability_zone", g.GatewayChassis, nil, zones)
	return err
}

// Checks reports hosts that OVN does not know, that are in another zone, or that
// do not reach the network of a router's gateway.
func (g *GatewayGroup) Checks(w schema.World) error {
	c := w.Cloud()
	known := fit(c, nil, nil)
	var all schema.Problems
	for i, name := range g.Chassis {
		at := fmt.Sprintf("chassis[%d]", i)
		switch {
		case len(known) > 0 && !slices.Contains(known, name):
			detail := fmt.Sprintf("Gateways can be on: %s.", strings.Join(known, ", "))
			if near := schema.Nearest(name, known); near != "" {
				detail += fmt.Sprintf(" Did you mean %q?", near)
			}
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: at, Summary: fmt.Sprintf("No gateway can be on %q", name), Detail: detail})
		case g.AvailabilityZone != "" && !slices.Contains(fit(c, nil, []string{g.AvailabilityZone}), name):
			all = append(all, schema.Problem{Code: "CRN-AZ-1", Attribute: at, Summary: fmt.Sprintf("Host %s is not in zone %s", name, g.AvailabilityZone), Detail: "Take the host or availability_zone out."})
		}
	}
	if len(all) > 0 {
		return all.Err()
	}
	for r := range schema.Where[Router](w, "gateway_group_id", g.ID) {
		if err := g.reaches(w, r, "chassis"); err != nil {
			return err
		}
	}
	return nil
}

// wires are the physical networks that a network is on.
func (n *Network) wires() []string {
	var all []string
	for _, s := range n.Segments {
		if s.PhysicalNetwork != "" {
			all = append(all, s.PhysicalNetwork)
		}
	}
	return all
}

// zonesOf are the zones of a chassis: its own or, where OVN was not told, its
// host's.
func zonesOf(c *cloud.Cloud, x cloud.Chassis) []string {
	if len(x.Zones) > 0 {
		return x.Zones
	}
	for _, h := range c.Hosts {
		if h.Chassis == x.Name || h.Name == x.Host {
			return []string{h.Zone}
		}
	}
	return nil
}

// fit lists the chassis that a gateway may be on: those that are made for
// gateways, if any is, in one of the zones, and plugged into each wire. While OVN
// has not told its chassis, those of the cloud's hosts.
func fit(c *cloud.Cloud, wires, zones []string) []string {
	var all []string
	in := func(of []string) bool {
		return len(zones) == 0 || slices.ContainsFunc(of, func(z string) bool { return slices.Contains(zones, z) })
	}
	if len(c.Chassis) == 0 {
		for _, h := range c.Hosts {
			if h.Chassis != "" && in([]string{h.Zone}) {
				all = append(all, h.Chassis)
			}
		}
		return all
	}
	made := slices.ContainsFunc(c.Chassis, func(x cloud.Chassis) bool { return x.Gateway })
	for _, x := range c.Chassis {
		if (x.Gateway || !made) && in(zonesOf(c, x)) && len(unplugged(x, wires)) == 0 {
			all = append(all, x.Name)
		}
	}
	return all
}

// unplugged are the wires that a chassis has no bridge for.
func unplugged(x cloud.Chassis, wires []string) []string {
	return slices.DeleteFunc(slices.Clone(wires), func(p string) bool { return slices.Contains(x.Physnets, p) })
}

// gateways orders the chassis that fit: those that are the first choice of fewest
// routers and groups first, by name where that is the same. Those that were chosen
// before stay while they fit. Without any it says which wire or zone none of them
// has.
func gateways(w schema.World, self, attribute string, had, wires, zones []string) ([]string, error) {
	c := w.Cloud()
	all := fit(c, wires, zones)
	switch {
	case len(all) == 0:
		return had, misfit(c, attribute, wires, zones)
	case len(had) > 0 && !slices.ContainsFunc(had, func(x string) bool { return !slices.Contains(all, x) }):
		return had, nil
	}
	load := map[string]int{}
	count := func(id string, chassis []string) {
		if id != self && len(chassis) > 0 {
			load[chassis[0]]++
		}
	}
	for r := range schema.All[Router](w) {
		count(r.ID, r.GatewayChassis)
	}
	for g := range schema.All[GatewayGroup](w) {
		count(g.ID, g.GatewayChassis)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b))
	})
	return all[:min(len(all), gatewayChassis)], nil
}

// misfit says why no chassis is fit for a gateway; nil where there is no chassis
// at all to say it of.
func misfit(c *cloud.Cloud, attribute string, wires, zones []string) error {
	zoned := fit(c, nil, zones)
	switch {
	case len(fit(c, nil, nil)) == 0:
		return nil
	case len(zoned) == 0:
		return schema.Problem{Code: "CRN-AZ-1", Attribute: attribute, Summary: "No gateway can be in these zones", Detail: fmt.Sprintf("No host of zone %s is fit for gateways. Hosts that are: %s.", strings.Join(zones, " or "), strings.Join(fit(c, nil, nil), ", "))}
	}
	var lacking []string
	for _, x := range c.Chassis {
		if slices.Contains(zoned, x.Name) {
			lacking = append(lacking, fmt.Sprintf("%s lacks %s", x.Name, strings.Join(unplugged(x, wires), " and ")))
		}
	}
	return schema.Problem{Code: "CRN-SEG-1", Attribute: attribute, Summary: fmt.Sprintf("No gateway host is plugged into %s", strings.Join(wires, " and ")),
		Detail: fmt.Sprintf("Of those that may have gateways, %s. Add it to ovn-bridge-mappings on one of them.", strings.Join(lacking, ", "))}
}
