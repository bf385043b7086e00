package providertest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// changed makes a twin of an object and changes it.
func changed[T any](o *T, change func(*T)) *T {
	twin := *o
	change(&twin)
	return &twin
}

// upTo lists the app's objects before one of them.
func (a *App) upTo(object any) []any {
	var all []any
	for _, o := range a.Objects() {
		if o == object {
			return all
		}
		all = append(all, o)
	}
	panic("providertest: no such object")
}

// NetworkSamples are samples of every type that OVN realises.
func NetworkSamples() []Sample {
	a := NewApp()
	lone := changed(a.Inside, func(n *resources.Network) {
		n.ID, n.Name, n.DNSDomain, n.Segments = id("lone"), "lone", "", []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 8}}
	})
	empty := newSubnet("empty4", "inside", "10.30.0.0/24", "10.30.0.1", "10.30.0.2", "10.30.0.254")
	bare := changed(a.Router, func(r *resources.Router) {
		r.ID, r.Name, r.ExternalNetworkID, r.ExternalFixedIPs = id("bare"), "bare", "", nil
		r.GatewayMAC, r.GatewayPortID, r.GatewayChassis = resources.MAC{}, "", nil
	})
	port := newPort("one", "inside", "fa:16:3e:00:01:01", at("inside4", "10.20.0.101"))
	port.SecurityGroupIDs = in("web")
	parent := newPort("parent", "inside", "fa:16:3e:00:01:03")
	parent.AllowedAddressPairs = []resources.AddressPair{{IPAddress: "10.20.0.101"}}
	group := newGroup("one", a.AppGroup.Rules...)
	offices := newAddressGroup("offices", "198.51.100.0/24", "203.0.113.7", "2001:db8:1::/48")
	return append([]Sample{
		{Type: "address_group", Object: offices, Changes: addressGroupChanges(offices)},
		{Type: "network", With: []any{a.Gold}, Object: lone, Changes: networkChanges(lone)},
		{Type: "subnet", With: a.upTo(a.Public4), Object: empty, Changes: subnetChanges(empty)},
		{Type: "port", With: append(a.upTo(a.Router), parent), Object: port, Changes: portChanges(port)},
		{Type: "router", With: a.upTo(a.Router), Object: bare, Changes: routerChanges(bare)},
		{Type: "router_interface", With: a.upTo(a.Interface4), Object: a.Interface4},
		{Type: "route", With: a.upTo(a.Route), Object: a.Route, Changes: []any{
			changed(a.Route, func(r *resources.Route) { r.BFD, r.ECMP = false, true }),
		}},
		{Type: "floating_ip", With: a.upTo(a.WebAddress), Object: a.Floating, Changes: floatingChanges(a)},
		{Type: "floating_ip_association", With: a.upTo(a.Leads), Object: a.Leads, Changes: []any{
			changed(a.Leads, func(l *resources.FloatingIPAssociation) {
				l.PortID, l.FixedIP = ref[resources.Port]("port db"), ip("10.20.0.13")
			}),
		}},
		{Type: "security_group", With: a.upTo(a.DBFromApp), Object: group, Changes: groupChanges(group)},
		{Type: "security_group_rule", With: a.upTo(a.DBFromApp), Object: a.DBFromApp, Changes: []any{
			changed(a.DBFromApp, func(r *resources.SecurityGroupRule) { r.Description = "the application asks" }),
		}},
	}, balancerSamples(a)...)
}

func networkChanges(n *resources.Network) []any {
	words := changed(n, func(n *resources.Network) {
		n.Name, n.Description, n.Tags = "new", "words", schema.Set[string]{"a", "b"}
	})
	rest := changed(words, func(n *resources.Network) {
		n.AdminStateUp, n.External, n.Shared, n.MTU, n.PortSecurityEnabled, n.DNSDomain = ptr(false), true, true, 1400, ptr(false), "example.org."
		n.QoSPolicyID = ref[resources.QoSPolicy]("gold")
	})
	return []any{words, rest, changed(rest, func(n *resources.Network) { n.External, n.Tags, n.Description = false, nil, "" })}
}

