package providertest

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// Cloud is the facts that the samples stand on: two hosts in two zones and one
// physical network.
func Cloud() *cloud.Cloud {
	return &cloud.Cloud{
		Name: "lab", ID: "c1000000-0000-4000-8000-000000000000",
		Regions: []cloud.Region{{Name: "r1", Zones: []string{"z1", "z2"}}},
		Hosts: []cloud.Host{
			{Name: "h1", URI: "embedded:", Zone: "z1", Chassis: "h1", VCPUs: 16, RAMMB: 65536, DiskGB: 1000},
			{Name: "h2", URI: "embedded:", Zone: "z2", Chassis: "h2", VCPUs: 16, RAMMB: 65536, DiskGB: 1000},
		},
		Physnets: map[string]cloud.Physnet{"physnet1": {MTU: 1500, VLANs: []cloud.VLANRange{{Lo: 100, Hi: 199}}}},
		Tunnel:   cloud.Tunnel{VNILo: 1, VNIHi: 65535, UnderlayMTU: 1500},
		BaseMAC:  "fa:16:3e",
	}
}

// id is the same each time for the same name, and looks like any other.
func id(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("providertest "+name)).String()
}

func ref[T any](name string) schema.Ref[T] { return schema.Ref[T](id(name)) }

func ptr[T any](v T) *T { return &v }

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func cidr(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func mac(s string) resources.MAC {
	m, err := resources.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// An App is a small network with three tiers: web servers that the internet
// reaches, an application that web servers reach, a database that only the
// application reaches. The groups of web servers and application name each other.
// A load balancer stands before the application, and a second router, with a
// laboratory behind it, is the first one's peer.
type App struct {
	Gold, Usual                      *resources.QoSPolicy
	Gateways                         *resources.GatewayGroup
	Ranges                           *resources.SubnetPool
	Public, Inside                   *resources.Network
	Public4, Inside4, Inside6        *resources.Subnet
	WebGroup, AppGroup, DBGroup      *resources.SecurityGroup
	DBFromApp                        *resources.SecurityGroupRule
	Router                           *resources.Router
	Interface4, Interface6           *resources.RouterInterface
	Route                            *resources.Route
	Web, App, DB, Open, Closed       *resources.Port
	WebAddress, AppAddress, Floating *resources.FloatingIP
	Leads                            *resources.FloatingIPAssociation

	Lab                     *resources.Network
	Lab4                    *resources.Subnet
	LabRouter               *resources.Router
	LabInterface            *resources.RouterInterface
	Peering                 *resources.RouterPeering
	Bench, Shared           *resources.Port
	VIP                     *resources.Port
	Front                   *resources.LoadBalancer
	Pool, Datagrams         *resources.LBPool
	Listener, UDP           *resources.LBListener
	MemberApp, MemberBench  *resources.LBMember
	Resting                 *resources.LBMember
	Monitor                 *resources.LBHealthMonitor
	Forwarded, FrontAddress *resources.FloatingIP
	Forwarding              *resources.PortForwarding
}

// NewApp makes the objects of the app as a plan would: everything is chosen.
func NewApp() *App {
	a := &App{}
	a.policies()
	a.networks()
	a.groups()
	a.router()
	a.ports()
	a.floating()
	a.laboratory()
	a.balancer()
	return a
}

// Objects lists the app in an order in which it can be made.
func (a *App) Objects() []any {
	return []any{a.Gold, a.Usual, a.Gateways, a.Ranges, a.Public, a.Inside, a.Public4, a.Inside4, a.Inside6, a.WebGroup, a.AppGroup, a.DBGroup, a.DBFromApp, a.Router,
		a.Interface4, a.Interface6, a.Route, a.Web, a.App, a.DB, a.Open, a.Closed, a.WebAddress, a.AppAddress, a.Floating, a.Leads,
		a.Lab, a.Lab4, a.LabRouter, a.LabInterface, a.Peering, a.Bench, a.Shared, a.VIP, a.Front, a.Pool, a.Listener, a.UDP, a.Datagrams,
		a.MemberApp, a.MemberBench, a.Resting, a.Monitor, a.Forwarded, a.Forwarding, a.FrontAddress}
}

func (a *App) networks() {
	public := &resources.Network{External: true, MTU: 1500, AdminStateUp: ptr(true), PortSecurityEnabled: ptr(true),
		Segments: []resources.Segment{{NetworkType: resources.VLAN, PhysicalNetwork: "physnet1", SegmentationID: 101}}}
	public.ID, public.Name = id("public"), "public"
	inside := &resources.Network{MTU: 1442, AdminStateUp: ptr(true), PortSecurityEnabled: ptr(true), DNSDomain: "app.example.",
		Segments: []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 7}}}
	inside.ID, inside.Name = id("inside"), "inside"
	a.Public, a.Inside = public, inside

	a.Public4 = newSubnet("public4", "public", "203.0.113.0/24", "203.0.113.1", "203.0.113.2", "203.0.113.254")
	a.Public4.EnableDHCP, a.Public4.DHCPServerIP = ptr(false), netip.Addr{}
	a.Inside4 = newSubnet("inside4", "inside", "10.20.0.0/24", "10.20.0.1", "10.20.0.2", "10.20.0.254")
	a.Inside4.DNSNameservers = []netip.Addr{ip("10.20.0.2"), ip("10.20.0.3")}
	a.Inside4.HostRoutes = []resources.HostRoute{{Destination: cidr("10.99.0.0/16"), NextHop: ip("10.20.0.254")}}
	a.Inside6 = newSubnet("inside6", "inside", "2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::ffff:ffff:ffff:ffff")
	a.Inside6.IPv6RAMode, a.Inside6.IPv6AddressMode = resources.DHCPv6Stateless, resources.DHCPv6Stateless
	a.Inside6.DNSNameservers = []netip.Addr{ip("2001:db8::53")}
}

