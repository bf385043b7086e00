package rows

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func gatewayPort(w schema.World, r *resources.Router) Row {
	g := newRow(w, "router", r.ID, "Logical_Router_Port", "gateway")
	var networks Set
	for _, f := range r.ExternalFixedIPs {
		if s := schema.Look(w, f.SubnetID); s != nil {
			networks = append(networks, with(f.IPAddress, s))
		}
	}
	options := Map{}
	if n := schema.Look(w, r.ExternalNetworkID); n != nil && n.MTU > 0 {
		options["gateway_mtu"] = strconv.Itoa(n.MTU)
	}
	g.Columns["name"] = "lrp-" + r.GatewayPortID
	g.Columns["mac"] = r.GatewayMAC.String()
	g.Columns["networks"] = networks
	g.Columns["options"] = options
	g.in("Logical_Router", r.ID, "", "ports")
	return g
}

// gatewayHosts is the group of hosts that the gateway may be on, unless it shares
// one with other routers.
func gatewayHosts(w schema.World, r *resources.Router, g *Row) []Row {
	if r.GatewayGroupID != "" {
		g.Columns["ha_chassis_group"] = Ref(ID(string(r.GatewayGroupID), "HA_Chassis_Group", ""))
		return nil
	}
	if len(r.GatewayChassis) == 0 {
		return nil
	}
	all := hosts(w, "router", r.ID, r.GatewayChassis)
	g.Columns["ha_chassis_group"] = Ref(all[0].ID)
	return all
}

// gatewayGroup is a group of hosts that several gateways may be on.
func gatewayGroup(w schema.World, g *resources.GatewayGroup) []Row {
	all := hosts(w, "gateway_group", g.ID, g.GatewayChassis)
	all[0].mark("gateway_group_name", g.Name)
	return all
}

// hosts is a group of hosts, the first choice with the highest priority. OVN
// watches them with BFD by itself.
func hosts(w schema.World, typ, object string, chassis []string) []Row {
	group := newRow(w, typ, object, "HA_Chassis_Group", "")
	group.Columns["name"] = "cairn-gw-" + object
	all := []Row{group}
	for i, name := range chassis {
		h := newRow(w, typ, object, "HA_Chassis", name)
		h.Columns["chassis_name"] = name
		h.Columns["priority"] = len(chassis) - i
		h.in("HA_Chassis_Group", object, "", "ha_chassis")
		all = append(all, h)
	}
	return all
}

// defaultRoutes lead out by the gateways of the external subnets: by the first of
// each IP version or, when connections are spread, by all of them.
func defaultRoutes(w schema.World, r *resources.Router) []Row {
	var all []Row
	for _, hop := range defaultHops(w, r) {
		prefix := "::/0"
		if hop.Is4() {
			prefix = "0.0.0.0/0"
		}
		d := newRow(w, "router", r.ID, "Logical_Router_Static_Route", prefix+" "+hop.String())
		d.Columns["ip_prefix"] = prefix
		d.Columns["nexthop"] = hop.String()
		d.Columns["output_port"] = "lrp-" + r.GatewayPortID
		if r.ECMPDefaultRoute {
			d.Columns["options"] = Map{"ecmp_symmetric_reply": "true"}
		}
		if r.BFDDefaultRoute {
			d.Columns["bfd"] = Ref(watchID(r.ID, hop))
		}
		d.mark("is_ext_gw", "true")
		d.in("Logical_Router", r.ID, "", "static_routes")
		all = append(all, d)
	}
	return all
}

func defaultHops(w schema.World, r *resources.Router) []netip.Addr {
	var all []netip.Addr
	seen := map[bool]bool{}
	for _, f := range r.ExternalFixedIPs {
		s := schema.Look(w, f.SubnetID)
		if s == nil || !s.GatewayIP.IsValid() || slices.Contains(all, s.GatewayIP) {
			continue
		}
		if four := s.GatewayIP.Is4(); r.ECMPDefaultRoute || !seen[four] {
			seen[four] = true
			all = append(all, s.GatewayIP)
		}
	}
	return all
}

// watchID is the session that watches a next hop of a router. The routes by it
// share it, since OVN keeps one for each next hop: so it is the router's.
func watchID(router string, hop netip.Addr) string { return ID(router, "BFD", hop.String()) }

// watches are the sessions that watch next hops of a router.
func watches(w schema.World, r *resources.Router) []Row {
	var hops []netip.Addr
	if r.BFDDefaultRoute && r.ExternalNetworkID != "" {
		hops = defaultHops(w, r)
	}
	for x := range schema.Where[resources.Route](w, "router_id", r.ID) {
		if x.BFD {
			hops = append(hops, x.NextHop)
		}
	}
	slices.SortFunc(hops, netip.Addr.Compare)
	var all []Row
	for _, hop := range slices.Compact(hops) {
		port := towards(w, r, hop)
		if port == "" {
			continue
		}
		b := newRow(w, "router", r.ID, "BFD", hop.String())
		b.Columns["logical_port"] = port
		b.Columns["dst_ip"] = hop.String()
		all = append(all, b)
	}
	return all
}

// towards is the port of a router that is on the subnet of a next hop, or "".
func towards(w schema.World, r *resources.Router, hop netip.Addr) string {
	for _, f := range r.ExternalFixedIPs {
		if s := schema.Look(w, f.SubnetID); s != nil && (s.CIDR.Contains(hop) || s.GatewayIP == hop) {
			return "lrp-" + r.GatewayPortID
		}
	}
	for i := range schema.Where[resources.RouterInterface](w, "router_id", r.ID) {
		if s := schema.Look(w, i.SubnetID); s != nil && s.CIDR.Contains(hop) {
			return "lrp-" + i.ID
		}
	}
	return ""
}
