package rows

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// router is a logical router and, when it has one, its gateway: the port on the
// external network, the hosts that it may be on, the default routes, and the
// address that hides each IPv4 subnet behind it.
func router(w schema.World, r *resources.Router) []Row {
	l := newRow(w, "router", r.ID, "Logical_Router", "")
	l.Columns["name"] = "cairn-" + r.ID
	l.Columns["enabled"] = on(r.AdminStateUp)
	l.Columns["options"] = Map{"always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true", "mac_binding_age_threshold": "300"}
	l.mark("router_name", r.Name)
	all := append([]Row{l}, watches(w, r)...)
	if r.ExternalNetworkID == "" || len(r.ExternalFixedIPs) == 0 {
		return all
	}
	g := gatewayPort(w, r)
	all = append(all, gatewayHosts(w, r, &g)...)
	all = append(all, g, peer(w, "router", r.ID, r.GatewayPortID, string(r.ExternalNetworkID),
		Map{"nat-addresses": "router", "exclude-lb-vips-from-garp": "true"}))
	all = append(all, defaultRoutes(w, r)...)
	all = append(all, gatewayQoS(w, r)...)
	if on(r.EnableSNAT) {
		all = append(all, snat(w, r)...)
	}
	return all
}

// peer is the plug of a router on a switch.
func peer(w schema.World, typ, object, name, network string, options Map) Row {
	l := newRow(w, typ, object, "Logical_Switch_Port", "peer")
	options["router-port"] = "lrp-" + name
	l.Columns["name"] = name
	l.Columns["type"] = "router"
	l.Columns["addresses"] = set("router")
	l.Columns["options"] = options
	l.in("Logical_Switch", network, "", "ports")
	return l
}

func snat(w schema.World, r *resources.Router) []Row {
	var outside netip.Addr
	for _, f := range r.ExternalFixedIPs {
		if f.IPAddress.Is4() && !outside.IsValid() {
			outside = f.IPAddress
		}
	}
	if !outside.IsValid() {
		return nil
	}
	var all []Row
	interfaces := schema.Where[resources.RouterInterface](w, "router_id", r.ID)
	for _, i := range collect(interfaces, func(i *resources.RouterInterface) string { return i.ID }) {
		s := schema.Look(w, i.SubnetID)
		if s == nil || !s.CIDR.Addr().Is4() {
			continue
		}
		n := newRow(w, "router", r.ID, "NAT", s.CIDR.String())
		n.Columns["type"] = "snat"
		n.Columns["external_ip"] = outside.String()
		n.Columns["external_port_range"] = ""
		n.Columns["logical_ip"] = s.CIDR.String()
		n.Columns["gateway_port"] = Ref(ID(r.ID, "Logical_Router_Port", "gateway"))
		n.in("Logical_Router", r.ID, "", "nat")
		all = append(all, n)
	}
	return all
}

// routerInterface is a port of the router and its plug on the subnet's switch.
func routerInterface(w schema.World, i *resources.RouterInterface) []Row {
	s := schema.Look(w, i.SubnetID)
	if s == nil {
		return nil
	}
	l := newRow(w, "router_interface", i.ID, "Logical_Router_Port", "")
	options := Map{}
	n := schema.Look(w, i.NetworkID)
	if n != nil && provider(n) && !n.External { // such a network's packets must not leave by every host
		options["reside-on-redirect-chassis"] = "true"
	}
	l.Columns["name"] = "lrp-" + i.ID
	l.Columns["mac"] = i.MACAddress.String()
	l.Columns["networks"] = set(with(i.IPAddress, s))
	l.Columns["options"] = options
	l.Columns["ipv6_ra_configs"] = announcements(s, n)
	l.in("Logical_Router", string(i.RouterID), "", "ports")
	return []Row{l, peer(w, "router_interface", i.ID, i.ID, string(i.NetworkID), Map{})}
}

// announcements is how the router tells ports of an IPv6 range.
func announcements(s *resources.Subnet, n *resources.Network) Map {
	if s.IPv6RAMode == "" {
		return Map{}
	}
	ra := Map{"address_mode": strings.ReplaceAll(string(s.IPv6RAMode), "-", "_"), "send_periodic": "true"}
	if n != nil && n.MTU > 0 {
		ra["mtu"] = strconv.Itoa(n.MTU)
	}
	if n != nil && n.DNSDomain != "" {
		ra["dnssl"] = strings.TrimSuffix(n.DNSDomain, ".")
	}
	if servers := nameservers(s); len(servers) > 0 {
		ra["rdnss"] = servers[0] // OVN announces one
	}
	return ra
}

func route(w schema.World, r *resources.Route) []Row {
	s := newRow(w, "route", r.ID, "Logical_Router_Static_Route", "")
	s.Columns["ip_prefix"] = r.DestinationCIDR.String()
	s.Columns["nexthop"] = r.NextHop.String()
	s.Columns["policy"] = "dst-ip"
	if r.Policy == resources.BySource {
		s.Columns["policy"] = "src-ip"
	}
	if r.ECMP {
		s.Columns["options"] = Map{"ecmp_symmetric_reply": "true"}
	}
	if x := schema.Look(w, r.RouterID); r.BFD && x != nil && towards(w, x, r.NextHop) != "" {
		s.Columns["bfd"] = Ref(watchID(x.ID, r.NextHop))
	}
	s.in("Logical_Router", string(r.RouterID), "", "static_routes")
	return []Row{s}
}

func floatingIP(w schema.World, f *resources.FloatingIP) []Row {
	return append(nat(w, "floating_ip", f.ID, f, f.PortID, f.FixedIP), floatingQoS(w, f)...)
}

func association(w schema.World, a *resources.FloatingIPAssociation) []Row {
	f := schema.Look(w, a.FloatingIPID)
	if f == nil {
		return nil
	}
	return nat(w, "floating_ip_association", a.ID, f, a.PortID, a.FixedIP)
}

// nat leads a floating address to a port, both ways, on the router between them.
// Moved to another port the row stays the same one.
func nat(w schema.World, typ, object string, f *resources.FloatingIP, to schema.Ref[resources.Port], fixed netip.Addr) []Row {
	if to == "" {
		return nil
	}
	r := resources.GatewayOf(w, f.FloatingNetworkID, to, fixed)
	if r == nil {
		return nil
	}
	n := newRow(w, typ, object, "NAT", "")
	n.Columns["type"] = "dnat_and_snat"
	n.Columns["external_ip"] = f.Address.String()
	n.Columns["external_port_range"] = ""
	n.Columns["logical_ip"] = fixed.String()
	n.Columns["gateway_port"] = Ref(ID(r.ID, "Logical_Router_Port", "gateway"))
	n.mark("port", string(to))
	n.in("Logical_Router", r.ID, "", "nat")
	return []Row{n}
}
