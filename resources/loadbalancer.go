package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// LoadBalancer is an address that stands for several members: its listeners say
// at which ports, and their pools by whom connections are taken. It balances
// connections, not requests (layer 4). Rules: Octavia's load balancers with its
// OVN provider.
type LoadBalancer struct {
	object

	// AdminStateUp lets the load balancer take connections.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// VIPSubnetID is the subnet that the address is of. The first subnet of
	// vip_network_id, unless set.
	VIPSubnetID schema.Ref[Subnet] `hcl:"vip_subnet_id,optional" plan:"assigned,replace" hot:"vip_subnet"`

	// VIPNetworkID is the network that the address is on. The subnet's, unless set.
	VIPNetworkID schema.Ref[Network] `hcl:"vip_network_id,optional" plan:"assigned,replace"`

	// VIPAddress is the address that clients connect to. A free one, unless set.
	VIPAddress netip.Addr `hcl:"vip_address,optional" plan:"assigned,replace"`

	// VIPPortID is the port that keeps the address: what a floating address leads to.
	VIPPortID schema.Ref[Port] `hcl:"vip_port_id" plan:"assigned"`

	// LoadBalancerProvider is who balances: ovn, in the network itself.
	LoadBalancerProvider LBProvider `hcl:"loadbalancer_provider,optional" plan:"replace" default:"ovn" hot:"provider"`
}

// LBProvider is who balances.
type LBProvider string

// OVNBalances is the provider that needs no machines of its own.
const OVNBalances LBProvider = "ovn"

// Values lists the providers.
func (LBProvider) Values() []string { return []string{string(OVNBalances)} }

// vipRole is the role of the port that a load balancer brings along.
const vipRole = "vip"

// Check reports a load balancer that is on no network.
func (b *LoadBalancer) Check() error {
	if b.VIPSubnetID == "" && b.VIPNetworkID == "" {
		return schema.Problem{Code: "CRN-LB-1", Summary: "The load balancer is on no network", Detail: "Set vip_subnet_id or vip_network_id to where its address is."}
	}
	return nil
}