func subnetChanges(s *resources.Subnet) []any {
	words := changed(s, func(s *resources.Subnet) { s.Name, s.Description, s.Tags = "new", "words", schema.Set[string]{"a"} })
	rest := changed(words, func(s *resources.Subnet) {
		s.GatewayIP, s.NoGateway, s.DHCPServerIP = netip.Addr{}, true, ip("10.30.0.9")
		s.AllocationPools = []resources.Pool{{Start: ip("10.30.0.10"), End: ip("10.30.0.20")}, {Start: ip("10.30.0.30"), End: ip("10.30.0.40")}}
		s.DNSNameservers = []netip.Addr{ip("10.30.0.5")}
		s.HostRoutes = []resources.HostRoute{{Destination: cidr("10.99.0.0/16"), NextHop: ip("10.30.0.7")}}
		s.LeaseTime, s.DHCPOptions = schema.Duration(time.Hour), map[string]string{"ntp-server": "10.30.0.3"}
	})
	return []any{words, rest, changed(rest, func(s *resources.Subnet) { s.EnableDHCP, s.DHCPServerIP = ptr(false), netip.Addr{} })}
}

func portChanges(p *resources.Port) []any {
	words := changed(p, func(p *resources.Port) { p.Name, p.Description, p.Tags = "new", "words", schema.Set[string]{"a"} })
	rest := changed(words, func(p *resources.Port) {
		p.AdminStateUp, p.DNSName = ptr(false), "one"
		p.FixedIPs = []resources.FixedIP{at("inside4", "10.20.0.102"), at("inside4", "10.20.0.103"), at("inside6", "2001:db8:1::102")}
		p.SecurityGroupIDs = in("app", "db")
		p.AllowedAddressPairs = []resources.AddressPair{{IPAddress: "10.20.0.200"}, {IPAddress: "10.50.0.0/24", MACAddress: mac("fa:16:3e:ff:00:01")}}
		p.ExtraDHCPOptions = []resources.DHCPOption{{Name: "bootfile-name", Value: "boot.img", IPVersion: 4}}
		p.QoSPolicyID, p.BindingHost = ref[resources.QoSPolicy]("gold"), "h1"
	})
	closed := changed(rest, func(p *resources.Port) { p.SecurityGroupIDs, p.NoSecurityGroups = nil, true })
	open := changed(closed, func(p *resources.Port) {
		p.NoSecurityGroups, p.PortSecurityEnabled, p.AllowedAddressPairs, p.FixedIPs, p.NoFixedIP = false, ptr(false), nil, nil, true
	})
	open.QoSPolicyID, open.BindingHost = "", ""
	virtual := changed(words, func(p *resources.Port) {
		p.VirtualIP = &resources.VirtualIP{Parents: schema.Set[schema.Ref[resources.Port]]{ref[resources.Port]("port parent")}}
	})
	return []any{words, rest, closed, open, virtual}
}

func routerChanges(r *resources.Router) []any {
	words := changed(r, func(r *resources.Router) { r.Name, r.Description, r.Tags = "new", "words", schema.Set[string]{"a"} })
	out := changed(words, func(r *resources.Router) {
		r.ExternalNetworkID, r.ExternalFixedIPs = ref[resources.Network]("public"), []resources.FixedIP{at("public4", "203.0.113.11")}
		r.ExternalQoSPolicyID, r.ECMPDefaultRoute, r.BFDDefaultRoute = ref[resources.QoSPolicy]("gold"), true, true
		r.AvailabilityZoneHints = schema.Set[string]{"z1", "z2"}
		r.GatewayMAC, r.GatewayPortID, r.GatewayChassis = mac("fa:16:3e:00:01:02"), id("bare gateway"), []string{"h2", "h1"}
	})
	moved := changed(out, func(r *resources.Router) {
		r.ExternalFixedIPs, r.EnableSNAT, r.AdminStateUp = []resources.FixedIP{at("public4", "203.0.113.12")}, ptr(false), ptr(false)
		r.GatewayGroupID, r.GatewayChassis, r.AvailabilityZoneHints = ref[resources.GatewayGroup]("gateways"), nil, nil
	})
	return []any{words, out, moved, changed(r, func(*resources.Router) {})}
}

