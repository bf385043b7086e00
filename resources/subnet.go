package resources

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/cairncloud/cairn/resources/schema"
)

// Subnet is a range of addresses on a network, with its gateway and DHCP. Rules:
// Neutron's subnets.
type Subnet struct {
	object

	// NetworkID is the network that the addresses belong to.
	NetworkID schema.Ref[Network] `hcl:"network_id" plan:"replace" hot:"network"`

	// CIDR is the range, for example 10.0.0.0/24. A free one of the subnet pool, unless set.
	CIDR netip.Prefix `hcl:"cidr,optional" plan:"assigned,replace"`

	// SubnetPoolID is the pool that the range is of. The cloud's default pool where
	// cidr says nothing, unless set.
	SubnetPoolID schema.Ref[SubnetPool] `hcl:"subnet_pool_id,optional" plan:"assigned,replace" hot:"subnetpool"`

	// PrefixLength is how long a prefix of the pool the range is. The pool's default,
	// unless set.
	PrefixLength int `hcl:"prefix_length,optional" plan:"assigned,replace" check:"min=1,max=128" hot:"prefixlen"`

	// IPVersion is 4 or 6, as the range is.
	IPVersion int `hcl:"ip_version" plan:"assigned"`

	// GatewayIP is the router's address. The first address of the range, unless set.
	GatewayIP netip.Addr `hcl:"gateway_ip,optional" plan:"assigned,live"`

	// NoGateway leaves the subnet without a router.
	NoGateway bool `hcl:"no_gateway,optional"`

	// AllocationPools are where addresses are chosen from. The whole range without
	// the gateway, unless set.
	AllocationPools []Pool `hcl:"allocation_pools,optional" plan:"assigned,live"`

	// EnableDHCP answers DHCP requests of the ports.
	EnableDHCP *bool `hcl:"enable_dhcp,optional" default:"true"`

	// DNSNameservers are told to ports by DHCP.
	DNSNameservers []netip.Addr `hcl:"dns_nameservers,optional"`

	// HostRoutes are told to ports by DHCP.
	HostRoutes []HostRoute `hcl:"host_routes,optional"`

	// IPv6RAMode is how routers announce the range: slaac, dhcpv6-stateful or dhcpv6-stateless.
	IPv6RAMode IPv6Mode `hcl:"ipv6_ra_mode,optional" plan:"replace"`

	// IPv6AddressMode is how ports get their addresses: slaac, dhcpv6-stateful or dhcpv6-stateless.
	IPv6AddressMode IPv6Mode `hcl:"ipv6_address_mode,optional" plan:"replace"`

	// LeaseTime is how long ports may keep what DHCP tells them. 12h, unless set.
	LeaseTime schema.Duration `hcl:"lease_time,optional"`

	// DHCPOptions are told to all ports besides, by OVN's names of them, such as
	// ntp-server. A port's own come before them.
	DHCPOptions map[string]string `hcl:"dhcp_options,optional"`

	// DHCPServerIP is who answers DHCP: the gateway, or an address kept for it where there is none.
	DHCPServerIP netip.Addr `hcl:"dhcp_server_ip" plan:"assigned"`
}

// Pool is a range of addresses, both ends included.
type Pool struct {
	// Start is the first address.
	Start netip.Addr `hcl:"start"`
	// End is the last address.
	End netip.Addr `hcl:"end"`
}

// HostRoute is a route that DHCP tells ports.
type HostRoute struct {
	// Destination is the range that the route leads to.
	Destination netip.Prefix `hcl:"destination"`
	// NextHop is the router's address.
	NextHop netip.Addr `hcl:"nexthop"`
}

// IPv6Mode is a way to get IPv6 addresses (RFC 4862, RFC 8415).
type IPv6Mode string

// The ways.
const (
	SLAAC           IPv6Mode = "slaac"
	DHCPv6Stateful  IPv6Mode = "dhcpv6-stateful"
	DHCPv6Stateless IPv6Mode = "dhcpv6-stateless"
)

