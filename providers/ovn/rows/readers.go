package rows

import (
	"iter"
	"slices"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// Readers lists the objects whose rows hang on an object besides its own: they
// are rendered again when it changes. Some may come to the same rows as before,
// and some may be there twice.
func Readers(w schema.World, object any) []any {
	var all []any
	switch o := object.(type) {
	case *resources.Network:
		all = append(all, where[resources.Subnet](w, "network_id", o.ID)...)
		all = append(all, where[resources.Port](w, "network_id", o.ID)...)
		all = append(all, where[resources.RouterInterface](w, "network_id", o.ID)...)
		all = append(all, where[resources.Router](w, "external_network_id", o.ID)...)
		for b := range schema.Where[resources.LoadBalancer](w, "vip_network_id", o.ID) {
			all = append(all, where[resources.LBListener](w, "loadbalancer_id", b.ID)...)
		}
	case *resources.Subnet:
		all = ofSubnet(w, o)
	case *resources.Port:
		all = append(all, leading(w, o.ID)...)
		all = append(all, answering(w, schema.Ref[resources.Port](o.ID))...)
		for _, f := range o.FixedIPs {
			all = append(all, checking(w, string(f.SubnetID))...)
		}
	case *resources.Router:
		all = ofRouter(w, o)
	case *resources.RouterInterface:
		if r := schema.Look(w, o.RouterID); r != nil {
			all = append(all, r)
		}
		all = append(all, floatingBehind(w, o)...)
		all = append(all, aroundRouter(w, string(o.RouterID))...)
	case *resources.RouterPeering:
		all = append(all, balancedBy(w, string(o.RouterID))...)
		all = append(all, balancedBy(w, string(o.PeerRouterID))...)
	case *resources.Route:
		if r := schema.Look(w, o.RouterID); r != nil { // it keeps who watches next hops
			all = append(all, r)
		}
	case *resources.FloatingIP:
		all = append(all, where[resources.FloatingIPAssociation](w, "floating_ip_id", o.ID)...)
		all = append(all, where[resources.PortForwarding](w, "floating_ip_id", o.ID)...)
		all = append(all, answering(w, o.PortID)...)
	case *resources.FloatingIPAssociation:
		all = append(all, one(w, o.FloatingIPID)...)
		all = append(all, answering(w, o.PortID)...)
	case *resources.PortForwarding:
		all = append(all, one(w, o.FloatingIPID)...)
	case *resources.SecurityGroup:
		all = append(all, where[resources.SecurityGroupRule](w, "security_group_id", o.ID)...)
	case *resources.QoSPolicy:
		all = ofPolicy(w, o)
	default:
		all = ofBalancer(w, object)
	}
	return all
}

// ofSubnet lists who has addresses on a subnet, or routes by it.
func ofSubnet(w schema.World, s *resources.Subnet) []any {
	all := where[resources.Port](w, "network_id", string(s.NetworkID))
	for i := range schema.Where[resources.RouterInterface](w, "subnet_id", s.ID) {
		all = append(all, i)
		if r := schema.Look(w, i.RouterID); r != nil {
			all = append(all, r)
			all = append(all, where[resources.Route](w, "router_id", r.ID)...)
		}
		all = append(all, aroundRouter(w, string(i.RouterID))...)
	}
	for r := range schema.Where[resources.Router](w, "external_network_id", string(s.NetworkID)) {
		all = append(all, r)
		all = append(all, where[resources.Route](w, "router_id", r.ID)...)
	}
	return append(all, checking(w, s.ID)...)
}

// ofRouter lists who leads by a router.
func ofRouter(w schema.World, r *resources.Router) []any {
	all := where[resources.Route](w, "router_id", r.ID)
	for i := range schema.Where[resources.RouterInterface](w, "router_id", r.ID) {
		all = append(all, floatingBehind(w, i)...)
	}
	return append(all, aroundRouter(w, r.ID)...)
}

// aroundRouter lists those whose rows hang on which subnets a router joins: its
// routes and peerings, the forwardings behind it, and the listeners that answer
// on its networks.
func aroundRouter(w schema.World, router string) []any {
	all := where[resources.Route](w, "router_id", router)
	all = append(all, where[resources.RouterPeering](w, "router_id", router)...)
	all = append(all, where[resources.RouterPeering](w, "peer_router_id", router)...)
	for i := range schema.Where[resources.RouterInterface](w, "router_id", router) {
		for p := range behind(w, i) {
			all = append(all, forwarded(w, p.ID)...)
		}
	}
	all = append(all, balancedBy(w, router)...)
	for _, p := range peers(w, router) {
		all = append(all, balancedBy(w, p)...)
	}
	return all
}

// balancedBy lists the listeners that answer on the networks of a router, or have
// members there.
func balancedBy(w schema.World, router string) []any {
	var all []any
	networks := map[schema.Ref[resources.Network]]bool{}
	for i := range schema.Where[resources.RouterInterface](w, "router_id", router) {
		networks[i.NetworkID] = true
	}
	for n := range networks {
		for b := range schema.Where[resources.LoadBalancer](w, "vip_network_id", string(n)) {
			all = append(all, where[resources.LBListener](w, "loadbalancer_id", b.ID)...)
		}
		for s := range schema.Where[resources.Subnet](w, "network_id", string(n)) {
			all = append(all, checking(w, s.ID)...)
		}
	}
	return all
}

// ofPolicy lists what a policy is for.
func ofPolicy(w schema.World, p *resources.QoSPolicy) []any {
	all := where[resources.Port](w, "qos_policy_id", p.ID)
	all = append(all, where[resources.FloatingIP](w, "qos_policy_id", p.ID)...)
	all = append(all, where[resources.Router](w, "external_qos_policy_id", p.ID)...)
	for n := range schema.Where[resources.Network](w, "qos_policy_id", p.ID) {
		all = append(all, where[resources.Port](w, "network_id", n.ID)...)
	}
	if !p.IsDefault {
		return all
	}
	for n := range schema.Where[resources.Network](w, "project_id", string(p.ProjectID)) {
		if n.QoSPolicyID == "" {
			all = append(all, where[resources.Port](w, "network_id", n.ID)...)
		}
	}
	return all
}

// ofBalancer lists the listeners that what they are made of leads to.
func ofBalancer(w schema.World, object any) []any {
	switch o := object.(type) {
	case *resources.LoadBalancer:
		return append(one(w, o.VIPPortID), where[resources.LBListener](w, "loadbalancer_id", o.ID)...)
	case *resources.LBPool:
		return served(w, o)
	case *resources.LBMember:
		return served(w, schema.Look(w, o.PoolID))
	case *resources.LBHealthMonitor:
		return served(w, schema.Look(w, o.PoolID))
	}
	return nil
}

// served lists the listeners of a pool, those too that it served before: whoever
// names it, and whom it names.
func served(w schema.World, p *resources.LBPool) []any {
	if p == nil {
		return nil
	}
	return append(where[resources.LBListener](w, "default_pool_id", p.ID), one(w, p.ListenerID)...)
}

// checking lists the listeners whose members are on a subnet.
func checking(w schema.World, subnet string) []any {
	var all []any
	for m := range schema.Where[resources.LBMember](w, "subnet_id", subnet) {
		all = append(all, served(w, schema.Look(w, m.PoolID))...)
	}
	return all
}

// answering lists the listeners of the load balancer whose address a port keeps.
func answering(w schema.World, port schema.Ref[resources.Port]) []any {
	if port == "" {
		return nil
	}
	if b := resources.BalancerAt(w, port); b != nil {
		return where[resources.LBListener](w, "loadbalancer_id", b.ID)
	}
	return nil
}

// leading lists what leads to a port from outside.
func leading(w schema.World, port string) []any {
	all := where[resources.FloatingIP](w, "port_id", port)
	for a := range schema.Where[resources.FloatingIPAssociation](w, "port_id", port) {
		all = append(append(all, a), one(w, a.FloatingIPID)...)
	}
	return append(all, forwarded(w, port)...)
}

// forwarded lists the forwardings to a port, with their floating addresses.
func forwarded(w schema.World, port string) []any {
	var all []any
	for f := range schema.Where[resources.PortForwarding](w, "internal_port_id", port) {
		all = append(append(all, f), one(w, f.FloatingIPID)...)
	}
	return all
}

// behind are the ports with an address on the subnet of an interface.
func behind(w schema.World, i *resources.RouterInterface) iter.Seq[*resources.Port] {
	return func(yield func(*resources.Port) bool) {
		for p := range schema.Where[resources.Port](w, "network_id", string(i.NetworkID)) {
			if slices.ContainsFunc(p.FixedIPs, func(f resources.FixedIP) bool { return f.SubnetID == i.SubnetID }) && !yield(p) {
				return
			}
		}
	}
}

// floatingBehind lists the floating addresses that lead through an interface.
func floatingBehind(w schema.World, i *resources.RouterInterface) []any {
	var all []any
	for p := range behind(w, i) {
		all = append(all, leading(w, p.ID)...)
	}
	return all
}

func one[T any](w schema.World, r schema.Ref[T]) []any {
	if o := schema.Look(w, r); o != nil {
		return []any{o}
	}
	return nil
}

func where[T any](w schema.World, attribute, value string) []any {
	var all []any
	for o := range schema.Where[T](w, attribute, value) {
		all = append(all, o)
	}
	return all
}
