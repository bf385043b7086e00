package resources

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// PortForwarding leads one port of a floating address, or a range of them, to a
// port inside. Other ports of the address may lead elsewhere. Rules: Neutron's
// port forwarding.
type PortForwarding struct {
	// ID of the forwarding.
	ID string `hcl:"id" plan:"assigned"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// FloatingIPID is the floating address.
	FloatingIPID schema.Ref[FloatingIP] `hcl:"floating_ip_id" plan:"replace" hot:"floating_ip"`

	// Protocol is tcp, udp or sctp.
	Protocol ForwardedProtocol `hcl:"protocol"`

	// ExternalPort is the floating address's port.
	ExternalPort int `hcl:"external_port,optional" check:"min=1,max=65535"`

	// ExternalPortRange is several ports of it, such as 8000:8010. At most 1024.
	ExternalPortRange string `hcl:"external_port_range,optional"`

	// InternalPortID is the port that they lead to.
	InternalPortID schema.Ref[Port] `hcl:"internal_port_id" hot:"internal_port"`

	// InternalIPAddress is the address of that port. Its first IPv4 address, unless set.
	InternalIPAddress netip.Addr `hcl:"internal_ip_address,optional" plan:"assigned,live"`

	// InternalPort is the protocol's port there.
	InternalPort int `hcl:"internal_port,optional" check:"min=1,max=65535" hot:"internal_port_number"`

	// InternalPortRange is as many ports as the external range has, such as 80:90.
	InternalPortRange string `hcl:"internal_port_range,optional"`
}

// ForwardedProtocol is a protocol with ports.
type ForwardedProtocol string

// The protocols that OVN forwards by port.
const (
	ForwardTCP  ForwardedProtocol = "tcp"
	ForwardUDP  ForwardedProtocol = "udp"
	ForwardSCTP ForwardedProtocol = "sctp"
)

// Values lists the protocols.
func (ForwardedProtocol) Values() []string {
	return []string{string(ForwardTCP), string(ForwardUDP), string(ForwardSCTP)}
}

// maxForwarded is how many ports one forwarding leads: each is an entry of its own.
const maxForwarded = 1024

// PortRange is the ports from Lo to Hi, both included.
type PortRange struct{ Lo, Hi int }

// Len is how many ports there are.
func (r PortRange) Len() int { return r.Hi - r.Lo + 1 }

// portRange reads one port, or two ends with a colon between them.
func portRange(port int, text string) (PortRange, error) {
	if text == "" {
		return PortRange{port, port}, nil
	}
	lo, hi, ok := strings.Cut(text, ":")
	if !ok {
		hi = lo
	}
	a, err1 := strconv.Atoi(lo)
	b, err2 := strconv.Atoi(hi)
	if err1 != nil || err2 != nil || a < 1 || b > 65535 || b < a {
		return PortRange{}, fmt.Errorf("%q is no range of ports such as 8000:8010", text)
	}
	return PortRange{a, b}, nil
}

// External are the floating address's ports. Those that can't be read are port 0.
func (f *PortForwarding) External() PortRange {
	r, _ := portRange(f.ExternalPort, f.ExternalPortRange)
	return r
}

// Internal are the ports that they lead to: one for each, or one for all.
func (f *PortForwarding) Internal() PortRange {
	r, _ := portRange(f.InternalPort, f.InternalPortRange)
	return r
}

// Check reports ports that are said twice or not at all, and ranges that do not fit.
func (f *PortForwarding) Check() error {
	var all schema.Problems
	add := func(attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-IP-2", Attribute: attribute, Summary: summary, Detail: detail})
	}
	for _, x := range []struct {
		attribute, text string
		port            int
	}{{"external_port", f.ExternalPortRange, f.ExternalPort}, {"internal_port", f.InternalPortRange, f.InternalPort}} {
		if (x.port == 0) == (x.text == "") {
			add(x.attribute, "One port, or a range of them", fmt.Sprintf("Set %s or %s_range.", x.attribute, x.attribute))
		}
		if _, err := portRange(x.port, x.text); err != nil {
			add(x.attribute+"_range", "The range of ports can't be read", err.Error()+".")
		}
	}
	if len(all) > 0 {
		return all.Err()
	}
	out, in := f.External(), f.Internal()
	switch {
	case out.Len() > maxForwarded:
		add("external_port_range", "The range is too long", fmt.Sprintf("It has %d ports, and each costs an entry of its own: at most %d. Use a floating address that leads to the port as a whole.", out.Len(), maxForwarded))
	case in.Len() != 1 && in.Len() != out.Len():
		add("internal_port_range", "The two ranges differ in length", fmt.Sprintf("%d ports lead to %d. Give both the same number, or lead all to one port.", out.Len(), in.Len()))
	}
	if f.InternalIPAddress.Is6() {
		add("internal_ip_address", "A floating address leads to IPv4", "IPv6 is routed.")
	}
	return all.Err()
}

// Claims takes the ports of the floating address.
func (f *PortForwarding) Claims(w schema.World, l schema.Ledger) error {
	a := schema.Look(w, f.FloatingIPID)
	if a == nil {
		return gone("floating_ip_id", "floating_ip", string(f.FloatingIPID))
	}
	if err := f.inside(w); err != nil {
		return err
	}
	r := f.External()
	lo, hi := binary.BigEndian.AppendUint16(nil, uint16(r.Lo)), binary.BigEndian.AppendUint16(nil, uint16(r.Hi))
	err := l.Range(fmt.Sprintf("%s ports of floating address %s", f.Protocol, f.FloatingIPID), lo, hi)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "external_port", Summary: "The port is forwarded already", Detail: fmt.Sprintf("%s has a part of %s %s.", taken.Holder, f.Protocol, r)}
	}
	return err
}

func (r PortRange) String() string {
	if r.Lo == r.Hi {
		return "port " + strconv.Itoa(r.Lo)
	}
	return fmt.Sprintf("ports %d to %d", r.Lo, r.Hi)
}

// inside settles which address of the port the forwarding leads to.
func (f *PortForwarding) inside(w schema.World) error {
	p := schema.Look(w, f.InternalPortID)
	if p == nil {
		return gone("internal_port_id", "port", string(f.InternalPortID))
	}
	first := netip.Addr{}
	for _, x := range p.FixedIPs {
		if x.IPAddress == f.InternalIPAddress {
			return nil
		}
		if x.IPAddress.Is4() && !first.IsValid() {
			first = x.IPAddress
		}
	}
	if !first.IsValid() {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "internal_port_id", Summary: "The port has no IPv4 address", Detail: fmt.Sprintf("A floating address leads to one. Give port %s one, or route IPv6.", p.Name)}
	}
	f.InternalIPAddress = first
	return nil
}

// Checks reports an address that leads to a port as a whole, at either end, and a
// port that no router reaches.
func (f *PortForwarding) Checks(w schema.World) error {
	a := schema.Look(w, f.FloatingIPID)
	if a == nil {
		return nil
	}
	if p, _ := a.LeadsTo(w); p != "" {
		return whole("floating_ip_id", a)
	}
	if BalancerAt(w, f.InternalPortID) != nil {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "internal_port_id", Summary: "A load balancer's port takes no forwarding", Detail: "Lead a floating address to vip_port_id; listeners say at which ports it answers."}
	}
	for other := range schema.Where[FloatingIP](w, "port_id", string(f.InternalPortID)) {
		if other.FixedIP == f.InternalIPAddress {
			return schema.Problem{Code: "CRN-IP-2", Attribute: "internal_port_id", Summary: "The port has a floating address of its own", Detail: fmt.Sprintf("%s leads to it, and its answers would leave with that address. Use that one.", other.Address)}
		}
	}
	if GatewayOf(w, a.FloatingNetworkID, f.InternalPortID, f.InternalIPAddress) == nil {
		return schema.Problem{Code: "CRN-IP-2", Attribute: "internal_port_id", Summary: "No router leads from the floating address to the port", Detail: "Connect the port's subnet with router_interface to a router whose external_network_id is the address's network."}
	}
	return nil
}

// whole complains of a floating address that leads to a port as a whole and by
// forwardings.
func whole(attribute string, f *FloatingIP) error {
	return schema.Problem{Code: "CRN-IP-2", Attribute: attribute, Summary: "The floating address leads to a port already", Detail: fmt.Sprintf("%s leads to one port as a whole, or to several by port_forwarding: never both.", f.Address)}
}

// Follows lists what must be there before the forwarding: the interface that
// leads to its port.
func (f *PortForwarding) Follows(w schema.World) []string { return leads(w, f.InternalPortID) }