// Values lists the ways.
func (IPv6Mode) Values() []string {
	return []string{string(SLAAC), string(DHCPv6Stateful), string(DHCPv6Stateless)}
}

// DefaultLeaseTime is how long ports may keep what DHCP tells them.
const DefaultLeaseTime = 12 * time.Hour

// Check reports a range, gateway and pools that do not fit each other.
func (s *Subnet) Check() error {
	var all schema.Problems
	for _, name := range slices.Sorted(maps.Keys(s.DHCPOptions)) {
		all = append(all, unknownOption("dhcp_options", name)...)
	}
	if s.LeaseTime < 0 || s.LeaseTime > schema.Duration(math.MaxUint32*time.Second) || time.Duration(s.LeaseTime)%time.Second != 0 {
		all = append(all, schema.Problem{Code: "CRN-VER", Attribute: "lease_time", Summary: "DHCP can't tell such a time", Detail: "A lease is a whole number of seconds (RFC 2132), such as 12h."})
	}
	if !s.CIDR.IsValid() {
		return all.Err() // the pool's to choose
	}
	if s.CIDR != s.CIDR.Masked() {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "cidr", Summary: "The range has host bits", Detail: fmt.Sprintf("Write %s, or a longer prefix.", s.CIDR.Masked())}
	}
	add := func(attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-CIDR-2", Attribute: attribute, Summary: summary, Detail: detail})
	}
	if s.CIDR.Addr().Is4() && (s.IPv6RAMode != "" || s.IPv6AddressMode != "") {
		add("ipv6_address_mode", "An IPv4 range has no IPv6 mode", "Take ipv6_ra_mode and ipv6_address_mode out.")
	}
	if s.IPv6RAMode != "" && s.IPv6AddressMode != "" && s.IPv6RAMode != s.IPv6AddressMode {
		add("ipv6_address_mode", "The two IPv6 modes differ", "Set both to the same, or only one of them (Neutron's rule).")
	}
	if g := s.GatewayIP; g.IsValid() {
		switch {
		case s.NoGateway:
			add("gateway_ip", "A subnet without a gateway has no gateway address", "Take gateway_ip or no_gateway out.")
		case g.Is6() && g.IsLinkLocalUnicast():
		case !usable(s.CIDR, g):
			add("gateway_ip", "The gateway is outside the range", fmt.Sprintf("%s is no address that a router can have in %s.", g, s.CIDR))
		}
	}
	pools := slices.Clone(s.AllocationPools)
	slices.SortFunc(pools, func(a, b Pool) int { return a.Start.Compare(b.Start) })
	for i, p := range pools {
		switch {
		case p.End.Less(p.Start):
			add("allocation_pools", "A pool ends before it begins", fmt.Sprintf("%s comes after %s.", p.Start, p.End))
		case !usable(s.CIDR, p.Start) || !usable(s.CIDR, p.End):
			add("allocation_pools", "A pool is outside the range", fmt.Sprintf("%s to %s does not lie in what ports can have of %s.", p.Start, p.End, s.CIDR))
		case i > 0 && !pools[i-1].End.Less(p.Start):
			add("allocation_pools", "Two pools overlap", fmt.Sprintf("%s is in both.", p.Start))
		case s.GatewayIP.IsValid() && !s.GatewayIP.Less(p.Start) && !p.End.Less(s.GatewayIP):
			add("allocation_pools", "The gateway is in a pool", fmt.Sprintf("Leave %s out of the pools.", s.GatewayIP))
		}
	}
	return all.Err()
}

