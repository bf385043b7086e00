package trace

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// run follows the packet from its port, or from outside, to its end.
func (j *journey) run() bool {
	if p, ok := j.portAt(j.src, ""); j.src.IsValid() && ok {
		return j.leave(p)
	}
	return j.enter()
}

// leave takes the packet out of a port and onto its switch.
func (j *journey) leave(p rows.Row) bool {
	if parent, ok := j.taker(p); ok {
		j.pass(p, nil, "is an address that ports take by turns")
		p = parent
	}
	j.from = p
	if kept(p) {
		return j.stop(p, nil, "keeps the address of a load balancer, which sends nothing by itself")
	}
	j.sent(p)
	if p.Columns["enabled"] == false {
		return j.stop(p, nil, "is switched off")
	}
	if !j.filter(p, "from-lport", &j.out) {
		return false
	}
	sw := j.byID[j.switches[p.ID]]
	if _, _, ok := j.match(sw.ID); ok && j.next(p) == "" {
		return j.stop(sw, nil, "has no router that answers for %s", text(j.dst))
	}
	if !j.balance(sw) {
		return false
	}
	if to, ok := j.portAt(j.dst, sw.ID); j.dst.IsValid() && ok && j.near(p) {
		j.pass(sw, nil, "carries it straight to the other port")
		return j.arrive(to)
	}
	if j.near(p) {
		if lrp, ok := j.routerAt(j.dst, sw.ID, rows.Row{}); ok {
			j.pass(sw, nil, "carries it to the router")
			return j.route(lrp)
		}
		if wire, ok := j.wire(sw); ok {
			return j.leaves(sw, wire)
		}
		return j.stop(sw, nil, "has nobody at %s", text(j.dst))
	}
	if lrp, ok := j.gatewayOf(p); ok {
		j.pass(sw, nil, "carries it to the router")
		return j.route(lrp)
	}
	if wire, ok := j.wire(sw); ok {
		return j.leaves(sw, wire)
	}
	return j.stop(sw, nil, "has no router for %s", text(j.src))
}

// near reports whether the destination is on the port's own subnet.
func (j *journey) near(p rows.Row) bool {
	for _, s := range strings.Fields(p.Map("external_ids")[rows.Marks+"cidrs"]) {
		if prefix, err := netip.ParsePrefix(s); err == nil && prefix.Contains(j.src) {
			return prefix.Contains(j.dst)
		}
	}
	return false
}

// gatewayOf finds the router port that serves the subnet of the packet's source.
func (j *journey) gatewayOf(p rows.Row) (rows.Row, bool) {
	for _, peer := range j.ports {
		if peer.String("type") != "router" || j.switches[peer.ID] != j.switches[p.ID] {
			continue
		}
		for _, lrp := range j.lrps {
			if lrp.String("name") == peer.Map("options")["router-port"] && slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Contains(j.src) }) {
				return lrp, true
			}
		}
	}
	return rows.Row{}, false
}

func networks(lrp rows.Row) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range lrp.Strings("networks") {
		if p, err := netip.ParsePrefix(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// isGateway reports whether a router port is the one on the external network.
func isGateway(lrp rows.Row) bool { return objectOf(lrp).Type == "router" }

// on lists the rows that are a router's.
func on(all []rows.Row, router string) []rows.Row {
	var own []rows.Row
	for _, r := range all {
		if slices.ContainsFunc(r.Into, func(p rows.Place) bool { return p.Table == "Logical_Router" && p.ID == router }) {
			own = append(own, r)
		}
	}
	return own
}

// route takes the packet through the router of a port that it came in by.
func (j *journey) route(by rows.Row) bool {
	r := j.byID[j.routers[by.ID]]
	if r.Columns["enabled"] == false {
		return j.stop(r, nil, "is switched off")
	}
	if isGateway(by) && !j.balance(r) { // OVN balances at the gateway alone
		return false
	}
	for _, nat := range on(j.nats, r.ID) {
		if nat.String("type") == "dnat_and_snat" && nat.String("external_ip") == text(j.dst) {
			if !isGateway(by) { // out by the gateway and in again
				j.translate(r)
			}
			j.dst, j.changed = netip.MustParseAddr(nat.String("logical_ip")), true
			j.pass(r, []Object{objectOf(nat)}, "sends it on to %s by", j.dst)
		}
	}
	if j.own(r.ID) {
		if j.packet.Protocol == "icmp" {
			return j.pass(r, nil, "has the address itself, and answers")
		}
		return j.stop(r, nil, "has the address itself, and sends nothing on from it")
	}
	out, hop, via := j.lookup(r.ID)
	if via == (Object{}) {
		return j.stop(r, nil, "has no route to %s", text(j.dst))
	}
	if isGateway(out) && !isGateway(by) {
		j.translate(r)
	}
	if hop.IsValid() && j.watched(via, hop) {
		j.hangs = append(j.hangs, via)
		j.pass(r, []Object{via}, "sends it, while BFD finds it up, to the next hop %s by", hop)
	} else if hop.IsValid() {
		j.pass(r, []Object{via}, "sends it to the next hop %s by", hop)
	} else {
		j.pass(r, nil, "is connected to the network of %s", text(j.dst))
	}
	return j.emit(out, hop)
}

// own reports whether a router has the address that the packet goes to.
func (j *journey) own(router string) bool {
	return slices.ContainsFunc(j.lrps, func(lrp rows.Row) bool { return j.routers[lrp.ID] == router && owns(lrp, j.dst) })
}

// lookup finds the longest prefix that the destination is in: what the router is
// connected to, or the next hop of a route. Without one via is empty.
func (j *journey) lookup(router string) (out rows.Row, hop netip.Addr, via Object) {
	best := -1
	for _, lrp := range j.lrps {
		if j.routers[lrp.ID] != router {
			continue
		}
		for _, p := range networks(lrp) {
			if weight := 2*p.Bits() + 1; j.dst.IsValid() && p.Contains(j.dst) && weight > best {
				best, out, hop, via = weight, lrp, netip.Addr{}, objectOf(lrp)
			}
		}
	}
	for _, s := range on(j.routes, router) {
		p, err := netip.ParsePrefix(s.String("ip_prefix"))
		next, err2 := netip.ParseAddr(s.String("nexthop"))
		if err != nil || err2 != nil || p.Addr().Is6() != j.six {
			continue
		}
		looked, weight := j.dst, 2*p.Bits()+1 // of one length, the destination's comes first
		if s.String("policy") == "src-ip" {
			looked, weight = j.src, 2*p.Bits()
		}
		if weight <= best || !p.Contains(looked) && (looked.IsValid() || p.Bits() > 0) {
			continue
		}
		for _, lrp := range j.lrps {
			if j.routers[lrp.ID] == router && slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Contains(next) }) {
				best, out, hop, via = weight, lrp, next, objectOf(s)
			}
		}
	}
	return out, hop, via
}

