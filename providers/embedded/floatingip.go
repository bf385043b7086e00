package embedded

import (
	"net/netip"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkFloatingIP(t *tx, _ schema.World, _, want *resources.FloatingIP) error {
	n := schema.Look(t, want.FloatingNetworkID)
	switch {
	case !n.External:
		return refused("network %s is not external", n.ID)
	case !want.Address.Is4():
		return refused("a floating address is of IPv4; IPv6 is routed")
	}
	if err := inside(t, want.FloatingNetworkID, resources.FixedIP{SubnetID: want.SubnetID, IPAddress: want.Address}); err != nil {
		return err
	}
	return leads(t, want, want.PortID, want.FixedIP)
}

// leads refuses a port that a floating address can't lead to.
func leads(t *tx, f *resources.FloatingIP, id schema.Ref[resources.Port], fixed netip.Addr) error {
	if id == "" {
		return nil
	}
	for x := range schema.Where[resources.PortForwarding](t, "floating_ip_id", f.ID) {
		return refused("port_forwarding %s leads a port of the address elsewhere", x.ID)
	}
	p := schema.Look(t, id)
	if p == nil { // it may have gone since
		return refused("there is no port %s", id)
	}
	for _, own := range p.FixedIPs {
		if own.IPAddress != fixed {
			continue
		}
		if resources.GatewayOf(t, f.FloatingNetworkID, id, fixed) == nil {
			return refused("no router leads from network %s to port %s", f.FloatingNetworkID, id)
		}
		return nil
	}
	return refused("port %s has no address %s", id, fixed)
}

func floatingHolds(_ *tx, f *resources.FloatingIP) []hold {
	all := []hold{address(f.FloatingNetworkID, f.Address)}
	if f.PortID != "" {
		all = append(all, leading(f.ID, f.PortID, f.FixedIP)...)
	}
	return all
}

// leading is what an address that leads somewhere holds: itself, which leads to
// one port, and the port's address, which one leads to.
func leading(floating string, port schema.Ref[resources.Port], fixed netip.Addr) []hold {
	return []hold{
		{"floating address leads", floating, "floating address " + floating},
		{"floating address of port " + string(port), fixed.String(), "port " + string(port) + "'s address " + fixed.String()},
	}
}

func floatingInUse(t *tx, f *resources.FloatingIP) error {
	for a := range schema.Where[resources.FloatingIPAssociation](t, "floating_ip_id", f.ID) {
		return refused("association %s leads the address to a port", a.ID)
	}
	for x := range schema.Where[resources.PortForwarding](t, "floating_ip_id", f.ID) {
		return refused("port_forwarding %s leads a port of the address on", x.ID)
	}
	return nil
}

func checkAssociation(t *tx, _ schema.World, _, want *resources.FloatingIPAssociation) error {
	return leads(t, schema.Look(t, want.FloatingIPID), want.PortID, want.FixedIP)
}

func associationHolds(_ *tx, a *resources.FloatingIPAssociation) []hold {
	return leading(string(a.FloatingIPID), a.PortID, a.FixedIP)
}