// vip finds the subnet of the address.
func (b *LoadBalancer) vip(w schema.World) (*Subnet, error) {
	if b.VIPSubnetID != "" {
		s := schema.Look(w, b.VIPSubnetID)
		switch {
		case s == nil:
			return nil, gone("vip_subnet_id", "subnet", string(b.VIPSubnetID))
		case b.VIPNetworkID != "" && s.NetworkID != b.VIPNetworkID:
			return nil, schema.Problem{Code: "CRN-LB-1", Attribute: "vip_subnet_id", Summary: "The subnet is of another network", Detail: fmt.Sprintf("Subnet %s is not on vip_network_id. Take one of the two out.", s.Name)}
		}
		return s, nil
	}
	var subnets []*Subnet
	for s := range schema.Where[Subnet](w, "network_id", string(b.VIPNetworkID)) {
		if !b.VIPAddress.IsValid() || s.CIDR.Contains(b.VIPAddress) {
			subnets = append(subnets, s)
		}
	}
	if len(subnets) == 0 {
		return nil, schema.Problem{Code: "CRN-LB-1", Attribute: "vip_network_id", Summary: "No subnet of the network fits", Detail: "The load balancer's address is of a subnet of the network: give it one."}
	}
	slices.SortFunc(subnets, func(a, b *Subnet) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	return subnets[0], nil
}

// Owned is the port that keeps the address. Nothing is ever plugged into it.
func (b *LoadBalancer) Owned(w schema.World, l schema.Ledger) ([]schema.Owned, error) {
	s, err := b.vip(w)
	if err != nil {
		return nil, err
	}
	p := &Port{object: object{ID: l.ID(vipRole), ProjectID: b.ProjectID}, NetworkID: s.NetworkID, PortSecurityEnabled: ptr(false)}
	p.FixedIPs = []FixedIP{{SubnetID: schema.Ref[Subnet](s.ID), IPAddress: b.VIPAddress}}
	return []schema.Owned{{Role: vipRole, Object: p}}, nil
}

// Claims takes the name, and copies what the port says.
func (b *LoadBalancer) Claims(w schema.World, l schema.Ledger) error {
	if err := b.claim(w, l, "load_balancer", "load_balancers"); err != nil {
		return err
	}
	s, err := b.vip(w)
	if err != nil {
		return err
	}
	b.VIPSubnetID, b.VIPNetworkID, b.VIPPortID = schema.Ref[Subnet](s.ID), s.NetworkID, schema.Ref[Port](l.ID(vipRole))
	p := schema.Look(w, b.VIPPortID)
	if p == nil || len(p.FixedIPs) == 0 {
		return gone("vip_port_id", "port", string(b.VIPPortID))
	}
	b.VIPAddress = p.FixedIPs[0].IPAddress
	return nil
}

// BalancerAt finds the load balancer whose address a port keeps, or nil.
func BalancerAt(w schema.World, port schema.Ref[Port]) *LoadBalancer {
	for b := range schema.Where[LoadBalancer](w, "vip_port_id", string(port)) {
		return b
	}
	return nil
}

// Reaches reports whether a load balancer's connections come to a subnet: one of
// its own network, or of one that a router joins with it, or two that are peers.
func (b *LoadBalancer) Reaches(w schema.World, s *Subnet) bool {
	if s.NetworkID == b.VIPNetworkID {
		return true
	}
	near := map[schema.Ref[Router]]bool{} // on the load balancer's network
	for i := range schema.Where[RouterInterface](w, "network_id", string(b.VIPNetworkID)) {
		near[i.RouterID] = true
	}
	for r := range schema.Where[Router](w, "external_network_id", string(b.VIPNetworkID)) {
		near[schema.Ref[Router](r.ID)] = true
	}
	for i := range schema.Where[RouterInterface](w, "network_id", string(s.NetworkID)) {
		if near[i.RouterID] {
			return true
		}
		for p := range peerings(w, i.RouterID) {
			if near[p.RouterID] || near[p.PeerRouterID] {
				return true
			}
		}
	}
	return false
}

// LBProtocol is what a listener or a pool speaks, by Octavia's names.
type LBProtocol string

// The protocols that are balanced by connection.
const (
	BalanceTCP  LBProtocol = "TCP"
	BalanceUDP  LBProtocol = "UDP"
	BalanceSCTP LBProtocol = "SCTP"
)

// higher are protocols of requests, and what does instead.
var higher = map[LBProtocol]string{
	"HTTP":             "Use TCP: members then see each connection, and answer the requests on it themselves",
	"HTTPS":            "Use TCP: it passes TLS through as it comes",
	"TERMINATED_HTTPS": "Use TCP, and keep the certificate on the members",
	"PROMETHEUS":       "Ask the members for their figures",
	"PROXY":            "Use TCP: members see the client's own address anyhow",
	"PROXYV2":          "Use TCP: members see the client's own address anyhow",
}

// Values lists the protocols, those too that are refused with a word of advice.
func (LBProtocol) Values() []string {
	return []string{string(BalanceTCP), string(BalanceUDP), string(BalanceSCTP), "HTTP", "HTTPS", "TERMINATED_HTTPS", "PROMETHEUS", "PROXY", "PROXYV2"}
}

// check refuses protocols of requests.
func (p LBProtocol) check() schema.Problems {
	advice := higher[p]
	if advice == "" {
		return nil
	}
	return schema.Problems{{Code: "CRN-LB-1", Attribute: "protocol", Summary: fmt.Sprintf("OVN does not balance %s", p), Detail: advice + "."}}
}

// LBListener is a port of a load balancer that takes connections.
type LBListener struct {
	object

	// LoadBalancerID is the load balancer that listens.
	LoadBalancerID schema.Ref[LoadBalancer] `hcl:"loadbalancer_id" plan:"replace" hot:"loadbalancer"`

	// Protocol is TCP, UDP or SCTP.
	Protocol LBProtocol `hcl:"protocol" plan:"replace"`

	// ProtocolPort is the port that clients connect to.
	ProtocolPort int `hcl:"protocol_port" plan:"replace" check:"min=1,max=65535"`

	// DefaultPoolID is the pool whose members take the connections. The one that names
	// the listener, unless set; without any, connections are refused.
	DefaultPoolID schema.Ref[LBPool] `hcl:"default_pool_id,optional" hot:"default_pool"`

	// AdminStateUp lets the listener take connections.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// ConnectionLimit would bound how many connections there may be at a time. OVN
	// counts none: -1, for any number, is the only one that it can keep.
	ConnectionLimit *int `hcl:"connection_limit,optional" plan:"replace" default:"-1"`
}

// Check refuses what OVN can't keep.
func (x *LBListener) Check() error {
	all := x.Protocol.check()
	if x.ConnectionLimit != nil && *x.ConnectionLimit != -1 {
		all = append(all, schema.Problem{Code: "CRN-LB-1", Attribute: "connection_limit", Summary: "OVN counts no connections", Detail: "Leave connection_limit out, and bound connections on the members."})
	}
	return all.Err()
}

// Claims takes the port on the load balancer.
func (x *LBListener) Claims(w schema.World, l schema.Ledger) error {
	if err := x.claim(w, l, "lb_listener", "lb_listeners"); err != nil {
		return err
	}
	err := l.Claim("listeners of load balancer "+string(x.LoadBalancerID), fmt.Sprintf("%s %d", x.Protocol, x.ProtocolPort))
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "protocol_port", Summary: "The load balancer listens there already", Detail: fmt.Sprintf("%s has %s port %d of it.", taken.Holder, x.Protocol, x.ProtocolPort)}
	}
	return err
}

// Checks reports a default pool that can't serve the listener.
func (x *LBListener) Checks(w schema.World) error {
	p := schema.Look(w, x.DefaultPoolID)
	if p == nil {
		return nil
	}
	return p.serves(x, "default_pool_id")
}

// Pool finds the pool whose members take a listener's connections, or nil.
func (x *LBListener) Pool(w schema.World) *LBPool {
	if x.DefaultPoolID != "" {
		return schema.Look(w, x.DefaultPoolID)
	}
	for p := range schema.Where[LBPool](w, "listener_id", x.ID) {
		return p
	}
	return nil
}