func floatingChanges(a *App) []any {
	words := changed(a.Floating, func(f *resources.FloatingIP) { f.Description, f.Tags = "words", schema.Set[string]{"a"} })
	led := changed(words, func(f *resources.FloatingIP) { f.PortID, f.FixedIP = ref[resources.Port]("port web"), ip("10.20.0.11") })
	led.QoSPolicyID = ref[resources.QoSPolicy]("gold")
	moved := changed(led, func(f *resources.FloatingIP) { f.PortID, f.FixedIP = ref[resources.Port]("port db"), ip("10.20.0.13") })
	return []any{words, led, moved, changed(moved, func(f *resources.FloatingIP) { f.PortID, f.FixedIP = "", netip.Addr{} })}
}

func groupChanges(g *resources.SecurityGroup) []any {
	words := changed(g, func(g *resources.SecurityGroup) {
		g.Name, g.Description, g.Tags = "new", "words", schema.Set[string]{"a"}
	})
	rest := changed(words, func(g *resources.SecurityGroup) {
		g.Stateful, g.DeleteDefaultRules = ptr(false), true
		g.Rules = []resources.Rule{{Direction: resources.Egress, Ethertype: resources.IPv6, Protocol: "udp", PortRangeMin: ptr(0), PortRangeMax: ptr(53)}}
	})
	logged := changed(rest, func(g *resources.SecurityGroup) {
		g.Log = &resources.GroupLog{Enabled: ptr(true), Severity: "notice", Rate: ptr(5)}
	})
	return []any{words, rest, logged, changed(rest, func(g *resources.SecurityGroup) { g.Rules = nil })}
}

func newAddressGroup(name string, addresses ...string) *resources.AddressGroup {
	g := &resources.AddressGroup{Addresses: addresses}
	g.ID, g.Name = id(name), name
	return g
}

func addressGroupChanges(g *resources.AddressGroup) []any {
	words := changed(g, func(g *resources.AddressGroup) {
		g.Name, g.Description, g.Tags = "new", "words", schema.Set[string]{"a"}
	})
	fewer := changed(words, func(g *resources.AddressGroup) { g.Addresses = schema.Set[string]{"198.51.100.0/25"} })
	return []any{words, fewer, changed(fewer, func(g *resources.AddressGroup) { g.Addresses = schema.Set[string]{} })}
}

// NetworkRefusals are the calls that every network must answer with no.
func NetworkRefusals() []Refusal {
	return slices.Concat(networkRefusals(), portRefusals(), routerRefusals(), addressGroupRefusals(), balancerRefusals())
}

func addressGroupRefusals() []Refusal {
	offices := newAddressGroup("offices", "198.51.100.0/24")
	named := resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, RemoteAddressGroupID: schema.Ref[resources.AddressGroup](offices.ID)}
	group := newGroup("doors", named)
	bare := newGroup("bare")
	rule := &resources.SecurityGroupRule{ID: id("from offices"), SecurityGroupID: schema.Ref[resources.SecurityGroup](bare.ID),
		Direction: resources.Ingress, Ethertype: resources.IPv4, RemoteAddressGroupID: schema.Ref[resources.AddressGroup](offices.ID)}
	return []Refusal{
		{Reason: "an address group that a group's rule names is deleted", Given: []any{offices, group}, Delete: offices, Says: group.ID},
		{Reason: "an address group that a rule names is deleted", Given: []any{offices, bare, rule}, Delete: offices, Says: rule.ID},
		{Reason: "a rule of no address group", Given: []any{bare}, Create: rule, Says: "remote_address_group_id"},
	}
}