// watched reports whether BFD watches the next hop of a route.
func (n *Net) watched(via Object, hop netip.Addr) bool {
	return slices.ContainsFunc(n.routes, func(r rows.Row) bool {
		return objectOf(r) == via && r.String("nexthop") == hop.String() && r.Columns["bfd"] != nil
	})
}

// translate hides the source behind an address of the gateway's network.
func (j *journey) translate(r rows.Row) {
	for _, kind := range []string{"dnat_and_snat", "snat"} {
		for _, nat := range on(j.nats, r.ID) {
			if nat.String("type") != kind || !covers(nat.String("logical_ip"), j.src) {
				continue
			}
			j.src, j.changed = netip.MustParseAddr(nat.String("external_ip")), true
			j.pass(r, []Object{objectOf(nat)}, "gives it the source %s by", j.src)
			return
		}
	}
}

func covers(logical string, a netip.Addr) bool {
	if p, err := netip.ParsePrefix(logical); err == nil {
		return p.Contains(a)
	}
	return logical == a.String()
}

// emit puts the packet onto the switch of a router port.
func (j *journey) emit(out rows.Row, hop netip.Addr) bool {
	if name := out.String("peer"); name != "" {
		return j.across(out, name)
	}
	sw := j.switchOf(out)
	at := j.dst
	if hop.IsValid() {
		at = hop
	}
	if p, ok := j.portAt(at, sw.ID); at.IsValid() && ok {
		j.neighbour = j.neighbour || p.Columns["enabled"] == false || kept(p)
		if hop.IsValid() {
			return j.hand(p)
		}
		return j.arrive(p)
	}
	if other, ok := j.routerAt(at, sw.ID, out); ok {
		j.neighbour = true
		return j.route(other)
	}
	if wire, ok := j.wire(sw); ok {
		return j.leaves(sw, wire)
	}
	return j.stop(sw, nil, "has nobody at %s", text(at))
}

// hand gives the packet to a port that is its next hop.
func (j *journey) hand(p rows.Row) bool {
	if !j.arrive(p) {
		return false
	}
	own := strings.Fields(strings.Join(p.Strings("port_security"), " "))
	if len(own) > 0 && !slices.ContainsFunc(own, func(x string) bool { return x == text(j.dst) || covers(x, j.dst) }) {
		j.left = ""
		return j.stop(p, nil, "is the next hop, but gets only what is for its own addresses: it has port security")
	}
	return j.stop(p, nil, "is the next hop, and what it does with the packet is its own affair")
}

// leaves takes the packet out of the overlay.
func (j *journey) leaves(sw, wire rows.Row) bool {
	j.left = wire.String("name")
	return j.pass(sw, nil, "lets it out on %s", wire.Map("options")["network_name"])
}

// across puts the packet into the router at the other end of a wire.
func (j *journey) across(out rows.Row, peer string) bool {
	for _, lrp := range j.lrps {
		if lrp.String("name") != peer {
			continue
		}
		if j.hops++; j.hops > maxHops {
			return j.stop(out, nil, "sends it in a circle")
		}
		j.pass(out, nil, "carries it to the other router")
		return j.route(lrp)
	}
	return j.stop(out, nil, "has nobody at its other end")
}

