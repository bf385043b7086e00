package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// Port is a plug on a network: what an instance, or a router, is connected by.
// Rules: Neutron's ports and port security.
type Port struct {
	object

	// NetworkID is the network that the port is on.
	NetworkID schema.Ref[Network] `hcl:"network_id" plan:"replace" hot:"network"`

	// AdminStateUp lets the port carry packets.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// MACAddress of the port. A free one, unless set.
	MACAddress MAC `hcl:"mac_address,optional" plan:"assigned,replace"`

	// FixedIPs are the port's addresses. One of each IP version that the network has
	// a subnet of, unless set.
	FixedIPs []FixedIP `hcl:"fixed_ips,optional" plan:"assigned,live"`

	// NoFixedIP leaves the port without addresses.
	NoFixedIP bool `hcl:"no_fixed_ip,optional"`

	// SecurityGroupIDs say what may reach the port and what it may reach. The
	// project's default group, unless set.
	SecurityGroupIDs schema.Set[schema.Ref[SecurityGroup]] `hcl:"security_group_ids,optional" plan:"assigned,live" hot:"security_groups"`

	// NoSecurityGroups leaves the port without groups: nothing but DHCP reaches it.
	NoSecurityGroups bool `hcl:"no_security_groups,optional"`

	// PortSecurityEnabled lets the port send from its own addresses only. As the
	// network says, unless set.
	PortSecurityEnabled *bool `hcl:"port_security_enabled,optional" plan:"assigned,live"`

	// AllowedAddressPairs are addresses that the port may send from besides its own.
	AllowedAddressPairs []AddressPair `hcl:"allowed_address_pairs,optional"`

	// ExtraDHCPOptions are told to this port besides what its subnet says.
	ExtraDHCPOptions []DHCPOption `hcl:"extra_dhcp_options,optional"`

	// DNSName of the port inside its network.
	DNSName string `hcl:"dns_name,optional" check:"pattern=[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"`

	// QoSPolicyID bounds what passes by the port. The network's, unless set.
	QoSPolicyID schema.Ref[QoSPolicy] `hcl:"qos_policy_id,optional" hot:"qos_policy"`

	// BindingHost is the only host that the port may be plugged in on. Any, unless set.
	BindingHost string `hcl:"binding_host,optional"`

	// VirtualIP makes the port's first IPv4 address one that other ports take by turns,
	// as with keepalived. Nothing is plugged into the port itself.
	VirtualIP *VirtualIP `hcl:"virtual_ip,optional"`

	// Status is ACTIVE when somebody is plugged in, else DOWN.
	Status string `hcl:"status" plan:"live"`
}

// VirtualIP is who may have an address.
type VirtualIP struct {
	// Parents are the ports that may take the address. Each allows itself to, with
	// allowed_address_pairs.
	Parents schema.Set[schema.Ref[Port]] `hcl:"parents"`
}

// FixedIP is an address of a port.
type FixedIP struct {
	// SubnetID is the subnet that the address is of. The one that holds the address, unless set.
	SubnetID schema.Ref[Subnet] `hcl:"subnet_id,optional" plan:"assigned" hot:"subnet"`
	// IPAddress is the address. A free one, unless set.
	IPAddress netip.Addr `hcl:"ip_address,optional" plan:"assigned"`
}

// AddressPair is a source that a port may send from.
type AddressPair struct {
	// IPAddress is an address or a range.
	IPAddress string `hcl:"ip_address"`
	// MACAddress to send from. The port's own, unless set.
	MACAddress MAC `hcl:"mac_address,optional"`
}

// DHCPOption is one option of DHCP by OVN's name for it.
type DHCPOption struct {
	// Name of the option, such as mtu or bootfile-name.
	Name string `hcl:"name"`
	// Value of the option.
	Value string `hcl:"value"`
	// IPVersion is 4 or 6.
	IPVersion int `hcl:"ip_version,optional" check:"min=4,max=6"`
}

