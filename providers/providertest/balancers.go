package providertest

import (
	"net/netip"
	"time"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func (a *App) policies() {
	a.Gold = &resources.QoSPolicy{DSCPMarking: &resources.DSCPMarking{DSCPMark: ptr(26)}, BandwidthLimits: []resources.BandwidthLimit{
		{MaxKbps: 500000, MaxBurstKbps: 50000, Direction: resources.Egress}, {MaxKbps: 800000, Direction: resources.Ingress},
	}}
	a.Gold.ID, a.Gold.Name = id("gold"), "gold"
	a.Usual = &resources.QoSPolicy{BandwidthLimits: []resources.BandwidthLimit{{MaxKbps: 1000, Direction: resources.Egress}}}
	a.Usual.ID, a.Usual.Name = id("usual"), "usual"
	a.Gateways = &resources.GatewayGroup{GatewayChassis: []string{"h2", "h1"}}
	a.Gateways.ID, a.Gateways.Name = id("gateways"), "gateways"
	a.Ranges = &resources.SubnetPool{Prefixes: schema.Set[netip.Prefix]{cidr("10.64.0.0/10")}, DefaultPrefixlen: 24, MinPrefixlen: 16, MaxPrefixlen: 28, IPVersion: 4}
	a.Ranges.ID, a.Ranges.Name = id("ranges"), "ranges"
}

// laboratory is a second router, whose gateway is on a group's hosts, with a
// network behind it. It is the first router's peer.
func (a *App) laboratory() {
	a.Lab = &resources.Network{MTU: 1442, AdminStateUp: ptr(true), PortSecurityEnabled: ptr(true), Segments: []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 11}}}
	a.Lab.ID, a.Lab.Name, a.Lab.QoSPolicyID = id("lab"), "lab", ref[resources.QoSPolicy]("usual")
	a.Lab4 = newSubnet("lab4", "lab", "10.64.3.0/24", "10.64.3.1", "10.64.3.2", "10.64.3.254")
	a.Lab4.SubnetPoolID, a.Lab4.LeaseTime = ref[resources.SubnetPool]("ranges"), schema.Duration(time.Hour)
	a.Lab4.DHCPOptions = map[string]string{"ntp-server": "10.64.3.9", "domain-name": "lab.example"}
	r := &resources.Router{AdminStateUp: ptr(true), ExternalNetworkID: ref[resources.Network]("public"), EnableSNAT: ptr(true), GatewayGroupID: ref[resources.GatewayGroup]("gateways"),
		ExternalFixedIPs: []resources.FixedIP{at("public4", "203.0.113.11")}, GatewayMAC: mac("fa:16:3e:00:00:04"), GatewayPortID: id("lab gateway"),
		ECMPDefaultRoute: true, BFDDefaultRoute: true}
	r.ID, r.Name, r.ExternalQoSPolicyID = id("lab router"), "lab", ref[resources.QoSPolicy]("gold")
	a.LabRouter = r
	a.LabInterface = &resources.RouterInterface{ID: id("lab lab4"), RouterID: ref[resources.Router]("lab router"), SubnetID: ref[resources.Subnet]("lab4"),
		IPAddress: ip("10.64.3.1"), MACAddress: mac("fa:16:3e:00:00:05"), NetworkID: ref[resources.Network]("lab")}
	a.Peering = &resources.RouterPeering{ID: id("peering"), RouterID: ref[resources.Router]("edge"), PeerRouterID: ref[resources.Router]("lab router"),
		Networks:   []netip.Prefix{cidr("169.254.0.4/30"), cidr("fd63:6169:726e:1::/126")},
		MACAddress: mac("fa:16:3e:00:00:06"), PeerMACAddress: mac("fa:16:3e:00:00:07")}
	a.Bench = newPort("bench", "lab", "fa:16:3e:00:00:21", at("lab4", "10.64.3.21"))
	a.Bench.SecurityGroupIDs, a.Bench.BindingHost = in("app"), "h2"
	a.Shared = newPort("shared", "inside", "fa:16:3e:00:00:16", at("inside4", "10.20.0.40"))
	a.Shared.NoSecurityGroups = true
	a.Shared.VirtualIP = &resources.VirtualIP{Parents: schema.Set[schema.Ref[resources.Port]]{ref[resources.Port]("port web")}}
}

