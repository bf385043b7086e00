package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// FloatingIP is an address of an external network that leads to a port inside.
// Rules: Neutron's floating IPs; IPv4 alone, IPv6 is routed.
type FloatingIP struct {
	// ID of the floating address.
	ID string `hcl:"id" plan:"assigned"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// ProjectID is whose it is. The default project, unless set.
	ProjectID schema.Ref[Project] `hcl:"project_id,optional" plan:"assigned,replace"`

	// Tags are free words.
	Tags schema.Set[string] `hcl:"tags,optional" check:"len=64"`

	// FloatingNetworkID is the external network that the address is of.
	FloatingNetworkID schema.Ref[Network] `hcl:"floating_network_id" plan:"replace" hot:"floating_network"`

	// SubnetID is the subnet that the address is of. The first with a free address, unless set.
	SubnetID schema.Ref[Subnet] `hcl:"subnet_id,optional" plan:"assigned,replace"`

	// Address itself. A free one, unless set.
	Address netip.Addr `hcl:"address,optional" plan:"assigned,replace" hot:"floating_ip_address"`

	// PortID is the port that it leads to.
	PortID schema.Ref[Port] `hcl:"port_id,optional"`

	// FixedIP is the port's address that it leads to. The port's first IPv4 address, unless set.
	FixedIP netip.Addr `hcl:"fixed_ip,optional" plan:"assigned,live" hot:"fixed_ip_address"`

	// QoSPolicyID bounds what passes by the address, while it leads somewhere.
	QoSPolicyID schema.Ref[QoSPolicy] `hcl:"qos_policy_id,optional" hot:"qos_policy"`
}

// Claims takes the address.
func (f *FloatingIP) Claims(w schema.World, l schema.Ledger) error {
	if f.ProjectID == "" {
		for p := range schema.Where[Project](w, "name", DefaultProject) {
			f.ProjectID = schema.Ref[Project](p.ID)
		}
	}
	if err := l.Share("floating_ips", string(f.ProjectID), 1); err != nil {
		return err
	}
	n := schema.Look(w, f.FloatingNetworkID)
	if n == nil {
		return gone("floating_network_id", "network", string(f.FloatingNetworkID))
	}
	if !n.External {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "floating_network_id", Summary: "The network is not external", Detail: fmt.Sprintf("Set external = true on network %s, or use one that is.", n.Name)}
	}
	if err := f.address(w, l); err != nil {
		return err
	}
	return target(w, l, f.PortID, &f.FixedIP)
}

func (f *FloatingIP) address(w schema.World, l schema.Ledger) error {
	var subnets []*Subnet
	for s := range schema.Where[Subnet](w, "network_id", string(f.FloatingNetworkID)) {
		if s.CIDR.Addr().Is4() && (f.SubnetID == "" || string(f.SubnetID) == s.ID) && (!f.Address.IsValid() || s.CIDR.Contains(f.Address)) {
			subnets = append(subnets, s)
		}
	}
	if len(subnets) == 0 {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "floating_network_id", Summary: "No IPv4 subnet of the network fits", Detail: "A floating address is of an IPv4 subnet of the external network."}
	}
	slices.SortFunc(subnets, func(a, b *Subnet) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	if f.Address.IsValid() {
		f.SubnetID = schema.Ref[Subnet](subnets[0].ID)
		return subnets[0].take(l, "address", f.Address)
	}
	var err error
	for _, s := range subnets {
		if f.Address, err = s.choose(l); err == nil {
			f.SubnetID = schema.Ref[Subnet](s.ID)
			return nil
		}
	}
	return err
}

// target settles which address of a port a floating one leads to. A port's
// address has at most one.
func target(w schema.World, l schema.Ledger, id schema.Ref[Port], fixed *netip.Addr) error {
	if id == "" {
		*fixed = netip.Addr{}
		return nil
	}
	p := schema.Look(w, id)
	if p == nil {
		return gone("port_id", "port", string(id))
	}
	var own []netip.Addr
	for _, f := range p.FixedIPs {
		if f.IPAddress.Is4() {
			own = append(own, f.IPAddress)
		}
	}
	if !slices.Contains(own, *fixed) {
		if len(own) == 0 {
			return schema.Problem{Code: "CRN-IP-2", Attribute: "port_id", Summary: "The port has no IPv4 address", Detail: fmt.Sprintf("A floating address leads to one. Give port %s one, or route IPv6.", p.Name)}
		}
		*fixed = own[0]
	}
	err := l.Claim("floating address of port", p.ID+" "+fixed.String())
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "port_id", Summary: "The port's address has a floating address already", Detail: fmt.Sprintf("%s leads to %s of port %s.", taken.Holder, fixed, p.Name)}
	}
	return err
}

// Checks reports a port that no router connects to the address's network, and an
// address that has forwardings as well.
func (f *FloatingIP) Checks(w schema.World) error {
	if f.PortID == "" {
		return nil
	}
	for range schema.Where[PortForwarding](w, "floating_ip_id", f.ID) {
		return whole("port_id", f)
	}
	return reachable(w, f, f.PortID, f.FixedIP)
}

// LeadsTo is the port and the address that a floating address leads to as a
// whole, by itself or by an association; "" when to none.
func (f *FloatingIP) LeadsTo(w schema.World) (schema.Ref[Port], netip.Addr) {
	if f.PortID != "" {
		return f.PortID, f.FixedIP
	}
	for a := range schema.Where[FloatingIPAssociation](w, "floating_ip_id", f.ID) {
		return a.PortID, a.FixedIP
	}
	return "", netip.Addr{}
}

// Router is the one that the address is at: that leads it to its port or, when it
// has forwardings, to theirs. Nil when it leads nowhere.
func (f *FloatingIP) Router(w schema.World) *Router {
	if p, fixed := f.LeadsTo(w); p != "" {
		return GatewayOf(w, f.FloatingNetworkID, p, fixed)
	}
	for x := range schema.Where[PortForwarding](w, "floating_ip_id", f.ID) {
		if r := GatewayOf(w, f.FloatingNetworkID, x.InternalPortID, x.InternalIPAddress); r != nil {
			return r
		}
	}
	return nil
}

func reachable(w schema.World, f *FloatingIP, id schema.Ref[Port], fixed netip.Addr) error {
	if id == "" {
		return nil
	}
	if GatewayOf(w, f.FloatingNetworkID, id, fixed) == nil {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "port_id", Summary: "No router leads from the floating address to the port", Detail: "Connect the port's subnet with router_interface to a router whose external_network_id is the address's network."}
	}
	return nil
}

// GatewayOf finds the router that connects a port's address with an external
// network, or nil.
func GatewayOf(w schema.World, external schema.Ref[Network], id schema.Ref[Port], fixed netip.Addr) *Router {
	p := schema.Look(w, id)
	if p == nil {
		return nil
	}
	for _, ip := range p.FixedIPs {
		if ip.IPAddress != fixed {
			continue
		}
		for i := range schema.Where[RouterInterface](w, "subnet_id", string(ip.SubnetID)) {
			if r := schema.Look(w, i.RouterID); r != nil && r.ExternalNetworkID == external {
				return r
			}
		}
	}
	return nil
}

// Follows lists what must be there before the address: the interface that leads
// to its port.
func (f *FloatingIP) Follows(w schema.World) []string { return leads(w, f.PortID) }

func leads(w schema.World, id schema.Ref[Port]) []string {
	var ids []string
	if p := schema.Look(w, id); p != nil {
		for _, ip := range p.FixedIPs {
			for i := range schema.Where[RouterInterface](w, "subnet_id", string(ip.SubnetID)) {
				ids = append(ids, i.ID)
			}
		}
	}
	return ids
}

// FloatingIPAssociation leads a floating address to a port, for addresses and
// ports that are not made together.
type FloatingIPAssociation struct {
	// ID of the association.
	ID string `hcl:"id" plan:"assigned"`

	// FloatingIPID is the floating address.
	FloatingIPID schema.Ref[FloatingIP] `hcl:"floating_ip_id" plan:"replace" hot:"floatingip_id"`

	// PortID is the port that it leads to.
	PortID schema.Ref[Port] `hcl:"port_id"`

	// FixedIP is the port's address that it leads to. The port's first IPv4 address, unless set.
	FixedIP netip.Addr `hcl:"fixed_ip,optional" plan:"assigned,live"`
}

// Claims takes the floating address, and the port's.
func (a *FloatingIPAssociation) Claims(w schema.World, l schema.Ledger) error {
	f := schema.Look(w, a.FloatingIPID)
	if f == nil {
		return gone("floating_ip_id", "floating_ip", string(a.FloatingIPID))
	}
	err := l.Claim("association of floating address", string(a.FloatingIPID))
	var taken *schema.TakenError
	switch {
	case errors.As(err, &taken):
		return schema.Problem{Code: "CRN-IP-2", Attribute: "floating_ip_id", Summary: "The floating address leads somewhere already", Detail: fmt.Sprintf("%s has it.", taken.Holder)}
	case err != nil:
		return err
	case f.PortID != "":
		return schema.Problem{Code: "CRN-IP-2", Attribute: "floating_ip_id", Summary: "The floating address leads somewhere already", Detail: "It has a port_id of its own. Use that, or this association, not both."}
	}
	return target(w, l, a.PortID, &a.FixedIP)
}

// Checks reports a port that no router connects to the address's network, and an
// address that has forwardings as well.
func (a *FloatingIPAssociation) Checks(w schema.World) error {
	f := schema.Look(w, a.FloatingIPID)
	if f == nil {
		return nil
	}
	for range schema.Where[PortForwarding](w, "floating_ip_id", f.ID) {
		return whole("floating_ip_id", f)
	}
	return reachable(w, f, a.PortID, a.FixedIP)
}

// Follows lists what must be there before the association: the interface that
// leads to its port.
func (a *FloatingIPAssociation) Follows(w schema.World) []string { return leads(w, a.PortID) }
