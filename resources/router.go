package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

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

	// ExternalQoSPolicyID bounds what passes by the gateway.
	ExternalQoSPolicyID schema.Ref[QoSPolicy] `hcl:"external_qos_policy_id,optional"`

	// ECMPDefaultRoute spreads what leaves over the gateways of all subnets that the
	// router has an external address of. Only the first of each IP version is used,
	// unless set.
	ECMPDefaultRoute bool `hcl:"ecmp_default_route,optional"`

	// BFDDefaultRoute watches those gateways, and leaves out who does not answer. They
	// must speak BFD (RFC 5880).
	BFDDefaultRoute bool `hcl:"bfd_default_route,optional"`

	// GatewayGroupID is the hosts that the gateway may be on. Chosen for this router
	// alone, unless set.
	GatewayGroupID schema.Ref[GatewayGroup] `hcl:"gateway_group_id,optional"`

	// AvailabilityZoneHints are the zones that the gateway may be in. Any, unless set.
	AvailabilityZoneHints schema.Set[string] `hcl:"availability_zone_hints,optional"`

	// GatewayMAC is the MAC of the gateway's port.
	GatewayMAC MAC `hcl:"gateway_mac" plan:"assigned"`

	// GatewayPortID is the port of the gateway.
	GatewayPortID string `hcl:"gateway_port_id" plan:"assigned"`

	// GatewayChassis are the hosts that the gateway may be on, by their names in OVN,
	// the first choice first. A gateway group has its own.
	GatewayChassis []string `hcl:"gateway_chassis" plan:"assigned"`
}

// Check reports hosts that are said in two ways.
func (r *Router) Check() error {
	if r.GatewayGroupID != "" && len(r.AvailabilityZoneHints) > 0 {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: "availability_zone_hints", Summary: "The gateway group says where the gateway is", Detail: "Take availability_zone_hints or gateway_group_id out."}
	}
	return nil
}

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
	r.GatewayChassis, err = r.chassis(w, n)
	return err
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

// chassis are the hosts for the gateway. A group has its own.
func (r *Router) chassis(w schema.World, n *Network) ([]string, error) {
	if r.GatewayGroupID != "" {
		return nil, nil
	}
	return gateways(w, r.ID, "external_network_id", r.GatewayChassis, n.wires(), r.AvailabilityZoneHints)
}

// Checks reports a gateway group whose hosts are not plugged into the external
// network.
func (r *Router) Checks(w schema.World) error {
	if g := schema.Look(w, r.GatewayGroupID); g != nil {
		return g.reaches(w, r, "gateway_group_id")
	}
	return nil
}

// reaches reports hosts of the group that are not plugged into the network of a
// router's gateway.
func (g *GatewayGroup) reaches(w schema.World, r *Router, attribute string) error {
	n := schema.Look(w, r.ExternalNetworkID)
	if n == nil {
		return nil
	}
	var without []string
	for _, x := range w.Cloud().Chassis {
		if slices.Contains(g.GatewayChassis, x.Name) && len(unplugged(x, n.wires())) > 0 {
			without = append(without, x.Name)
		}
	}
	if len(without) == 0 {
		return nil
	}
	return schema.Problem{Code: "CRN-SEG-1", Attribute: attribute, Summary: fmt.Sprintf("The group's hosts are not plugged into %s", strings.Join(n.wires(), " and ")),
		Detail: fmt.Sprintf("Network %s is on it, and these have no bridge for it: %s. Add it to their ovn-bridge-mappings, or take them out of group %s.", n.Name, strings.Join(without, ", "), g.Name)}
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
	for p := range peerings(w, i.RouterID) {
		if err := p.apart(w); err != nil {
			return err
		}
	}
	return nil
}