func networkRefusals() []Refusal {
	a := NewApp()
	network := func(name string, s resources.Segment) *resources.Network {
		return changed(a.Inside, func(n *resources.Network) {
			n.ID, n.Name, n.Segments, n.MTU = id(name), name, []resources.Segment{s}, 1400
		})
	}
	vlan := network("vlan", resources.Segment{NetworkType: resources.VLAN, PhysicalNetwork: "physnet1", SegmentationID: 150})
	flat := network("flat", resources.Segment{NetworkType: resources.Flat, PhysicalNetwork: "physnet1"})
	again := func(n *resources.Network) *resources.Network {
		return changed(n, func(n *resources.Network) { n.ID, n.Name = id(n.Name+" again"), n.Name+" again" })
	}
	with := []any{a.Public, a.Inside}
	return []Refusal{
		{Reason: "a network with subnets is deleted", Given: []any{a.Public, a.Public4}, Delete: a.Public},
		{Reason: "a network with ports is deleted", Given: append(with, portAlone()), Delete: a.Inside},
		{Reason: "a network with a gateway stops being external", Given: a.upTo(a.Interface4), Update: changed(a.Public, func(n *resources.Network) { n.External = false })},
		{Reason: "a VLAN twice on a wire", Given: []any{vlan}, Create: again(vlan), Says: "150"},
		{Reason: "two flat networks on a wire", Given: []any{flat}, Create: again(flat), Says: "physnet1"},
		{Reason: "an overlay number twice", Given: []any{a.Inside}, Create: again(a.Inside), Says: "7"},
		{Reason: "a wire that is not there", Create: network("lost", resources.Segment{NetworkType: resources.VLAN, PhysicalNetwork: "physnet9", SegmentationID: 1}), Says: "physnet9"},
		{Reason: "a VLAN beyond 4094", Create: network("far", resources.Segment{NetworkType: resources.VLAN, PhysicalNetwork: "physnet1", SegmentationID: 4095})},
		{Reason: "packets that do not fit", Create: changed(a.Inside, func(n *resources.Network) { n.MTU = 1500 }), Says: "1442"},
		{Reason: "a subnet of no network", Create: a.Inside4, Says: "network_id"},
		{Reason: "overlapping subnets of a network", Given: append(with, a.Inside4), Create: newSubnet("over", "inside", "10.20.0.128/25", "10.20.0.129", "10.20.0.130", "10.20.0.254"), Says: "overlaps"},
		{Reason: "a gateway outside its subnet", Given: with, Create: newSubnet("out", "inside", "10.30.0.0/24", "10.31.0.1", "10.30.0.2", "10.30.0.254")},
		{Reason: "a pool outside its subnet", Given: with, Create: newSubnet("pool", "inside", "10.30.0.0/24", "10.30.0.1", "10.30.0.2", "10.31.0.254")},
		{Reason: "a subnet with a port's address is deleted", Given: append(a.upTo(a.Router), portWith(at("inside4", "10.20.0.50"))), Delete: a.Inside4},
		{Reason: "a subnet with an interface is deleted", Given: a.upTo(a.Interface6), Delete: a.Inside4},
		{Reason: "a subnet with a gateway is deleted", Given: a.upTo(a.Interface4), Delete: a.Public4},
		{Reason: "a subnet with a floating address is deleted", Given: []any{a.Public, a.Public4, a.Floating}, Delete: a.Public4},
	}
}

func portAlone() *resources.Port {
	p := newPort("alone", "inside", "fa:16:3e:00:02:01")
	p.NoFixedIP = true
	return p
}

func portWith(addresses ...resources.FixedIP) *resources.Port {
	return newPort("with", "inside", "fa:16:3e:00:02:02", addresses...)
}