func newSubnet(name, network, prefix, gateway, lo, hi string) *resources.Subnet {
	s := &resources.Subnet{NetworkID: ref[resources.Network](network), CIDR: cidr(prefix), IPVersion: 6, GatewayIP: ip(gateway),
		PrefixLength: cidr(prefix).Bits(), AllocationPools: []resources.Pool{{Start: ip(lo), End: ip(hi)}}, EnableDHCP: ptr(true), DHCPServerIP: ip(gateway)}
	if s.CIDR.Addr().Is4() {
		s.IPVersion = 4
	}
	s.ID, s.Name = id(name), name
	return s
}

func newGroup(name string, rules ...resources.Rule) *resources.SecurityGroup {
	g := &resources.SecurityGroup{Stateful: ptr(true), Rules: rules}
	g.ID, g.Name = id(name), name
	return g
}

func (a *App) groups() {
	in := func(protocol string, lo, hi int) resources.Rule {
		return resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: protocol, PortRangeMin: ptr(lo), PortRangeMax: ptr(hi)}
	}
	https, ping, fromWeb, fromApp := in("tcp", 443, 443), in("icmp", 8, 0), in("tcp", 8000, 8099), in("tcp", 9000, 9000)
	https.RemoteIPPrefix = cidr("0.0.0.0/0")
	ping.RemoteIPPrefix = cidr("198.51.100.0/24")
	fromWeb.RemoteGroupID = ref[resources.SecurityGroup]("web")
	fromApp.RemoteGroupID = ref[resources.SecurityGroup]("app")
	a.WebGroup = newGroup("web", https, ping, fromApp)
	a.AppGroup = newGroup("app", fromWeb)
	a.DBGroup = newGroup("db")
	a.DBGroup.DeleteDefaultRules = true
	a.DBGroup.Log = &resources.GroupLog{Enabled: ptr(true), Severity: "info", Rate: ptr(100)}
	a.DBFromApp = &resources.SecurityGroupRule{ID: id("db from app"), SecurityGroupID: ref[resources.SecurityGroup]("db"), Direction: resources.Ingress,
		Ethertype: resources.IPv4, Protocol: "tcp", PortRangeMin: ptr(5432), PortRangeMax: ptr(5432), RemoteGroupID: ref[resources.SecurityGroup]("app")}
}

