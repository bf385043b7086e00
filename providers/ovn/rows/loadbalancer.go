package rows

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// listener is a balancer of one port of a load balancer, and one more at each
// floating address that leads there, on the router of that address alone: another
// one must not answer for it. Pool, members and monitor are columns of them: when
// a member comes or goes they change in place, and what is connected to the
// others stays so.
func listener(w schema.World, x *resources.LBListener) []Row {
	b := schema.Look(w, x.LoadBalancerID)
	if b == nil || !b.VIPAddress.IsValid() {
		return nil
	}
	t := takers{pool: x.Pool(w)}
	t.members = membersOf(w, t.pool)
	if t.pool != nil {
		for h := range schema.Where[resources.LBHealthMonitor](w, "pool_id", t.pool.ID) {
			if on(h.AdminStateUp) {
				t.monitor = h
			}
		}
	}
	routers := joining(w, b, t.members)
	all := balancer(w, b, x, "", b.VIPAddress, routers, balanced(w, b, t.members, routers), t)
	for _, f := range floatingAt(w, b) {
		if r := f.Router(w); r != nil {
			all = append(all, balancer(w, b, x, "floating "+f.ID, f.Address, []string{r.ID}, switches(w, r.ID), t)...)
		}
	}
	return all
}

// takers are who takes a listener's connections, and who checks them.
type takers struct {
	pool    *resources.LBPool
	members []*resources.LBMember
	monitor *resources.LBHealthMonitor
}

// balancer is a listener at one address.
func balancer(w schema.World, b *resources.LoadBalancer, x *resources.LBListener, part string, at netip.Addr, routers, networks []string, t takers) []Row {
	l := newRow(w, "lb_listener", x.ID, "Load_Balancer", part)
	options := Map{"reject": "true"} // who finds no member hears so at once
	vip := endpoint(at, x.ProtocolPort)
	l.Columns["name"] = "cairn-lb-" + x.ID
	l.Columns["protocol"] = strings.ToLower(string(x.Protocol))
	l.Columns["options"] = options
	l.Columns["vips"] = Map{}
	l.mark("listener_name", x.Name)
	l.mark("load_balancer", b.ID)
	for _, n := range networks {
		l.in("Logical_Switch", n, "", "load_balancer")
	}
	for _, r := range routers {
		l.in("Logical_Router", r, "", "load_balancer")
	}
	if !on(x.AdminStateUp) || !on(b.AdminStateUp) {
		return []Row{l}
	}
	l.Columns["vips"] = Map{vip: strings.Join(backends(b, t.members), ",")}
	if t.pool == nil {
		return []Row{l}
	}
	l.Columns["selection_fields"] = set("ip_dst", "ip_src", "tp_dst", "tp_src")
	if t.pool.LBMethod == resources.BySourceIP {
		l.Columns["selection_fields"] = set("ip_dst", "ip_src")
	}
	if s := t.pool.Persistence; s != nil && s.Timeout != nil {
		options["affinity_timeout"] = strconv.Itoa(*s.Timeout)
	}
	if t.monitor == nil {
		return []Row{l}
	}
	l.Columns["ip_port_mappings"] = mappings(w, t.members)
	return []Row{l, check(w, x, part, vip, t.monitor)}
}

// membersOf are the members of a pool that get connections, in order.
func membersOf(w schema.World, p *resources.LBPool) []*resources.LBMember {
	if p == nil || !on(p.AdminStateUp) {
		return nil
	}
	all := collect(schema.Where[resources.LBMember](w, "pool_id", p.ID), func(m *resources.LBMember) string { return m.ID })
	all = slices.DeleteFunc(all, func(m *resources.LBMember) bool { return !m.Takes() })
	slices.SortStableFunc(all, func(a, b *resources.LBMember) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.ProtocolPort, b.ProtocolPort))
	})
	return all
}

// backends are members as OVN writes them. Those of the other IP version, which
// OVN can't balance to, are left out.
func backends(b *resources.LoadBalancer, members []*resources.LBMember) []string {
	var all []string
	for _, m := range members {
		if m.Address.Is4() == b.VIPAddress.Is4() {
			all = append(all, endpoint(m.Address, m.ProtocolPort))
		}
	}
	return slices.Compact(all)
}

func endpoint(a netip.Addr, port int) string { return netip.AddrPortFrom(a, uint16(port)).String() }

// floatingAt are the floating addresses that lead to a load balancer's address.
func floatingAt(w schema.World, b *resources.LoadBalancer) []*resources.FloatingIP {
	all := map[string]*resources.FloatingIP{}
	for f := range schema.Where[resources.FloatingIP](w, "port_id", string(b.VIPPortID)) {
		if f.FixedIP == b.VIPAddress {
			all[f.ID] = f
		}
	}
	for a := range schema.Where[resources.FloatingIPAssociation](w, "port_id", string(b.VIPPortID)) {
		if f := schema.Look(w, a.FloatingIPID); f != nil && a.FixedIP == b.VIPAddress {
			all[f.ID] = f
		}
	}
	return collect(maps.Values(all), func(f *resources.FloatingIP) string { return f.ID })
}

