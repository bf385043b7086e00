package embedded

import (
	"net/netip"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkRouter(t *tx, _ schema.World, _, want *resources.Router) error {
	if want.ExternalNetworkID == "" {
		return nil
	}
	n := schema.Look(t, want.ExternalNetworkID)
	switch {
	case !n.External:
		return refused("network %s is not external", n.ID)
	case len(want.ExternalFixedIPs) == 0:
		return refused("a gateway needs an address")
	case !want.GatewayMAC.IsValid() || want.GatewayPortID == "":
		return refused("a gateway needs a port and a MAC")
	}
	for _, f := range want.ExternalFixedIPs {
		if err := inside(t, want.ExternalNetworkID, f); err != nil {
			return err
		}
		s := schema.Look(t, f.SubnetID)
		for i, other := range attached(t, schema.Ref[resources.Router](want.ID)) {
			if other.CIDR.Overlaps(s.CIDR) {
				return refused("the gateway's %s overlaps %s, which interface %s leads to", s.CIDR, other.CIDR, i.ID)
			}
		}
	}
	return nil
}

// attached lists a router's interfaces with their subnets.
func attached(t *tx, r schema.Ref[resources.Router]) func(func(*resources.RouterInterface, *resources.Subnet) bool) {
	return func(yield func(*resources.RouterInterface, *resources.Subnet) bool) {
		for i := range schema.Where[resources.RouterInterface](t, "router_id", string(r)) {
			if s := schema.Look(t, i.SubnetID); s != nil && !yield(i, s) {
				return
			}
		}
	}
}

func gatewayHolds(_ *tx, r *resources.Router) []hold {
	if r.ExternalNetworkID == "" {
		return nil
	}
	all := []hold{hardware(r.ExternalNetworkID, r.GatewayMAC)}
	for _, f := range r.ExternalFixedIPs {
		all = append(all, address(r.ExternalNetworkID, f.IPAddress))
	}
	return all
}

func routerInUse(t *tx, r *resources.Router) error {
	for i := range schema.Where[resources.RouterInterface](t, "router_id", r.ID) {
		return refused("the router has an interface on subnet %s", i.SubnetID)
	}
	for _, end := range []string{"router_id", "peer_router_id"} {
		for p := range schema.Where[resources.RouterPeering](t, end, r.ID) {
			return refused("peering %s joins the router with another one", p.ID)
		}
	}
	return nil
}

// routesOf are a router's routes: they are a part of it, in OVN as in Neutron.
func routesOf(t *tx, r *resources.Router) []any {
	var all []any
	for x := range schema.Where[resources.Route](t, "router_id", r.ID) {
		all = append(all, x)
	}
	return all
}

func checkInterface(t *tx, _ schema.World, _, want *resources.RouterInterface) error {
	s := schema.Look(t, want.SubnetID)
	if s.NetworkID != want.NetworkID {
		return refused("subnet %s is of another network", s.ID)
	}
	if err := inside(t, want.NetworkID, resources.FixedIP{SubnetID: want.SubnetID, IPAddress: want.IPAddress}); err != nil {
		return err
	}
	if !want.MACAddress.IsValid() {
		return refused("an interface needs a MAC")
	}
	for i, other := range attached(t, want.RouterID) {
		if i.ID != want.ID && other.CIDR.Overlaps(s.CIDR) {
			return refused("%s overlaps %s, which the router's interface %s leads to", s.CIDR, other.CIDR, i.ID)
		}
	}
	for _, f := range schema.Look(t, want.RouterID).ExternalFixedIPs {
		if out := schema.Look(t, f.SubnetID); out != nil && out.CIDR.Overlaps(s.CIDR) {
			return refused("%s overlaps %s, which the router's gateway leads to", s.CIDR, out.CIDR)
		}
	}
	return nil
}

func interfaceHolds(_ *tx, i *resources.RouterInterface) []hold {
	return []hold{address(i.NetworkID, i.IPAddress), hardware(i.NetworkID, i.MACAddress)}
}

func checkRoute(t *tx, _ schema.World, _, want *resources.Route) error {
	for _, p := range reached(t, want.RouterID) {
		if p.Contains(want.NextHop) {
			return nil
		}
	}
	return refused("next hop %s is on no subnet that the router is connected to", want.NextHop)
}

// reached are the ranges that a router is connected to.
func reached(t *tx, id schema.Ref[resources.Router]) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range attached(t, id) {
		all = append(all, s.CIDR)
	}
	for _, f := range schema.Look(t, id).ExternalFixedIPs {
		if s := schema.Look(t, f.SubnetID); s != nil {
			all = append(all, s.CIDR)
		}
	}
	return all
}

func routeHolds(_ *tx, r *resources.Route) []hold {
	says := r.DestinationCIDR.String() + " by " + r.NextHop.String()
	if r.Policy == resources.BySource {
		says = "what is from " + says
	}
	return []hold{{"route of router " + string(r.RouterID), says, "a route to " + says}}
}