// switchOf is the switch that a router port is plugged into; none for a wire's end.
func (n *Net) switchOf(lrp rows.Row) rows.Row {
	for _, p := range n.ports {
		if p.String("type") == "router" && p.Map("options")["router-port"] == lrp.String("name") {
			return n.byID[n.switches[p.ID]]
		}
	}
	return rows.Row{}
}

// wire is the port by which a switch leaves the overlay.
func (n *Net) wire(sw rows.Row) (rows.Row, bool) {
	for _, p := range n.ports {
		if p.String("type") == "localnet" && n.switches[p.ID] == sw.ID {
			return p, true
		}
	}
	return rows.Row{}, false
}

// routerAt finds another router's port that has an address on a switch, or that
// translates it.
func (j *journey) routerAt(a netip.Addr, sw string, not rows.Row) (rows.Row, bool) {
	for _, p := range j.ports {
		if p.String("type") != "router" || j.switches[p.ID] != sw {
			continue
		}
		for _, lrp := range j.lrps {
			if lrp.String("name") != p.Map("options")["router-port"] || lrp.ID == not.ID {
				continue
			}
			own := slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Addr() == a })
			translated := slices.ContainsFunc(on(j.nats, j.routers[lrp.ID]), func(r rows.Row) bool {
				return r.String("type") == "dnat_and_snat" && r.String("external_ip") == text(a)
			})
			if own || translated || j.answers(j.routers[lrp.ID]) && j.reaches(j.routers[lrp.ID], a) {
				return lrp, true
			}
		}
	}
	return rows.Row{}, false
}

// reaches reports whether an address is on a network of a router: for a balancer's
// that is not OVN's routers don't answer (ovn-nb(5), neighbor_responder).
func (n *Net) reaches(router string, a netip.Addr) bool {
	return slices.ContainsFunc(n.lrps, func(lrp rows.Row) bool {
		return n.routers[lrp.ID] == router && slices.ContainsFunc(networks(lrp), func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// enter brings a packet in from outside.
func (j *journey) enter() bool {
	for _, lrp := range j.lrps {
		if !isGateway(lrp) {
			continue
		}
		r := j.byID[j.routers[lrp.ID]]
		for _, nat := range on(j.nats, r.ID) {
			if nat.String("type") == "dnat_and_snat" && nat.String("external_ip") == text(j.dst) {
				return j.come(lrp)
			}
		}
		if j.answers(r.ID) || owns(lrp, j.dst) {
			return j.come(lrp)
		}
	}
	p, ok := j.portAt(j.dst, "")
	if !ok {
		return j.stop(rows.Row{}, nil, "nobody has the address %s", j.dst)
	}
	sw := j.byID[j.switches[p.ID]]
	if _, out := j.wire(sw); out {
		j.pass(sw, nil, "takes it in from its wire")
		if kept(p) {
			lrp, ok := j.routerAt(j.dst, sw.ID, rows.Row{})
			if !ok {
				return j.arrive(p)
			}
			j.entered(sw.ID, j.mac(lrp))
			return j.route(lrp)
		}
		to := p
		if parent, ok := j.taker(p); ok {
			to = parent
		}
		j.entered(sw.ID, hardware(to))
		return j.arrive(p)
	}
	if j.six { // IPv6 is routed: outside they know the way when the router is there too
		for _, lrp := range j.lrps {
			if isGateway(lrp) && slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Addr().Is6() }) && j.serves(lrp, p) {
				return j.come(lrp)
			}
		}
		return j.stop(sw, nil, "is not reached from outside: no router with an IPv6 gateway leads to it")
	}
	return j.stop(p, nil, "has no floating address: nothing outside leads to %s", j.dst)
}

// come takes the packet in by the gateway of a router.
func (j *journey) come(lrp rows.Row) bool {
	j.entered(j.switchOf(lrp).ID, j.mac(lrp))
	return j.route(lrp)
}

func owns(lrp rows.Row, a netip.Addr) bool {
	return slices.ContainsFunc(networks(lrp), func(p netip.Prefix) bool { return p.Addr() == a })
}

// serves reports whether the router of a gateway has an interface on a port's switch.
func (j *journey) serves(gateway, p rows.Row) bool {
	for _, peer := range j.ports {
		if peer.String("type") != "router" || j.switches[peer.ID] != j.switches[p.ID] {
			continue
		}
		for _, lrp := range j.lrps {
			if lrp.String("name") == peer.Map("options")["router-port"] && j.routers[lrp.ID] == j.routers[gateway.ID] {
				return true
			}
		}
	}
	return false
}

// arrive takes the packet into a port.
func (j *journey) arrive(p rows.Row) bool {
	j.to = p
	if p.Columns["enabled"] == false {
		return j.stop(p, nil, "is switched off")
	}
	if kept(p) {
		return j.stop(p, nil, "keeps the address of a load balancer, which does not listen there")
	}
	if parent, ok := j.taker(p); ok {
		j.pass(p, nil, "is an address that ports take by turns")
		return j.arrive(parent)
	}
	if !j.filter(p, "to-lport", &j.in) {
		return false
	}
	j.left = p.String("name")
	return true
}