func portRefusals() []Refusal {
	a := NewApp()
	with := a.upTo(a.Router)
	first := portWith(at("inside4", "10.20.0.50"))
	taken := append(a.upTo(a.Router), first)
	second := newPort("second", "inside", "fa:16:3e:00:02:03", at("inside4", "10.20.0.51"))
	grouped := changed(portAlone(), func(p *resources.Port) { p.SecurityGroupIDs = in("db") })
	rule := changed(a.DBFromApp, func(r *resources.SecurityGroupRule) { r.ID = id("the same again") })
	naming := newGroup("naming", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, RemoteGroupID: ref[resources.SecurityGroup]("db")})
	return []Refusal{
		{Reason: "a port on no network", Create: portAlone(), Says: "network_id"},
		{Reason: "an address of no subnet", Given: with, Create: portWith(at("none", "10.20.0.50")), Says: "subnet"},
		{Reason: "an address outside its subnet", Given: with, Create: portWith(at("inside4", "10.21.0.50")), Says: "10.21.0.50"},
		{Reason: "the network's own address", Given: with, Create: portWith(at("inside4", "10.20.0.0"))},
		{Reason: "the broadcast address", Given: with, Create: portWith(at("inside4", "10.20.0.255"))},
		{Reason: "an address of another network's subnet", Given: with, Create: portWith(at("public4", "203.0.113.50"))},
		{Reason: "an address that a port has", Given: taken, Create: changed(second, func(p *resources.Port) { p.FixedIPs = first.FixedIPs }), Says: "10.20.0.50"},
		{Reason: "an address that another port has, as a change", Given: append(taken, second), Update: changed(second, func(p *resources.Port) { p.FixedIPs = first.FixedIPs }), Says: "10.20.0.50"},
		{Reason: "an address that a router has", Given: a.upTo(a.Interface6), Create: portWith(at("inside4", "10.20.0.1")), Says: "10.20.0.1"},
		{Reason: "a MAC twice on a network", Given: taken, Create: changed(second, func(p *resources.Port) { p.MACAddress = first.MACAddress }), Says: "fa:16:3e:00:02:02"},
		{Reason: "groups without port security", Given: with, Create: changed(grouped, func(p *resources.Port) { p.PortSecurityEnabled = ptr(false) })},
		{Reason: "an option of DHCP that nobody knows", Given: with, Create: changed(portAlone(), func(p *resources.Port) { p.ExtraDHCPOptions = []resources.DHCPOption{{Name: "colour", Value: "red"}} })},
		{Reason: "a port with a group that is not there", Given: []any{a.Inside}, Create: grouped, Says: "security_group_ids"},
		{Reason: "a group that a port has is deleted", Given: append(a.upTo(a.Router), grouped), Delete: a.DBGroup},
		{Reason: "a group that a rule names is deleted", Given: []any{a.WebGroup, a.AppGroup, a.DBGroup, a.DBFromApp}, Delete: a.AppGroup},
		{Reason: "a group that another group names is deleted", Given: []any{a.DBGroup, naming}, Delete: a.DBGroup},
		{Reason: "a rule of no group", Create: a.DBFromApp, Says: "security_group_id"},
		{Reason: "a rule twice", Given: []any{a.WebGroup, a.AppGroup, a.DBGroup, a.DBFromApp}, Create: rule},
		{Reason: "ports that OVN does not see", Given: []any{a.DBGroup}, Create: changed(a.DBFromApp, func(r *resources.SecurityGroupRule) { r.Protocol, r.RemoteGroupID = "udplite", "" })},
		{Reason: "ports that OVN does not see, in a group", Create: newGroup("odd", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: "dccp", PortRangeMin: ptr(1), PortRangeMax: ptr(2)})},
		{Reason: "ports of a protocol that has none", Create: newGroup("odd", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: "gre", PortRangeMin: ptr(1), PortRangeMax: ptr(2)})},
	}
}