// balancer is a load balancer before the application, at two protocols, and a
// forwarded port.
func (a *App) balancer() {
	lb := ref[resources.LoadBalancer]("front")
	a.VIP = newPort("vip", "inside", "fa:16:3e:00:00:17", at("inside4", "10.20.0.50"))
	a.VIP.PortSecurityEnabled = ptr(false)
	a.Front = &resources.LoadBalancer{AdminStateUp: ptr(true), VIPSubnetID: ref[resources.Subnet]("inside4"), VIPNetworkID: ref[resources.Network]("inside"),
		VIPAddress: ip("10.20.0.50"), VIPPortID: ref[resources.Port]("port vip"), LoadBalancerProvider: resources.OVNBalances}
	a.Front.ID, a.Front.Name = id("front"), "front"
	pool := func(name string, protocol resources.LBProtocol) *resources.LBPool {
		p := &resources.LBPool{LoadBalancerID: lb, Protocol: protocol, LBMethod: resources.BySourceIPPort, AdminStateUp: ptr(true)}
		p.ID, p.Name = id("pool "+name), name
		return p
	}
	listener := func(name string, protocol resources.LBProtocol, port int) *resources.LBListener {
		x := &resources.LBListener{LoadBalancerID: lb, Protocol: protocol, ProtocolPort: port, AdminStateUp: ptr(true), ConnectionLimit: ptr(-1)}
		x.ID, x.Name = id("listener "+name), name
		return x
	}
	a.Pool, a.Datagrams = pool("app", resources.BalanceTCP), pool("datagrams", resources.BalanceUDP)
	a.Pool.Persistence = &resources.LBPersistence{Type: resources.PersistSourceIP, Timeout: ptr(600)}
	a.Listener, a.UDP = listener("app", resources.BalanceTCP, 80), listener("datagrams", resources.BalanceUDP, 514)
	a.Listener.DefaultPoolID = ref[resources.LBPool]("pool app")
	a.Datagrams.ListenerID, a.Datagrams.LBMethod = ref[resources.LBListener]("listener datagrams"), resources.BySourceIP
	a.MemberApp = newMember("app", "inside4", "10.20.0.12", "10.20.0.251")
	a.MemberBench = newMember("bench", "lab4", "10.64.3.21", "10.64.3.251")
	a.Resting = newMember("resting", "inside4", "10.20.0.14", "10.20.0.252")
	a.Resting.Weight = ptr(0)
	a.Monitor = &resources.LBHealthMonitor{ID: id("monitor"), PoolID: ref[resources.LBPool]("pool app"), Type: resources.MonitorTCP, Delay: 5, Timeout: 3, MaxRetries: 2,
		MaxRetriesDown: ptr(3), AdminStateUp: ptr(true)}
	fip := func(name, address string) *resources.FloatingIP {
		return &resources.FloatingIP{ID: id("floating " + name), FloatingNetworkID: ref[resources.Network]("public"), SubnetID: ref[resources.Subnet]("public4"), Address: ip(address)}
	}
	a.Forwarded, a.FrontAddress = fip("forwarded", "203.0.113.24"), fip("front", "203.0.113.25")
	a.Forwarded.QoSPolicyID = ref[resources.QoSPolicy]("gold")
	a.FrontAddress.PortID, a.FrontAddress.FixedIP = ref[resources.Port]("port vip"), ip("10.20.0.50")
	a.Forwarding = &resources.PortForwarding{ID: id("forwarding"), FloatingIPID: ref[resources.FloatingIP]("floating forwarded"), Protocol: resources.ForwardTCP,
		ExternalPortRange: "2200:2201", InternalPortID: ref[resources.Port]("port db"), InternalIPAddress: ip("10.20.0.13"), InternalPortRange: "5432:5433"}
}

