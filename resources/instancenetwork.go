package resources

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cairncloud/cairn/resources/schema"
)

// InstanceNetwork is a network interface: of a port that is there, of one that the
// instance brings along, or one that is plugged into something of the host's own.
type InstanceNetwork struct {
	// Port is the port that is plugged in.
	Port schema.Ref[Port] `hcl:"port,optional"`
	// NetworkID is the network that a port is made on.
	NetworkID schema.Ref[Network] `hcl:"network_id,optional" hot:"network"`
	// Subnet is the subnet that a port is made on.
	Subnet schema.Ref[Subnet] `hcl:"subnet,optional"`
	// Bridge is one of the host's own that it is plugged into, outside of the cloud's
	// networks.
	Bridge string `hcl:"bridge,optional"`
	// HostNetwork is a network of the host's libvirt that it is plugged into, such as
	// default.
	HostNetwork string `hcl:"host_network,optional"`
	// FixedIPv4 is its IPv4 address. A free one, unless set.
	FixedIPv4 netip.Addr `hcl:"fixed_ip_v4,optional" plan:"assigned" hot:"fixed_ip"`
	// FixedIPv6 is its IPv6 address. A free one, unless set.
	FixedIPv6 netip.Addr `hcl:"fixed_ip_v6,optional" plan:"assigned"`
	// PortID is the port.
	PortID string `hcl:"port_id" plan:"assigned"`
	// MAC is the port's address. Only an interface on a bridge or host_network takes one
	// from its author; there a free one, unless set.
	MAC MAC `hcl:"mac,optional" plan:"assigned"`
}

// Outside reports whether the interface is plugged into something of the host's own.
func (x *InstanceNetwork) Outside() bool { return x.Bridge != "" || x.HostNetwork != "" }

// wants are the addresses that an author asks for on an interface: what its port
// has already was chosen for it, and is not asked for again.
func (x *InstanceNetwork) wants(w schema.World, port string, subnet schema.Ref[Subnet]) []FixedIP {
	var has []FixedIP
	if p := schema.Look(w, schema.Ref[Port](port)); p != nil {
		has = p.FixedIPs
	}
	var all []FixedIP
	fresh := false
	for _, a := range []netip.Addr{x.FixedIPv4, x.FixedIPv6} {
		if !a.IsValid() {
			continue
		}
		all = append(all, FixedIP{SubnetID: subnet, IPAddress: a})
		fresh = fresh || !slices.ContainsFunc(has, func(f FixedIP) bool { return f.IPAddress == a })
	}
	if !fresh {
		return nil
	}
	return all
}

// plug takes the ports, and copies what they say.
func (i *Instance) plug(w schema.World, l schema.Ledger) error {
	i.AccessIPv4, i.AccessIPv6 = netip.Addr{}, netip.Addr{}
	for n := range i.Networks {
		x, at := &i.Networks[n], "networks["+strconv.Itoa(n)+"]"
		if x.Outside() {
			mac, err := chooseMACIn(w, l, fmt.Sprintf("MAC on host %s at %s", i.Host, x.Bridge+x.HostNetwork), at, x.MAC)
			if err != nil {
				return err
			}
			x.MAC = mac
			continue
		}
		id := x.Port
		if id == "" {
			id = schema.Ref[Port](l.ID(fmt.Sprintf("port[%d]", n)))
		}
		p, err := plugInto(w, l, at, id)
		if err != nil {
			return err
		}
		asked := *x
		x.PortID, x.MAC, x.FixedIPv4, x.FixedIPv6 = string(id), p.MACAddress, netip.Addr{}, netip.Addr{}
		for _, f := range p.FixedIPs {
			switch a := f.IPAddress; {
			case a.Is4() && (!x.FixedIPv4.IsValid() || a == asked.FixedIPv4):
				x.FixedIPv4 = a
			case a.Is6() && (!x.FixedIPv6.IsValid() || a == asked.FixedIPv6):
				x.FixedIPv6 = a
			}
		}
		if asked.PortID == "" && asked.MAC.IsValid() && asked.MAC != p.MACAddress {
			return schema.Problem{Code: "CRN-IP-1", Attribute: at, Summary: "The port has another MAC", Detail: fmt.Sprintf("Port %s brings its own. Set mac_address there.", p.Name)}
		}
		if x.Port != "" && asked.PortID == "" && (asked.FixedIPv4.IsValid() && asked.FixedIPv4 != x.FixedIPv4 || asked.FixedIPv6.IsValid() && asked.FixedIPv6 != x.FixedIPv6) {
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: at, Summary: "The port has other addresses", Detail: fmt.Sprintf("Port %s brings its own. Set fixed_ips there.", p.Name)}
		}
		if !i.AccessIPv4.IsValid() {
			i.AccessIPv4 = x.FixedIPv4
		}
		if !i.AccessIPv6.IsValid() {
			i.AccessIPv6 = x.FixedIPv6
		}
	}
	return nil
}
