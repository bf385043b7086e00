package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// Router carries packets between networks and, with a gateway, out of the
// cloud. Rules: Neutron's routers, on OVN logical routers.
type Router struct {
	object

	// AdminStateUp lets the router carry packets.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// ExternalNetworkID is the external network that the router has its gateway on.
	ExternalNetworkID schema.Ref[Network] `hcl:"external_network_id,optional"`

	// ExternalFixedIPs are the gateway's addresses. One of each IP version, unless set.
	ExternalFixedIPs []FixedIP `hcl:"external_fixed_ips,optional" plan:"assigned,live"`

	// EnableSNAT hides the networks behind the gateway's address.
	EnableSNAT *bool `hcl:"enable_snat,optional" default:"true"`

	// GatewayMAC is the MAC of the gateway's port.
	GatewayMAC MAC `hcl:"gateway_mac" plan:"assigned"`

	// GatewayPortID is the port of the gateway.
	GatewayPortID string `hcl:"gateway_port_id" plan:"assigned"`

	// GatewayChassis are the hosts that the gateway may be on, the first choice first.
	GatewayChassis []string `hcl:"gateway_chassis" plan:"assigned"`
}

// gatewayChassis is how many hosts a gateway may move between (BFD watches each pair).
const gatewayChassis = 5

// Claims takes the gateway's addresses and chooses its hosts.
func (r *Router) Claims(w schema.World, l schema.Ledger) error {
	if err := r.claim(w, l, "router", "routers"); err != nil {
		return err
	}
	if r.ExternalNetworkID == "" {
		r.ExternalFixedIPs, r.GatewayMAC, r.GatewayPortID, r.GatewayChassis = nil, MAC{}, "", nil
		return nil
	}
	n := schema.Look(w, r.ExternalNetworkID)
	if n == nil {
		return gone("external_network_id", "network", string(r.ExternalNetworkID))
	}
	if !n.External {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "external_network_id", Summary: "The gateway's network is not external", Detail: fmt.Sprintf("Set external = true on network %s, or use one that is.", n.Name)}
	}
	r.GatewayPortID = l.ID("gateway")
	var err error
	if r.GatewayMAC, err = chooseMAC(w, l, r.ExternalNetworkID, "external_network_id", r.GatewayMAC); err != nil {
		return err
	}
	if !r.on(w, r.ExternalNetworkID) {
		r.ExternalFixedIPs = oneOfEach(w, r.ExternalNetworkID)
	}
	if len(r.ExternalFixedIPs) == 0 {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "external_network_id", Summary: "The external network has no subnet", Detail: fmt.Sprintf("Network %s needs a subnet before a router can have an address on it.", n.Name)}
	}
	for i := range r.ExternalFixedIPs {
		if err := r.ExternalFixedIPs[i].claim(w, l, r.ExternalNetworkID, r.GatewayMAC, fmt.Sprintf("external_fixed_ips[%d]", i)); err != nil {
			return err
		}
	}
	if len(r.GatewayChassis) == 0 {
		r.GatewayChassis = r.chassis(w)
	}
	return nil
}

// on reports whether the gateway's addresses are of a network: not when the
// gateway has moved to another one, or their subnet was replaced.
func (r *Router) on(w schema.World, n schema.Ref[Network]) bool {
	for _, f := range r.ExternalFixedIPs {
		if s := schema.Look(w, f.SubnetID); f.SubnetID != "" && (s == nil || s.NetworkID != n) {
			return false
		}
	}
	return len(r.ExternalFixedIPs) > 0
}