func newMember(name, subnet, address, checkedFrom string) *resources.LBMember {
	return &resources.LBMember{ID: id("member " + name), Name: name, PoolID: ref[resources.LBPool]("pool app"), Address: ip(address), ProtocolPort: 8000,
		SubnetID: ref[resources.Subnet](subnet), Weight: ptr(1), AdminStateUp: ptr(true), MonitorSourceIP: ip(checkedFrom)}
}

// balancerSamples are samples of what leads connections on, and of what routers,
// ports and subnets name.
func balancerSamples(a *App) []Sample {
	words := func(name, description *string, tags *schema.Set[string]) {
		*name, *description, *tags = "new", "words", schema.Set[string]{"a"}
	}
	shared := changed(a.Usual, func(p *resources.QoSPolicy) {
		words(&p.Name, &p.Description, &p.Tags)
		p.Shared, p.IsDefault = true, true
	})
	marked := changed(shared, func(p *resources.QoSPolicy) {
		p.BandwidthLimits, p.DSCPMarking = []resources.BandwidthLimit{{MaxKbps: 10, MaxBurstKbps: 5, Direction: resources.Ingress}}, &resources.DSCPMarking{DSCPMark: ptr(0)}
		p.MinimumBandwidth = &resources.MinimumBandwidth{MinKbps: 5, Direction: resources.Egress}
	})
	larger := changed(a.Ranges, func(p *resources.SubnetPool) {
		words(&p.Name, &p.Description, &p.Tags)
		p.Prefixes, p.DefaultPrefixlen, p.MinPrefixlen, p.MaxPrefixlen = schema.Set[netip.Prefix]{cidr("10.64.0.0/10"), cidr("172.16.0.0/12")}, 26, 12, 29
		p.DefaultQuota, p.IsDefault, p.Shared = ptr(4096), true, true
	})
	hosts := changed(a.Gateways, func(g *resources.GatewayGroup) {
		words(&g.Name, &g.Description, &g.Tags)
		g.Chassis, g.GatewayChassis, g.AvailabilityZone = []string{"h1"}, []string{"h1"}, "z1"
	})
	said := changed(a.Peering, func(p *resources.RouterPeering) {
		p.Description, p.Routes, p.PeerRoutes = "words", []netip.Prefix{cidr("10.64.0.0/10")}, []netip.Prefix{cidr("10.20.0.0/16"), cidr("2001:db8:1::/48")}
	})
	front := changed(a.Front, func(b *resources.LoadBalancer) { words(&b.Name, &b.Description, &b.Tags); b.AdminStateUp = ptr(false) })
	listener := changed(a.Listener, func(x *resources.LBListener) { words(&x.Name, &x.Description, &x.Tags); x.DefaultPoolID = "" })
	off := changed(listener, func(x *resources.LBListener) { x.AdminStateUp = ptr(false) })
	pool := changed(a.Pool, func(p *resources.LBPool) {
		words(&p.Name, &p.Description, &p.Tags)
		p.LBMethod, p.Persistence = resources.BySourceIP, nil
	})
	member := changed(a.MemberApp, func(m *resources.LBMember) { m.Name, m.Weight = "new", ptr(0) })
	monitor := changed(a.Monitor, func(h *resources.LBHealthMonitor) {
		h.Name, h.Delay, h.Timeout, h.MaxRetries, h.MaxRetriesDown = "new", 10, 9, 3, ptr(1)
	})
	one := changed(a.Forwarding, func(f *resources.PortForwarding) {
		f.Description, f.Protocol, f.ExternalPort, f.ExternalPortRange, f.InternalPort, f.InternalPortRange = "words", resources.ForwardUDP, 53, "", 5353, ""
	})
	return []Sample{
		{Type: "qos_policy", Object: a.Usual, Changes: []any{shared, marked}},
		{Type: "subnet_pool", Object: a.Ranges, Changes: []any{larger}},
		{Type: "gateway_group", Object: a.Gateways, Changes: []any{hosts}},
		{Type: "router_peering", With: a.upTo(a.Peering), Object: a.Peering, Changes: []any{said}},
		{Type: "load_balancer", With: a.upTo(a.Front), Object: a.Front, Changes: []any{front}},
		{Type: "lb_pool", With: a.upTo(a.Pool), Object: a.Pool, Changes: []any{pool, changed(pool, func(p *resources.LBPool) { p.AdminStateUp = ptr(false) })}},
		{Type: "lb_listener", With: a.upTo(a.Listener), Object: a.Listener, Changes: []any{listener, off,
			changed(off, func(x *resources.LBListener) { x.DefaultPoolID = a.Listener.DefaultPoolID })}},
		{Type: "lb_member", With: a.upTo(a.MemberApp), Object: a.MemberApp, Changes: []any{member, changed(member, func(m *resources.LBMember) { m.AdminStateUp = ptr(false) })}},
		{Type: "lb_health_monitor", With: a.upTo(a.Monitor), Object: a.Monitor, Changes: []any{monitor, changed(monitor, func(h *resources.LBHealthMonitor) { h.AdminStateUp = ptr(false) })}},
		{Type: "port_forwarding", With: a.upTo(a.Forwarding), Object: a.Forwarding, Changes: []any{one, changed(one, func(f *resources.PortForwarding) {
			f.InternalPortID, f.InternalIPAddress = ref[resources.Port]("port app"), ip("10.20.0.12")
		})}},
	}
}