// mappings say at which port a member is checked, and from where.
func mappings(w schema.World, members []*resources.LBMember) Map {
	all := Map{}
	for _, m := range members {
		if p := portAt(w, m); p != "" && m.MonitorSourceIP.IsValid() {
			all[bracketed(m.Address)] = p + ":" + bracketed(m.MonitorSourceIP)
		}
	}
	return all
}

// check is how a monitor checks the members of a balancer.
func check(w schema.World, x *resources.LBListener, part, vip string, h *resources.LBHealthMonitor) Row {
	c := newRow(w, "lb_listener", x.ID, "Load_Balancer_Health_Check", part)
	c.Columns["vip"] = vip
	options := Map{"interval": strconv.Itoa(h.Delay), "timeout": strconv.Itoa(h.Timeout), "success_count": strconv.Itoa(h.MaxRetries)}
	if h.MaxRetriesDown != nil {
		options["failure_count"] = strconv.Itoa(*h.MaxRetriesDown)
	}
	c.Columns["options"] = options
	c.mark("health_monitor", h.ID)
	c.in("Load_Balancer", x.ID, part, "health_check")
	return c
}

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// portAt is the port that has a member's address, or "".
func portAt(w schema.World, m *resources.LBMember) string {
	s := schema.Look(w, m.SubnetID)
	if s == nil {
		return ""
	}
	first := ""
	for p := range schema.Where[resources.Port](w, "network_id", string(s.NetworkID)) {
		if slices.ContainsFunc(p.FixedIPs, func(f resources.FixedIP) bool { return f.IPAddress == m.Address }) && (first == "" || p.ID < first) {
			first = p.ID
		}
	}
	return first
}

// near are the networks of a load balancer's address and of its members.
func near(w schema.World, b *resources.LoadBalancer, members []*resources.LBMember) []string {
	all := map[string]bool{}
	if n := schema.Look(w, b.VIPNetworkID); n != nil {
		all[n.ID] = true
	}
	for _, m := range members {
		if s := schema.Look(w, m.SubnetID); s != nil {
			all[string(s.NetworkID)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// joining are the routers of a load balancer: those with an interface on its
// network and, where that is an external one, those with their gateway on it that
// lead to a member.
func joining(w schema.World, b *resources.LoadBalancer, members []*resources.LBMember) []string {
	all := map[string]bool{}
	for _, n := range near(w, b, members) {
		for i := range schema.Where[resources.RouterInterface](w, "network_id", n) {
			r := schema.Look(w, i.RouterID)
			if r != nil && schema.Look(w, i.SubnetID) != nil && (n == string(b.VIPNetworkID) || r.ExternalNetworkID == b.VIPNetworkID) {
				all[r.ID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// balanced are the networks whose ports connect to a load balancer: OVN balances
// on the switch of the client. They are those of its routers and of their peers.
func balanced(w schema.World, b *resources.LoadBalancer, members []*resources.LBMember, routers []string) []string {
	all := map[string]bool{}
	for _, n := range near(w, b, members) {
		all[n] = true
	}
	for _, r := range routers {
		for _, n := range switches(w, r) {
			all[n] = true
		}
		for _, p := range peers(w, r) {
			for _, n := range switches(w, p) {
				all[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// peers are the routers that a router has a wire to.
func peers(w schema.World, router string) []string {
	var all []string
	for p := range schema.Where[resources.RouterPeering](w, "router_id", router) {
		all = append(all, string(p.PeerRouterID))
	}
	for p := range schema.Where[resources.RouterPeering](w, "peer_router_id", router) {
		all = append(all, string(p.RouterID))
	}
	return all
}

// switches are the networks that a router has an interface on, in order.
func switches(w schema.World, router string) []string {
	all := map[string]bool{}
	for i := range schema.Where[resources.RouterInterface](w, "router_id", router) {
		if schema.Look(w, i.SubnetID) != nil {
			all[string(i.NetworkID)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// forwarding is a balancer of its own: an entry for each port, each with one
// member. It is on the router and, for those who connect from inside, on each of
// the router's switches.
func forwarding(w schema.World, f *resources.PortForwarding) []Row {
	a := schema.Look(w, f.FloatingIPID)
	if a == nil {
		return nil
	}
	r := resources.GatewayOf(w, a.FloatingNetworkID, f.InternalPortID, f.InternalIPAddress)
	if r == nil {
		return nil
	}
	l := newRow(w, "port_forwarding", f.ID, "Load_Balancer", "")
	l.Columns["name"] = "cairn-pf-" + f.ID
	l.Columns["protocol"] = string(f.Protocol)
	l.Columns["options"] = Map{}
	l.mark("port", string(f.InternalPortID))
	out, in, vips := f.External(), f.Internal(), Map{}
	for i := range out.Len() {
		to := in.Lo
		if in.Len() > 1 {
			to += i
		}
		vips[fmt.Sprintf("%s:%d", a.Address, out.Lo+i)] = endpoint(f.InternalIPAddress, to)
	}
	l.Columns["vips"] = vips
	l.in("Logical_Router", r.ID, "", "load_balancer")
	for _, n := range switches(w, r.ID) {
		l.in("Logical_Switch", n, "", "load_balancer")
	}
	return []Row{l}
}