// dhcpOptions are OVN's names of the options that Neutron's users know.
var dhcpOptions = []string{"arp-timeout", "boot-file-name", "bootfile-name", "bootfile-name-alt", "broadcast-address", "classless-static-route",
	"default-ttl", "dns-server", "domain-name", "domain-search", "ethernet-encap", "ip-forward-enable", "log-server", "lpr-server", "ms-classless-static-route",
	"mtu", "netbios-name-server", "netbios-node-type", "netmask", "next-server", "nis-server", "ntp-server", "path-prefix", "policy-filter", "router",
	"router-discovery", "router-solicitation", "server-ip-address", "server-id", "swap-server", "T1", "T2", "tcp-keepalive-interval", "tcp-ttl", "tftp-server",
	"tftp-server-address", "wpad"}

// Check reports what port security forbids, and options that nobody would send.
func (p *Port) Check() error {
	var all schema.Problems
	add := func(code, attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: code, Attribute: attribute, Summary: summary, Detail: detail})
	}
	open := p.PortSecurityEnabled != nil && !*p.PortSecurityEnabled
	if open && len(p.SecurityGroupIDs) > 0 {
		add("CRN-PSEC", "security_group_ids", "A port without port security has no groups", "Take security_group_ids out, or enable port security.")
	}
	if open && len(p.AllowedAddressPairs) > 0 {
		add("CRN-PSEC", "allowed_address_pairs", "A port without port security needs no allowed addresses", "It may send from any. Take allowed_address_pairs out.")
	}
	if p.NoSecurityGroups && len(p.SecurityGroupIDs) > 0 {
		add("CRN-PSEC", "no_security_groups", "A port has groups or none", "Take security_group_ids or no_security_groups out.")
	}
	if p.NoFixedIP && len(p.FixedIPs) > 0 {
		add("CRN-CIDR-2", "no_fixed_ip", "A port has addresses or none", "Take fixed_ips or no_fixed_ip out.")
	}
	for i, a := range p.AllowedAddressPairs {
		at := fmt.Sprintf("allowed_address_pairs[%d]", i)
		prefix, err := parseRange(a.IPAddress)
		switch {
		case err != nil:
			add("CRN-PSEC", at, "The allowed address can't be read", fmt.Sprintf("%q is neither an address nor a range such as 10.0.0.0/24.", a.IPAddress))
		case prefix.Bits() == 0:
			add("CRN-PSEC", at, "Any address at all is allowed", "Such a pair switches port security off without saying so. Set port_security_enabled = false instead.")
		}
	}
	for i, o := range p.ExtraDHCPOptions {
		all = append(all, unknownOption(fmt.Sprintf("extra_dhcp_options[%d]", i), o.Name)...)
	}
	if v := p.VirtualIP; v != nil && len(v.Parents) == 0 {
		add("CRN-PSEC", "virtual_ip", "Nobody can have the virtual address", "Name the ports that may take it with parents.")
	}
	return all.Err()
}

// unknownOption reports an option of DHCP that OVN has no name for.
func unknownOption(attribute, name string) schema.Problems {
	if slices.Contains(dhcpOptions, name) {
		return nil
	}
	detail := "OVN would pass it over in silence."
	if near := schema.Nearest(name, dhcpOptions); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return schema.Problems{{Code: "CRN-VER", Attribute: attribute, Summary: fmt.Sprintf("There is no DHCP option %q", name), Detail: detail}}
}