// chassis orders the hosts for the gateway: those that are the first choice of
// fewest routers first, by name where that is the same.
func (r *Router) chassis(w schema.World) []string {
	load := map[string]int{}
	for other := range schema.All[Router](w) {
		if other.ID != r.ID && len(other.GatewayChassis) > 0 {
			load[other.GatewayChassis[0]]++
		}
	}
	var all []string
	for _, h := range w.Cloud().Hosts {
		if h.Chassis != "" {
			all = append(all, h.Chassis)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if load[a] != load[b] {
			return load[a] - load[b]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return all[:min(len(all), gatewayChassis)]
}

// RouterInterface connects a router to a subnet, at the subnet's gateway address.
type RouterInterface struct {
	// ID of the interface: its port's.
	ID string `hcl:"id" plan:"assigned"`

	// RouterID is the router.
	RouterID schema.Ref[Router] `hcl:"router_id" plan:"replace" hot:"router"`

	// SubnetID is the subnet.
	SubnetID schema.Ref[Subnet] `hcl:"subnet_id" plan:"replace" hot:"subnet"`

	// IPAddress is the router's address there. The subnet's gateway, unless set.
	IPAddress netip.Addr `hcl:"ip_address,optional" plan:"assigned,replace"`

	// MACAddress of the router there.
	MACAddress MAC `hcl:"mac_address" plan:"assigned"`

	// NetworkID is the subnet's network.
	NetworkID schema.Ref[Network] `hcl:"network_id" plan:"assigned"`
}

// Claims takes the gateway's address, and the range on the router.
func (i *RouterInterface) Claims(w schema.World, l schema.Ledger) error {
	s := schema.Look(w, i.SubnetID)
	if s == nil {
		return gone("subnet_id", "subnet", string(i.SubnetID))
	}
	i.NetworkID = s.NetworkID
	if !i.IPAddress.IsValid() {
		i.IPAddress = s.GatewayIP
	}
	if !i.IPAddress.IsValid() {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "subnet_id", Summary: "The subnet has no gateway", Detail: fmt.Sprintf("Subnet %s has no_gateway: say which address the router has with ip_address.", s.Name)}
	}
	if err := s.take(l, "ip_address", i.IPAddress); err != nil {
		return err
	}
	lo, hi := s.CIDR.Addr().As16(), last(s.CIDR).As16()
	if err := l.Range("ranges of router "+string(i.RouterID), lo[:], hi[:]); err != nil {
		var taken *schema.TakenError
		if errors.As(err, &taken) {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "subnet_id", Summary: "The router has an overlapping range already", Detail: fmt.Sprintf("%s connects it to a part of %s. A router can't tell the two apart.", taken.Holder, s.CIDR)}
		}
		return err
	}
	var err error
	i.MACAddress, err = chooseMAC(w, l, i.NetworkID, "", i.MACAddress)
	return err
}

// Checks reports a range that the router's gateway is on as well.
func (i *RouterInterface) Checks(w schema.World) error {
	own, r := schema.Look(w, i.SubnetID), schema.Look(w, i.RouterID)
	if own == nil || r == nil {
		return nil
	}
	for _, f := range r.ExternalFixedIPs {
		if s := schema.Look(w, f.SubnetID); s != nil && s.CIDR.Overlaps(own.CIDR) {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "subnet_id", Summary: "The router has an overlapping range already", Detail: fmt.Sprintf("Its gateway is on %s, which overlaps %s. A router can't tell the two apart.", s.CIDR, own.CIDR)}
		}
	}
	return nil
}

// Route sends what is for a range to the next router.
type Route struct {
	// ID of the route.
	ID string `hcl:"id" plan:"assigned"`

	// RouterID is the router that has the route.
	RouterID schema.Ref[Router] `hcl:"router_id" plan:"replace" hot:"router"`

	// DestinationCIDR is the range.
	DestinationCIDR netip.Prefix `hcl:"destination_cidr" plan:"replace"`

	// NextHop is the next router's address, on a subnet that the router is connected to.
	NextHop netip.Addr `hcl:"next_hop" plan:"replace"`
}

// Check reports a route between IP versions, and a range with host bits.
func (r *Route) Check() error {
	if r.DestinationCIDR.Addr().Is4() != r.NextHop.Is4() {
		return schema.Problem{Code: "CRN-RT-1", Attribute: "next_hop", Summary: "The next hop is of the other IP version", Detail: fmt.Sprintf("%s can't lead to %s.", r.NextHop, r.DestinationCIDR)}
	}
	if r.DestinationCIDR != r.DestinationCIDR.Masked() {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "destination_cidr", Summary: "The range has host bits", Detail: fmt.Sprintf("Write %s.", r.DestinationCIDR.Masked())}
	}
	return nil
}

// Claims takes the route's place on its router.
func (r *Route) Claims(_ schema.World, l schema.Ledger) error {
	err := l.Claim("route of router "+string(r.RouterID), r.DestinationCIDR.String()+" "+r.NextHop.String())
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-RT-1", Summary: "The route is there twice", Detail: fmt.Sprintf("%s says the same. Take one of them out.", taken.Holder)}
	}
	return err
}

// Checks reports a next hop that the router can't reach, and a range that it is
// connected to itself.
func (r *Route) Checks(w schema.World) error {
	reached := false
	for s := range connected(w, r.RouterID) {
		reached = reached || s.CIDR.Contains(r.NextHop)
		if s.CIDR == r.DestinationCIDR {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "destination_cidr", Summary: "The router is connected to that range itself", Detail: fmt.Sprintf("The route would hide subnet %s. Use a longer prefix, or take it out.", s.Name)}
		}
	}
	if !reached {
		return schema.Problem{Code: "CRN-RT-1", Attribute: "next_hop", Summary: "The router can't reach the next hop", Detail: fmt.Sprintf("%s is on no subnet that the router is connected to. Connect one with router_interface, or by the router's gateway.", r.NextHop)}
	}
	return nil
}

// Follows lists what must be there before the route: the interface that leads to
// the next hop.
func (r *Route) Follows(w schema.World) []string {
	var ids []string
	for i := range schema.Where[RouterInterface](w, "router_id", string(r.RouterID)) {
		if s := schema.Look(w, i.SubnetID); s != nil && s.CIDR.Contains(r.NextHop) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// connected lists the subnets that a router has an address on.
func connected(w schema.World, id schema.Ref[Router]) func(func(*Subnet) bool) {
	return func(yield func(*Subnet) bool) {
		for i := range schema.Where[RouterInterface](w, "router_id", string(id)) {
			if s := schema.Look(w, i.SubnetID); s != nil && !yield(s) {
				return
			}
		}
		r := schema.Look(w, id)
		if r == nil {
			return
		}
		for _, f := range r.ExternalFixedIPs {
			if s := schema.Look(w, f.SubnetID); s != nil && !yield(s) {
				return
			}
		}
	}
}