func routerRefusals() []Refusal {
	a := NewApp()
	upTo := func(o any, more ...any) []any { return append(a.upTo(o), more...) }
	gateway := func(change func(*resources.Router)) *resources.Router { return changed(a.Router, change) }
	other := changed(a.Inside, func(n *resources.Network) {
		n.ID, n.Name, n.Segments = id("other"), "other", []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 9}}
	})
	same := newSubnet("same4", "other", "10.20.0.0/25", "10.20.0.1", "10.20.0.2", "10.20.0.120")
	toSame := changed(a.Interface4, func(i *resources.RouterInterface) {
		i.ID, i.SubnetID, i.NetworkID, i.MACAddress = id("to same"), ref[resources.Subnet]("same4"), ref[resources.Network]("other"), mac("fa:16:3e:00:02:09")
	})
	web := changed(a.Floating, func(f *resources.FloatingIP) { f.PortID, f.FixedIP = ref[resources.Port]("port web"), ip("10.20.0.11") })
	return []Refusal{
		{Reason: "a router with interfaces is deleted", Given: a.upTo(a.Interface6), Delete: a.Router},
		{Reason: "a gateway on an inner network", Given: upTo(a.Router), Create: gateway(func(r *resources.Router) { r.ExternalNetworkID = ref[resources.Network]("inside") }), Says: "external"},
		{Reason: "a gateway on no network", Given: upTo(a.Router), Create: gateway(func(r *resources.Router) { r.ExternalNetworkID = ref[resources.Network]("none") })},
		{Reason: "a gateway without an address", Given: upTo(a.Router), Create: gateway(func(r *resources.Router) { r.ExternalFixedIPs = nil })},
		{Reason: "a gateway's address outside the subnet", Given: upTo(a.Router), Create: gateway(func(r *resources.Router) { r.ExternalFixedIPs = []resources.FixedIP{at("public4", "203.0.114.9")} })},
		{Reason: "a gateway's address that is taken", Given: upTo(a.Router, a.Floating), Create: gateway(func(r *resources.Router) { r.ExternalFixedIPs = []resources.FixedIP{at("public4", "203.0.113.23")} }), Says: "203.0.113.23"},
		{Reason: "an interface of no router", Given: upTo(a.Router), Create: a.Interface4, Says: "router_id"},
		{Reason: "an interface on no subnet", Given: []any{a.Public, a.Public4, a.Router}, Create: a.Interface4},
		{Reason: "overlapping subnets of a router", Given: upTo(a.Interface6, other, same), Create: toSame, Says: "overlaps"},
		{Reason: "an interface on the gateway's subnet", Given: upTo(a.Interface4), Create: changed(a.Interface4, func(i *resources.RouterInterface) {
			i.SubnetID, i.NetworkID, i.IPAddress = ref[resources.Subnet]("public4"), ref[resources.Network]("public"), ip("203.0.113.1")
		}), Says: "overlaps"},
		{Reason: "an interface's address outside the subnet", Given: upTo(a.Interface4), Create: changed(a.Interface4, func(i *resources.RouterInterface) { i.IPAddress = ip("10.21.0.1") })},
		{Reason: "a route of no router", Given: upTo(a.Router), Create: a.Route, Says: "router_id"},
		{Reason: "a next hop that the router can't reach", Given: upTo(a.Route), Create: changed(a.Route, func(r *resources.Route) { r.NextHop = ip("10.77.0.1") }), Says: "10.77.0.1"},
		{Reason: "a route twice", Given: upTo(a.Web), Create: changed(a.Route, func(r *resources.Route) { r.ID = id("mpls again") })},
		{Reason: "a floating address of an inner network", Given: upTo(a.Router), Create: changed(a.Floating, func(f *resources.FloatingIP) {
			f.FloatingNetworkID, f.SubnetID, f.Address = ref[resources.Network]("inside"), ref[resources.Subnet]("inside4"), ip("10.20.0.90")
		}), Says: "external"},
		{Reason: "a floating address that is taken", Given: upTo(a.Interface4), Create: changed(a.Floating, func(f *resources.FloatingIP) { f.Address = ip("203.0.113.10") }), Says: "203.0.113.10"},
		{Reason: "a floating address outside its subnet", Given: upTo(a.Router), Create: changed(a.Floating, func(f *resources.FloatingIP) { f.Address = ip("203.0.114.10") })},
		{Reason: "a floating address to no port", Given: upTo(a.Web), Create: web, Says: "port_id"},
		{Reason: "a second floating address on a port's address", Given: upTo(a.AppAddress), Create: web, Says: "10.20.0.11"},
		{Reason: "a floating address to an address that the port has not", Given: upTo(a.WebAddress), Create: changed(web, func(f *resources.FloatingIP) { f.FixedIP = ip("10.20.0.99") }), Says: "10.20.0.99"},
		{Reason: "a floating address to a port that no router reaches", Given: without(upTo(a.WebAddress), a.Interface4, a.Route), Create: web, Says: "router"},
		{Reason: "a floating address that leads twice", Given: upTo(a.AppAddress), Create: &resources.FloatingIPAssociation{ID: id("twice"),
			FloatingIPID: schema.Ref[resources.FloatingIP](a.WebAddress.ID), PortID: ref[resources.Port]("port db"), FixedIP: ip("10.20.0.13")}},
		{Reason: "an association of no address", Given: upTo(a.WebAddress), Create: a.Leads, Says: "floating_ip_id"},
		{Reason: "a floating address that is associated is deleted", Given: a.Objects(), Delete: a.AppAddress},
	}
}

func without(objects []any, out ...any) []any {
	var all []any
	for _, o := range objects {
		keep := true
		for _, x := range out {
			keep = keep && o != x
		}
		if keep {
			all = append(all, o)
		}
	}
	return all
}