// parseRange reads an address or a range.
func parseRange(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// Claims chooses the MAC, the addresses and the group.
func (p *Port) Claims(w schema.World, l schema.Ledger) error {
	if err := p.claim(w, l, "port", "ports"); err != nil {
		return err
	}
	n := schema.Look(w, p.NetworkID)
	if n == nil {
		return gone("network_id", "network", string(p.NetworkID))
	}
	if p.PortSecurityEnabled == nil {
		p.PortSecurityEnabled = ptr(n.PortSecurityEnabled == nil || *n.PortSecurityEnabled)
	}
	if p.SecurityGroupIDs == nil && *p.PortSecurityEnabled && !p.NoSecurityGroups {
		for g := range schema.Where[SecurityGroup](w, "name", DefaultSecurityGroup) {
			if g.ProjectID == p.ProjectID {
				p.SecurityGroupIDs = schema.Set[schema.Ref[SecurityGroup]]{schema.Ref[SecurityGroup](g.ID)}
			}
		}
	}
	var err error
	if p.MACAddress, err = chooseMAC(w, l, p.NetworkID, "mac_address", p.MACAddress); err != nil {
		return err
	}
	if p.NoFixedIP {
		p.FixedIPs = nil
		return nil
	}
	p.forget(w)
	if p.FixedIPs == nil {
		p.FixedIPs = oneOfEach(w, p.NetworkID)
	}
	for i := range p.FixedIPs {
		if err := p.FixedIPs[i].claim(w, l, p.NetworkID, p.MACAddress, fmt.Sprintf("fixed_ips[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// Checks reports a host that is not there, a policy that the network can't keep,
// and ports that can't take a virtual address.
func (p *Port) Checks(w schema.World) error {
	var all schema.Problems
	if p.BindingHost != "" && !slices.ContainsFunc(w.Cloud().Hosts, func(h cloud.Host) bool { return h.Name == p.BindingHost }) {
		detail := fmt.Sprintf("The cloud has: %s.", strings.Join(hostNames(w), ", "))
		if near := schema.Nearest(p.BindingHost, hostNames(w)); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		all = append(all, schema.Problem{Attribute: "binding_host", Summary: fmt.Sprintf("There is no host %q", p.BindingHost), Detail: detail})
	}
	if q, n := schema.Look(w, p.QoSPolicyID), schema.Look(w, p.NetworkID); q != nil && n != nil {
		if err := q.fits(n, "qos_policy_id"); err != nil {
			all = append(all, *err)
		}
	}
	return append(all, p.virtual(w)...).Err()
}

// Virtual is the address that the port's parents take by turns, if it has some.
func (p *Port) Virtual() netip.Addr {
	if p.VirtualIP == nil {
		return netip.Addr{}
	}
	for _, f := range p.FixedIPs {
		if f.IPAddress.Is4() {
			return f.IPAddress
		}
	}
	return netip.Addr{}
}

// virtual reports a virtual address that is none, and ports that can't take it.
func (p *Port) virtual(w schema.World) schema.Problems {
	var all schema.Problems
	add := func(summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-PSEC", Attribute: "virtual_ip", Summary: summary, Detail: detail})
	}
	a := p.Virtual()
	switch {
	case p.VirtualIP == nil:
		return nil
	case !a.IsValid():
		add("The port has no IPv4 address", "A virtual address is one of IPv4 in OVN: give the port one with fixed_ips.")
		return all
	}
	for _, id := range p.VirtualIP.Parents {
		parent := schema.Look(w, id)
		switch {
		case parent == nil:
		case parent.NetworkID != p.NetworkID:
			add(fmt.Sprintf("Port %s is on another network", parent.Name), "A virtual address moves between ports of its own network.")
		case parent.secure() && !parent.allows(a):
			add(fmt.Sprintf("Port %s may not send from the virtual address", parent.Name), fmt.Sprintf("Allow it there: allowed_address_pairs = [{ ip_address = %q }].", a))
		}
	}
	return all
}

func (p *Port) secure() bool { return p.PortSecurityEnabled == nil || *p.PortSecurityEnabled }

// allows reports whether the port may send from an address besides its own.
func (p *Port) allows(a netip.Addr) bool {
	return slices.ContainsFunc(p.AllowedAddressPairs, func(pair AddressPair) bool {
		r, err := parseRange(pair.IPAddress)
		return err == nil && r.Contains(a)
	})
}

// forget lets go of addresses whose subnet is gone, if no other one holds them.
func (p *Port) forget(w schema.World) {
	p.FixedIPs = slices.DeleteFunc(p.FixedIPs, func(f FixedIP) bool {
		if f.SubnetID == "" || !f.IPAddress.IsValid() || schema.Look(w, f.SubnetID) != nil {
			return false
		}
		for s := range schema.Where[Subnet](w, "network_id", string(p.NetworkID)) {
			if s.CIDR.Contains(f.IPAddress) {
				return false
			}
		}
		return true
	})
	if len(p.FixedIPs) == 0 {
		p.FixedIPs = nil
	}
}

// oneOfEach asks for an address of each IP version that a network has a subnet
// of, as Neutron does: of the first subnet of each, in the order of their ids.
func oneOfEach(w schema.World, n schema.Ref[Network]) []FixedIP {
	var subnets []*Subnet
	for s := range schema.Where[Subnet](w, "network_id", string(n)) {
		subnets = append(subnets, s)
	}
	slices.SortFunc(subnets, func(a, b *Subnet) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	var all []FixedIP
	seen := map[bool]bool{}
	for _, s := range subnets {
		if v4 := s.CIDR.Addr().Is4(); !seen[v4] {
			seen[v4] = true
			all = append(all, FixedIP{SubnetID: schema.Ref[Subnet](s.ID)})
		}
	}
	return all
}

// claim takes the address that is named, or chooses one.
func (f *FixedIP) claim(w schema.World, l schema.Ledger, n schema.Ref[Network], mac MAC, at string) error {
	if f.IPAddress.IsValid() && schema.Look(w, f.SubnetID) == nil { // not said, or its subnet was replaced
		f.SubnetID = ""
	}
	if f.SubnetID == "" {
		for s := range schema.Where[Subnet](w, "network_id", string(n)) {
			if s.CIDR.Contains(f.IPAddress) {
				f.SubnetID = schema.Ref[Subnet](s.ID)
			}
		}
		if f.SubnetID == "" {
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: at, Summary: "The address is in none of the network's subnets", Detail: fmt.Sprintf("No subnet of the network holds %s.", f.IPAddress)}
		}
	}
	s := schema.Look(w, f.SubnetID)
	if s == nil {
		return gone(at, "subnet", string(f.SubnetID))
	}
	if s.NetworkID != n {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: at, Summary: "The subnet is of another network", Detail: fmt.Sprintf("Subnet %s is not on the port's network. Use one that is.", s.Name)}
	}
	if f.IPAddress.IsValid() {
		return s.take(l, at, f.IPAddress)
	}
	if s.IPv6AddressMode == SLAAC || s.IPv6AddressMode == DHCPv6Stateless {
		f.IPAddress = eui64(s.CIDR, mac)
		return s.take(l, at, f.IPAddress)
	}
	var err error
	f.IPAddress, err = s.choose(l)
	return err
}

// gone says that a reference leads nowhere.
func gone(attribute, typ, id string) error {
	return schema.Problem{Attribute: attribute, Summary: fmt.Sprintf("There is no such %s", typ), Detail: fmt.Sprintf("No %s has the id %q.", typ, id)}
}

func ptr[T any](v T) *T { return &v }

// chooseMAC takes the address that is named, or a free one of the network under the
// cloud's prefix.
func chooseMAC(w schema.World, l schema.Ledger, n schema.Ref[Network], attribute string, m MAC) (MAC, error) {
	return chooseMACIn(w, l, "MAC on network "+string(n), attribute, m)
}

// chooseMACIn does so where a MAC may be there once.
func chooseMACIn(w schema.World, l schema.Ledger, space, attribute string, m MAC) (MAC, error) {
	if m.IsValid() {
		err := l.Claim(space, m.String())
		var taken *schema.TakenError
		if errors.As(err, &taken) {
			return m, schema.Problem{Code: "CRN-IP-1", Attribute: attribute, Summary: fmt.Sprintf("The MAC %s is taken", m), Detail: fmt.Sprintf("%s has it on this network. Choose another one, or leave it to cairn.", taken.Holder)}
		}
		return m, err
	}
	key, err := l.Choose(space, 1<<24, func(i uint64) string {
		return fmt.Sprintf("%s:%02x:%02x:%02x", w.Cloud().BaseMAC, byte(i>>16), byte(i>>8), byte(i))
	})
	if err != nil {
		return MAC{}, err
	}
	return ParseMAC(key)
}