func (a *App) router() {
	r := &resources.Router{AdminStateUp: ptr(true), ExternalNetworkID: ref[resources.Network]("public"), EnableSNAT: ptr(true),
		ExternalFixedIPs: []resources.FixedIP{{SubnetID: ref[resources.Subnet]("public4"), IPAddress: ip("203.0.113.10")}},
		GatewayMAC:       mac("fa:16:3e:00:00:01"), GatewayPortID: id("edge gateway"), GatewayChassis: []string{"h1", "h2"}}
	r.ID, r.Name = id("edge"), "edge"
	a.Router = r
	a.Interface4 = &resources.RouterInterface{ID: id("edge inside4"), RouterID: ref[resources.Router]("edge"), SubnetID: ref[resources.Subnet]("inside4"),
		IPAddress: ip("10.20.0.1"), MACAddress: mac("fa:16:3e:00:00:02"), NetworkID: ref[resources.Network]("inside")}
	a.Interface6 = &resources.RouterInterface{ID: id("edge inside6"), RouterID: ref[resources.Router]("edge"), SubnetID: ref[resources.Subnet]("inside6"),
		IPAddress: ip("2001:db8:1::1"), MACAddress: mac("fa:16:3e:00:00:03"), NetworkID: ref[resources.Network]("inside")}
	a.Route = &resources.Route{ID: id("mpls"), RouterID: ref[resources.Router]("edge"), DestinationCIDR: cidr("192.0.2.0/24"), NextHop: ip("10.20.0.254"), BFD: true}
}

func newPort(name, network, hardware string, addresses ...resources.FixedIP) *resources.Port {
	p := &resources.Port{NetworkID: ref[resources.Network](network), AdminStateUp: ptr(true), MACAddress: mac(hardware), FixedIPs: addresses, PortSecurityEnabled: ptr(true)}
	p.ID, p.Name = id("port "+name), name
	return p
}

func at(subnet, address string) resources.FixedIP {
	return resources.FixedIP{SubnetID: ref[resources.Subnet](subnet), IPAddress: ip(address)}
}

func in(names ...string) schema.Set[schema.Ref[resources.SecurityGroup]] {
	var all schema.Set[schema.Ref[resources.SecurityGroup]]
	for _, n := range names {
		all = append(all, ref[resources.SecurityGroup](n))
	}
	return all
}

func (a *App) ports() {
	a.Web = newPort("web", "inside", "fa:16:3e:00:00:11", at("inside4", "10.20.0.11"), at("inside6", "2001:db8:1:0:f816:3eff:fe00:11"))
	a.Web.SecurityGroupIDs, a.Web.DNSName, a.Web.QoSPolicyID = in("web"), "web", ref[resources.QoSPolicy]("gold")
	a.Web.AllowedAddressPairs = []resources.AddressPair{{IPAddress: "10.20.0.40"}, {IPAddress: "10.20.0.41", MACAddress: mac("00:00:5e:00:01:01")}}
	a.App = newPort("app", "inside", "fa:16:3e:00:00:12", at("inside4", "10.20.0.12"))
	a.App.SecurityGroupIDs = in("app")
	a.App.ExtraDHCPOptions = []resources.DHCPOption{{Name: "tftp-server", Value: "10.20.0.9", IPVersion: 4}, {Name: "mtu", Value: "1400"}}
	a.DB = newPort("db", "inside", "fa:16:3e:00:00:13", at("inside4", "10.20.0.13"))
	a.DB.SecurityGroupIDs = in("db")
	a.Open = newPort("open", "inside", "fa:16:3e:00:00:14", at("inside4", "10.20.0.14"))
	a.Open.PortSecurityEnabled = ptr(false)
	a.Closed = newPort("closed", "inside", "fa:16:3e:00:00:15", at("inside4", "10.20.0.15"))
	a.Closed.NoSecurityGroups, a.Closed.AdminStateUp = true, ptr(false)
}

func (a *App) floating() {
	fip := func(name, address string) *resources.FloatingIP {
		return &resources.FloatingIP{ID: id("floating " + name), FloatingNetworkID: ref[resources.Network]("public"), SubnetID: ref[resources.Subnet]("public4"), Address: ip(address)}
	}
	a.WebAddress, a.AppAddress, a.Floating = fip("web", "203.0.113.21"), fip("app", "203.0.113.22"), fip("free", "203.0.113.23")
	a.WebAddress.PortID, a.WebAddress.FixedIP = ref[resources.Port]("port web"), ip("10.20.0.11")
	a.Leads = &resources.FloatingIPAssociation{ID: id("leads"), FloatingIPID: schema.Ref[resources.FloatingIP](a.AppAddress.ID),
		PortID: ref[resources.Port]("port app"), FixedIP: ip("10.20.0.12")}
}
