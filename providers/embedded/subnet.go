package embedded

import (
	"net/netip"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkSubnet(t *tx, _ schema.World, _, want *resources.Subnet) error {
	if !want.CIDR.IsValid() {
		return refused("a subnet needs a range")
	}
	if p := schema.Look(t, want.SubnetPoolID); p != nil {
		if err := fromPool(t, p, want); err != nil {
			return err
		}
	}
	for other := range schema.Where[resources.Subnet](t, "network_id", string(want.NetworkID)) {
		if other.ID != want.ID && other.CIDR.Overlaps(want.CIDR) {
			return refused("%s overlaps subnet %s (%s) of the network", want.CIDR, other.ID, other.CIDR)
		}
	}
	return nil
}

// dhcpServer holds the address of who answers DHCP, where that is no router's.
func dhcpServer(_ *tx, s *resources.Subnet) []hold {
	if !s.DHCPServerIP.IsValid() || s.DHCPServerIP == s.GatewayIP {
		return nil
	}
	return []hold{address(s.NetworkID, s.DHCPServerIP)}
}

// address is what only one port, router or floating address of a network has.
func address(n schema.Ref[resources.Network], a netip.Addr) hold {
	return hold{"address on network " + string(n), a.String(), "address " + a.String()}
}

func hardware(n schema.Ref[resources.Network], m resources.MAC) hold {
	return hold{"MAC on network " + string(n), m.String(), "MAC " + m.String()}
}

// inside refuses an address that is none of a subnet, or that nobody can have.
func inside(t *tx, network schema.Ref[resources.Network], f resources.FixedIP) error {
	s := schema.Look(t, f.SubnetID)
	switch {
	case s == nil:
		return refused("there is no subnet %s", f.SubnetID)
	case s.NetworkID != network:
		return refused("subnet %s is of another network", s.ID)
	case !usable(s.CIDR, f.IPAddress):
		return refused("address %s is none that a port can have in %s", f.IPAddress, s.CIDR)
	}
	return nil
}

// usable reports whether a port can have an address: one of the range and, in
// IPv4, neither the network's own nor the broadcast address.
func usable(p netip.Prefix, a netip.Addr) bool {
	if !p.Contains(a) {
		return false
	}
	if !a.Is4() || p.Bits() >= 31 {
		return true
	}
	return a != p.Masked().Addr() && p.Contains(a.Next())
}

func subnetInUse(t *tx, s *resources.Subnet) error {
	for p := range holding[resources.Port](t, "fixed_ips.subnet_id", s.ID) {
		return refused("port %s has an address of the subnet", p.ID)
	}
	for i := range schema.Where[resources.RouterInterface](t, "subnet_id", s.ID) {
		return refused("router %s has an interface on the subnet", i.RouterID)
	}
	for r := range holding[resources.Router](t, "external_fixed_ips.subnet_id", s.ID) {
		return refused("router %s has its gateway on the subnet", r.ID)
	}
	for f := range schema.Where[resources.FloatingIP](t, "subnet_id", s.ID) {
		return refused("floating address %s is of the subnet", f.Address)
	}
	for m := range schema.Where[resources.LBMember](t, "subnet_id", s.ID) {
		return refused("member %s of a load balancer is on the subnet", m.ID)
	}
	return nil
}

// fromPool refuses a range that is outside its pool, or that another subnet has a
// part of.
func fromPool(t *tx, p *resources.SubnetPool, s *resources.Subnet) error {
	if !p.Holds(s.CIDR) {
		return refused("%s is outside subnet pool %s", s.CIDR, p.ID)
	}
	for other := range schema.Where[resources.Subnet](t, "subnet_pool_id", p.ID) {
		if other.ID != s.ID && other.CIDR.Overlaps(s.CIDR) {
			return refused("%s overlaps %s of subnet %s, from the same pool", s.CIDR, other.CIDR, other.ID)
		}
	}
	return nil
}

func checkSubnetPool(t *tx, _ schema.World, _, want *resources.SubnetPool) error {
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func subnetPoolInUse(t *tx, p *resources.SubnetPool) error {
	for s := range schema.Where[resources.Subnet](t, "subnet_pool_id", p.ID) {
		return refused("subnet %s has a part of the pool", s.ID)
	}
	return nil
}