// Claims chooses the gateway and the pools, and takes the range.
func (s *Subnet) Claims(w schema.World, l schema.Ledger) error {
	if err := s.claim(w, l, "subnet", "subnets"); err != nil {
		return err
	}
	if err := s.fromPool(w, l); err != nil {
		return err
	}
	s.IPVersion = 6
	if s.CIDR.Addr().Is4() {
		s.IPVersion = 4
	}
	lo, hi := s.CIDR.Addr().As16(), last(s.CIDR).As16()
	if err := l.Range("subnets of network "+string(s.NetworkID), lo[:], hi[:]); err != nil {
		var taken *schema.TakenError
		if errors.As(err, &taken) {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "cidr", Summary: "The range overlaps another subnet of the network", Detail: fmt.Sprintf("%s has a part of %s. Choose another range.", taken.Holder, s.CIDR)}
		}
		return err
	}
	if s.NoGateway {
		s.GatewayIP = netip.Addr{}
	} else if !s.GatewayIP.IsValid() {
		s.GatewayIP = s.CIDR.Addr()
		if !usable(s.CIDR, s.GatewayIP) {
			s.GatewayIP = s.GatewayIP.Next()
		}
	}
	if s.AllocationPools == nil {
		s.AllocationPools = s.pools()
	}
	return s.dhcpServer(l)
}

// pools is the whole range without the gateway.
func (s *Subnet) pools() []Pool {
	lo, hi := s.CIDR.Addr(), last(s.CIDR)
	for !usable(s.CIDR, lo) {
		lo = lo.Next()
	}
	if !usable(s.CIDR, hi) {
		hi = hi.Prev()
	}
	g := s.GatewayIP
	if !g.IsValid() || g.Less(lo) || hi.Less(g) {
		return []Pool{{lo, hi}}
	}
	var pools []Pool
	if lo.Less(g) {
		pools = append(pools, Pool{lo, g.Prev()})
	}
	if g.Less(hi) {
		pools = append(pools, Pool{g.Next(), hi})
	}
	return pools
}

// dhcpServer is the gateway; without one, an address of the pools is kept.
func (s *Subnet) dhcpServer(l schema.Ledger) error {
	if s.EnableDHCP != nil && !*s.EnableDHCP {
		s.DHCPServerIP = netip.Addr{}
		return nil
	}
	if s.GatewayIP.IsValid() {
		s.DHCPServerIP = s.GatewayIP
		return nil
	}
	if s.DHCPServerIP.IsValid() {
		return l.Claim(addressSpace(s.NetworkID), s.DHCPServerIP.String())
	}
	var err error
	s.DHCPServerIP, err = s.choose(l)
	return err
}

// addressSpace is where the ledger keeps who has which address of a network.
func addressSpace(n schema.Ref[Network]) string { return "address on network " + string(n) }

// choose takes a free address of the pools.
func (s *Subnet) choose(l schema.Ledger) (netip.Addr, error) {
	var n uint64
	for _, p := range s.AllocationPools {
		if c := span(p.Start, p.End); n+c < n {
			n = 1<<64 - 1
		} else {
			n += c
		}
	}
	at := func(i uint64) string {
		for _, p := range s.AllocationPools {
			c := span(p.Start, p.End)
			if i < c {
				return plus(p.Start, i).String()
			}
			i -= c
		}
		return ""
	}
	key, err := l.Choose(addressSpace(s.NetworkID), n, at)
	if errors.Is(err, schema.ErrNoneLeft) {
		return netip.Addr{}, schema.Problem{Code: "CRN-IP-1", Summary: "No address is left", Detail: fmt.Sprintf("All %d addresses of the pools of subnet %s (%s) are taken. Give it larger pools, or use another subnet.", n, s.Name, s.CIDR)}
	}
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(key)
}

// take claims an address that the author named.
func (s *Subnet) take(l schema.Ledger, attribute string, a netip.Addr) error {
	if !usable(s.CIDR, a) {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: attribute, Summary: "The address is outside the subnet", Detail: fmt.Sprintf("%s is no address that a port can have in %s.", a, s.CIDR)}
	}
	err := l.Claim(addressSpace(s.NetworkID), a.String())
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-IP-1", Attribute: attribute, Summary: fmt.Sprintf("The address %s is taken", a), Detail: fmt.Sprintf("%s has it. Choose another one, or leave it to cairn.", taken.Holder)}
	}
	return err
}
