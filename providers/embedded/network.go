package embedded

import (
	"strconv"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// network adds the tables of what OVN realises.
func (c *Cloud) network() {
	add(c, table[resources.Network]{check: checkNetwork, holds: segments, inUse: networkInUse})
	add(c, table[resources.Subnet]{check: checkSubnet, holds: dhcpServer, inUse: subnetInUse})
	add(c, table[resources.Port]{check: checkPort, holds: portHolds, inUse: portInUse, render: portRows, live: portStatus})
	add(c, table[resources.Router]{check: checkRouter, holds: gatewayHolds, inUse: routerInUse, parts: routesOf})
	add(c, table[resources.RouterInterface]{check: checkInterface, holds: interfaceHolds})
	add(c, table[resources.Route]{check: checkRoute, holds: routeHolds})
	add(c, table[resources.FloatingIP]{check: checkFloatingIP, holds: floatingHolds, inUse: floatingInUse})
	add(c, table[resources.FloatingIPAssociation]{check: checkAssociation, holds: associationHolds})
	add(c, table[resources.RouterPeering]{check: checkPeering, holds: peeringHolds})
	add(c, table[resources.GatewayGroup]{inUse: gatewayGroupInUse})
	add(c, table[resources.SubnetPool]{check: checkSubnetPool, inUse: subnetPoolInUse})
	add(c, table[resources.QoSPolicy]{inUse: policyInUse})
	add(c, table[resources.AddressGroup]{inUse: addressGroupInUse})
	add(c, table[resources.SecurityGroup]{check: speakable, inUse: groupInUse, parts: rulesOf, later: []string{"rules.remote_group_id"}})
	add(c, table[resources.SecurityGroupRule]{check: speakableRule, holds: ruleHolds, later: []string{"remote_group_id"}})
	c.balancers()
}

func checkNetwork(t *tx, _ schema.World, had, want *resources.Network) error {
	if len(want.Segments) == 0 {
		return refused("a network needs a segment")
	}
	for _, s := range want.Segments {
		room := t.Cloud().Tunnel.UnderlayMTU - resources.GeneveOverhead
		if s.NetworkType != resources.Geneve {
			p, ok := t.Cloud().Physnets[s.PhysicalNetwork]
			if !ok {
				return refused("no host is plugged into a physical network %q", s.PhysicalNetwork)
			}
			room = p.MTU
		}
		if want.MTU > room {
			return refused("an mtu of %d does not fit a segment that carries %d", want.MTU, room)
		}
	}
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	if had == nil || !had.External || want.External {
		return nil
	}
	for r := range schema.Where[resources.Router](t, "external_network_id", want.ID) {
		return refused("router %s has its gateway on the network, which must stay external", r.ID)
	}
	for f := range schema.Where[resources.FloatingIP](t, "floating_network_id", want.ID) {
		return refused("floating address %s is of the network, which must stay external", f.Address)
	}
	return nil
}

// segments are what only one network of a wire, or of the overlay, can have.
func segments(_ *tx, n *resources.Network) []hold {
	var all []hold
	for _, s := range n.Segments {
		number := strconv.Itoa(s.SegmentationID)
		switch s.NetworkType {
		case resources.Flat:
			all = append(all, hold{"flat segment", s.PhysicalNetwork, "the flat segment of " + s.PhysicalNetwork})
		case resources.VLAN:
			all = append(all, hold{"vlan of " + s.PhysicalNetwork, number, "VLAN " + number + " of " + s.PhysicalNetwork})
		default:
			all = append(all, hold{"overlay", number, "overlay number " + number})
		}
	}
	return all
}

func networkInUse(t *tx, n *resources.Network) error {
	for p := range schema.Where[resources.Port](t, "network_id", n.ID) {
		return refused("port %s is on the network", p.ID)
	}
	for s := range schema.Where[resources.Subnet](t, "network_id", n.ID) {
		return refused("subnet %s is on the network", s.ID)
	}
	for r := range schema.Where[resources.Router](t, "external_network_id", n.ID) {
		return refused("router %s has its gateway on the network", r.ID)
	}
	for f := range schema.Where[resources.FloatingIP](t, "floating_network_id", n.ID) {
		return refused("floating address %s is of the network", f.Address)
	}
	return nil
}