// balancerRefusals are those that concern the same.
func balancerRefusals() []Refusal {
	a := NewApp()
	upTo := func(o any, more ...any) []any { return append(a.upTo(o), more...) }
	again := func(name string) string { return id(name + " again") }
	minimum := changed(a.Usual, func(p *resources.QoSPolicy) {
		p.MinimumBandwidth = &resources.MinimumBandwidth{MinKbps: 5, Direction: resources.Ingress}
	})
	kept := changed(a.Usual, func(p *resources.QoSPolicy) {
		p.MinimumBandwidth = &resources.MinimumBandwidth{MinKbps: 5, Direction: resources.Egress}
	})
	overlay := changed(portAlone(), func(p *resources.Port) { p.QoSPolicyID = ref[resources.QoSPolicy]("usual") })
	outside := changed(a.Lab4, func(s *resources.Subnet) {
		s.CIDR, s.GatewayIP, s.DHCPServerIP, s.AllocationPools = cidr("10.0.0.0/24"), ip("10.0.0.1"), ip("10.0.0.1"), nil
	})
	twice := changed(a.Lab4, func(s *resources.Subnet) { s.ID, s.NetworkID = again("lab4"), ref[resources.Network]("inside") })
	listener := func(change func(*resources.LBListener)) *resources.LBListener { return changed(a.Listener, change) }
	pool := func(change func(*resources.LBPool)) *resources.LBPool { return changed(a.Pool, change) }
	member := func(change func(*resources.LBMember)) *resources.LBMember { return changed(a.MemberApp, change) }
	monitor := func(change func(*resources.LBHealthMonitor)) *resources.LBHealthMonitor {
		return changed(a.Monitor, change)
	}
	forward := func(change func(*resources.PortForwarding)) *resources.PortForwarding {
		return changed(a.Forwarding, change)
	}
	return []Refusal{
		{Reason: "bandwidth kept free for what comes in", Create: minimum, Says: "OVN"},
		{Reason: "bandwidth kept free on an overlay", Given: []any{a.Inside, kept}, Create: overlay, Says: "overlay"},
		{Reason: "a policy that a port has is deleted", Given: a.upTo(a.App), Delete: a.Gold},
		{Reason: "a port of no policy", Given: []any{a.Inside}, Create: overlay, Says: "qos_policy_id"},
		{Reason: "a host that is not there", Given: []any{a.Inside}, Create: changed(portAlone(), func(p *resources.Port) { p.BindingHost = "h9" }), Says: "h9"},
		{Reason: "a virtual address that its port may not have", Given: a.upTo(a.Shared), Create: changed(a.Shared, func(p *resources.Port) {
			p.VirtualIP = &resources.VirtualIP{Parents: schema.Set[schema.Ref[resources.Port]]{ref[resources.Port]("port app")}}
		}), Says: "10.20.0.40"},
		{Reason: "a range outside its pool", Given: a.upTo(a.Lab4), Create: outside, Says: "10.0.0.0/24"},
		{Reason: "a range of a pool twice", Given: a.upTo(a.LabRouter), Create: twice, Says: "10.64.3.0/24"},
		{Reason: "a pool that a subnet has a part of is deleted", Given: a.upTo(a.LabRouter), Delete: a.Ranges},
		{Reason: "a pool that would no longer hold a subnet", Given: a.upTo(a.LabRouter), Update: changed(a.Ranges, func(p *resources.SubnetPool) { p.Prefixes = schema.Set[netip.Prefix]{cidr("172.16.0.0/12")} }), Says: "10.64.3.0/24"},
		{Reason: "a group of hosts that a gateway is on is deleted", Given: a.upTo(a.LabInterface), Delete: a.Gateways},
		{Reason: "a router that is its own peer", Given: a.upTo(a.Peering), Create: changed(a.Peering, func(p *resources.RouterPeering) { p.PeerRouterID = p.RouterID })},
		{Reason: "two wires between two routers", Given: a.upTo(a.Bench), Create: changed(a.Peering, func(p *resources.RouterPeering) {
			p.ID, p.RouterID, p.PeerRouterID, p.Networks = again("peering"), a.Peering.PeerRouterID, a.Peering.RouterID, []netip.Prefix{cidr("169.254.0.8/30")}
		})},
		{Reason: "a wire whose range the router is connected to", Given: a.upTo(a.Peering), Create: changed(a.Peering, func(p *resources.RouterPeering) { p.Networks = []netip.Prefix{cidr("10.20.0.0/30")} }), Says: "10.20.0.0/30"},
		{Reason: "a router that is a peer is deleted", Given: without(upTo(a.Bench), a.LabInterface), Delete: a.LabRouter},
		{Reason: "a load balancer with listeners is deleted", Given: a.upTo(a.UDP), Delete: a.Front},
		{Reason: "a load balancer without its port", Given: a.upTo(a.VIP), Create: a.Front, Says: "vip_port_id"},
		{Reason: "a load balancer's port is deleted", Given: a.upTo(a.Pool), Delete: a.VIP},
		{Reason: "a listener of requests", Given: a.upTo(a.Listener), Create: listener(func(x *resources.LBListener) { x.Protocol, x.DefaultPoolID = "HTTP", "" }), Says: "TCP"},
		{Reason: "a listener that counts connections", Given: a.upTo(a.Listener), Create: listener(func(x *resources.LBListener) { x.ConnectionLimit = ptr(10) })},
		{Reason: "a port that is listened at twice", Given: a.upTo(a.UDP), Create: listener(func(x *resources.LBListener) { x.ID = again("listener") }), Says: "80"},
		{Reason: "a listener and a pool of two protocols", Given: a.upTo(a.Listener), Create: listener(func(x *resources.LBListener) { x.Protocol = resources.BalanceUDP }), Says: "protocol"},
		{Reason: "a pool that takes members in turn", Given: a.upTo(a.Pool), Create: pool(func(p *resources.LBPool) { p.LBMethod = "ROUND_ROBIN" }), Says: "SOURCE_IP_PORT"},
		{Reason: "a pool that reads cookies", Given: a.upTo(a.Pool), Create: pool(func(p *resources.LBPool) { p.Persistence = &resources.LBPersistence{Type: "HTTP_COOKIE"} }), Says: "SOURCE_IP"},
		{Reason: "a second pool of a listener", Given: a.upTo(a.MemberApp), Create: changed(a.Datagrams, func(p *resources.LBPool) { p.ID = again("datagrams") })},
		{Reason: "a pool with members is deleted", Given: without(a.upTo(a.MemberBench), a.Listener), Delete: pool(func(*resources.LBPool) {})},
		{Reason: "a pool that a listener has is deleted", Given: a.upTo(a.MemberApp), Delete: a.Pool},
		{Reason: "a member of more weight", Given: a.upTo(a.MemberApp), Create: member(func(m *resources.LBMember) { m.Weight = ptr(10) })},
		{Reason: "a member outside its subnet", Given: a.upTo(a.MemberApp), Create: member(func(m *resources.LBMember) { m.Address = ip("10.21.0.1") }), Says: "10.21.0.1"},
		{Reason: "a member twice", Given: a.upTo(a.MemberBench), Create: member(func(m *resources.LBMember) { m.ID, m.MonitorSourceIP = again("member"), ip("10.20.0.249") })},
		{Reason: "checks from an address that is taken", Given: a.upTo(a.MemberApp), Create: member(func(m *resources.LBMember) { m.MonitorSourceIP = ip("10.20.0.11") }), Says: "10.20.0.11"},
		{Reason: "a member of the other IP version", Given: a.upTo(a.MemberApp), Create: member(func(m *resources.LBMember) {
			m.SubnetID, m.Address, m.MonitorSourceIP = ref[resources.Subnet]("inside6"), ip("2001:db8:1::12"), netip.Addr{}
		})},
		{Reason: "a subnet with a member is deleted", Given: without(a.upTo(a.Monitor), a.Peering, a.LabInterface, a.Bench), Delete: a.Lab4},
		{Reason: "a check of requests", Given: a.upTo(a.Monitor), Create: monitor(func(h *resources.LBHealthMonitor) { h.Type = "HTTP" }), Says: "TCP"},
		{Reason: "a check of another protocol", Given: a.upTo(a.Monitor), Create: monitor(func(h *resources.LBHealthMonitor) { h.Type = resources.MonitorUDP })},
		{Reason: "a check that is not over before the next one", Given: a.upTo(a.Monitor), Create: monitor(func(h *resources.LBHealthMonitor) { h.Timeout = h.Delay })},
		{Reason: "a second monitor of a pool", Given: a.upTo(a.Forwarded), Create: monitor(func(h *resources.LBHealthMonitor) { h.ID = again("monitor") })},
		{Reason: "a forwarding to no router's port", Given: without(a.upTo(a.Forwarding), a.Interface4, a.Route, a.WebAddress, a.Leads), Create: a.Forwarding, Says: "router"},
		{Reason: "a port that is forwarded twice", Given: a.upTo(a.FrontAddress), Create: forward(func(f *resources.PortForwarding) {
			f.ID, f.ExternalPort, f.ExternalPortRange, f.InternalPort, f.InternalPortRange = again("forwarding"), 2201, "", 1, ""
		}), Says: "2201"},
		{Reason: "a forwarding of an address that leads to a port", Given: a.upTo(a.Forwarding), Create: forward(func(f *resources.PortForwarding) { f.FloatingIPID = schema.Ref[resources.FloatingIP](a.WebAddress.ID) }), Says: "203.0.113.21"},
		{Reason: "a forwarded address that is led to a port", Given: a.upTo(a.FrontAddress), Update: changed(a.Forwarded, func(f *resources.FloatingIP) { f.PortID, f.FixedIP = ref[resources.Port]("port db"), ip("10.20.0.13") })},
		{Reason: "a forwarding to a load balancer's port", Given: a.upTo(a.Forwarding), Create: forward(func(f *resources.PortForwarding) {
			f.InternalPortID, f.InternalIPAddress = ref[resources.Port]("port vip"), ip("10.20.0.50")
		})},
		{Reason: "two ranges of ports of different length", Given: a.upTo(a.Forwarding), Create: forward(func(f *resources.PortForwarding) { f.InternalPortRange = "1:9" })},
		{Reason: "a forwarded address is deleted", Given: a.upTo(a.FrontAddress), Delete: a.Forwarded},
	}
}
