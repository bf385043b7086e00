package embedded

import (
	"fmt"
	"net/netip"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// balancers adds the tables of what leads connections on.
func (c *Cloud) balancers() {
	add(c, table[resources.LoadBalancer]{check: checkBalancer, holds: balancerHolds, inUse: balancerInUse})
	add(c, table[resources.LBListener]{check: checkListener, holds: listenerHolds, inUse: listenerInUse})
	add(c, table[resources.LBPool]{check: checkPool, holds: poolHolds, inUse: poolInUse})
	add(c, table[resources.LBMember]{check: checkMember, holds: memberHolds})
	add(c, table[resources.LBHealthMonitor]{check: checkMonitor, holds: monitorHolds})
	add(c, table[resources.PortForwarding]{check: checkForwarding, holds: forwardingHolds})
}

func checkBalancer(t *tx, _ schema.World, _, want *resources.LoadBalancer) error {
	p := schema.Look(t, want.VIPPortID)
	if p == nil {
		return refused("the load balancer has no port")
	}
	for _, f := range p.FixedIPs {
		if f.IPAddress == want.VIPAddress && f.SubnetID == want.VIPSubnetID {
			return nil
		}
	}
	return refused("port %s has no address %s", p.ID, want.VIPAddress)
}

func balancerHolds(_ *tx, b *resources.LoadBalancer) []hold {
	return []hold{{"load balancer of port", string(b.VIPPortID), "port " + string(b.VIPPortID)}}
}

func balancerInUse(t *tx, b *resources.LoadBalancer) error {
	for x := range schema.Where[resources.LBListener](t, "loadbalancer_id", b.ID) {
		return refused("the load balancer has listener %s", x.ID)
	}
	for p := range schema.Where[resources.LBPool](t, "loadbalancer_id", b.ID) {
		return refused("the load balancer has pool %s", p.ID)
	}
	return nil
}

func checkListener(t *tx, _ schema.World, _, want *resources.LBListener) error {
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func listenerHolds(_ *tx, x *resources.LBListener) []hold {
	at := fmt.Sprintf("%s port %d", x.Protocol, x.ProtocolPort)
	return []hold{{"listener of load balancer " + string(x.LoadBalancerID), at, at}}
}

func listenerInUse(t *tx, x *resources.LBListener) error {
	for p := range schema.Where[resources.LBPool](t, "listener_id", x.ID) {
		return refused("pool %s serves the listener", p.ID)
	}
	return nil
}

func checkPool(t *tx, _ schema.World, _, want *resources.LBPool) error {
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func poolHolds(_ *tx, p *resources.LBPool) []hold {
	if p.ListenerID == "" {
		return nil
	}
	return []hold{{"pool of listener", string(p.ListenerID), "listener " + string(p.ListenerID)}}
}

func poolInUse(t *tx, p *resources.LBPool) error {
	for x := range schema.Where[resources.LBListener](t, "default_pool_id", p.ID) {
		return refused("listener %s sends connections to the pool", x.ID)
	}
	for m := range schema.Where[resources.LBMember](t, "pool_id", p.ID) {
		return refused("member %s is in the pool", m.ID)
	}
	for h := range schema.Where[resources.LBHealthMonitor](t, "pool_id", p.ID) {
		return refused("monitor %s checks the pool", h.ID)
	}
	return nil
}

func checkMember(t *tx, _ schema.World, _, want *resources.LBMember) error {
	s := schema.Look(t, want.SubnetID)
	if s == nil || !usable(s.CIDR, want.Address) {
		return refused("address %s is none of subnet %s", want.Address, want.SubnetID)
	}
	if from := want.MonitorSourceIP; from.IsValid() && !usable(s.CIDR, from) {
		return refused("address %s is none of subnet %s", from, s.ID)
	}
	p := schema.Look(t, want.PoolID)
	b := schema.Look(t, p.LoadBalancerID)
	if b != nil && b.VIPAddress.Is4() != want.Address.Is4() {
		return refused("%s and %s are of two IP versions", want.Address, b.VIPAddress)
	}
	return nil
}

func memberHolds(t *tx, m *resources.LBMember) []hold {
	at := netip.AddrPortFrom(m.Address, uint16(m.ProtocolPort)).String()
	all := []hold{{"member of pool " + string(m.PoolID), at, "member " + at}}
	if s := schema.Look(t, m.SubnetID); s != nil && m.MonitorSourceIP.IsValid() {
		all = append(all, address(s.NetworkID, m.MonitorSourceIP))
	}
	return all
}

func checkMonitor(t *tx, _ schema.World, _, want *resources.LBHealthMonitor) error {
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func monitorHolds(_ *tx, h *resources.LBHealthMonitor) []hold {
	return []hold{{"monitor of pool", string(h.PoolID), "pool " + string(h.PoolID)}}
}

func checkForwarding(t *tx, _ schema.World, _, want *resources.PortForwarding) error {
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	p := schema.Look(t, want.InternalPortID)
	for _, f := range p.FixedIPs {
		if f.IPAddress == want.InternalIPAddress {
			return nil
		}
	}
	return refused("port %s has no address %s", p.ID, want.InternalIPAddress)
}

// forwardingHolds are the ports of the floating address.
func forwardingHolds(_ *tx, f *resources.PortForwarding) []hold {
	var all []hold
	out := f.External()
	for port := out.Lo; port <= out.Hi; port++ {
		at := fmt.Sprintf("%s port %d", f.Protocol, port)
		all = append(all, hold{"forwarded of floating address " + string(f.FloatingIPID), at, at})
	}
	return all
}
