// Package trace follows a packet through OVN's northbound rows: which switch,
// router and translation it passes, and which rule, or which missing one,
// decides. It only reads rows, so it tells of networks that are still a plan,
// and needs no OVN. It knows the words that package rows writes.
package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// An End is where a packet comes from or goes to. Exactly one of Port, Addr and
// Internet is set.
type End struct {
	Port     string     // the port's id
	Addr     netip.Addr // of a port, of a floating address, or of somebody outside
	Internet bool       // anybody outside
}

// A Packet is what is sent. Without a protocol any rule of one is taken to match
// nothing, as for a protocol that nobody named.
type Packet struct {
	Protocol string // tcp, udp, icmp, or ""
	Port     int    // the destination's, of tcp and udp
}

// An Object is a declared one that rows are of.
type Object struct {
	Type, ID string
	Part     string // of it: rules[0], or "default" for a rule that every group has
}

// A Step is one thing that happens to the packet.
type Step struct {
	At    Object
	Says  string
	By    []Object // who decided, or who could have
	Stops bool
}

// An Answer is how a packet fares.
type Answer struct {
	From, To string // the addresses it has, as text
	Steps    []Step
	Reply    []Step // empty when the packet itself does not arrive
	Arrives  bool
	Replied  bool
}

// A Net is rows, ready to be followed.
type Net struct {
	byID     map[string]rows.Row
	ports    []rows.Row // Logical_Switch_Port
	routes   []rows.Row
	nats     []rows.Row
	lrps     []rows.Row
	acls     map[string][]rows.Row // by port group
	members  map[string][]rows.Row // ports by port group
	groups   map[string]string     // ids of port groups by name
	sets     map[string]rows.Row   // address sets by name
	switches map[string]string     // the switch of each port
	routers  map[string]string     // the router of each router port
}

// New readies rows.
func New(all []rows.Row) *Net {
	n := &Net{byID: map[string]rows.Row{}, acls: map[string][]rows.Row{}, members: map[string][]rows.Row{}, groups: map[string]string{}, sets: map[string]rows.Row{},
		switches: map[string]string{}, routers: map[string]string{}}
	for _, r := range all {
		n.byID[r.ID] = r
		switch r.Table {
		case "Logical_Switch_Port":
			n.ports = append(n.ports, r)
		case "Logical_Router_Port":
			n.lrps = append(n.lrps, r)
		case "Logical_Router_Static_Route":
			n.routes = append(n.routes, r)
		case "NAT":
			n.nats = append(n.nats, r)
		case "Port_Group":
			n.groups[r.String("name")] = r.ID
		case "Address_Set":
			n.sets[r.String("name")] = r
		}
		for _, p := range r.Into {
			switch {
			case p.Table == "Logical_Switch" && p.Column == "ports":
				n.switches[r.ID] = p.ID
			case p.Table == "Logical_Router" && p.Column == "ports":
				n.routers[r.ID] = p.ID
			case p.Table == "Port_Group" && p.Column == "acls":
				n.acls[p.ID] = append(n.acls[p.ID], r)
			case p.Table == "Port_Group" && p.Column == "ports":
				n.members[p.ID] = append(n.members[p.ID], r)
			}
		}
	}
	return n
}

// objectOf tells whose a row is.
func objectOf(r rows.Row) Object {
	m := r.Map("external_ids")
	return Object{m["cairn:type"], m["cairn:id"], m["cairn:rule"]}
}

// addresses are a port's, as the switch knows them.
func addresses(r rows.Row) []netip.Addr {
	var all []netip.Addr
	for _, entry := range r.Strings("addresses") {
		for _, word := range strings.Fields(entry) {
			if a, err := netip.ParseAddr(word); err == nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// portAt finds the port that has an address, on one switch or on any ("").
func (n *Net) portAt(a netip.Addr, onSwitch string) (rows.Row, bool) {
	for _, p := range n.ports {
		if p.String("type") == "" && slices.Contains(addresses(p), a) && (onSwitch == "" || n.switches[p.ID] == onSwitch) {
			return p, true
		}
	}
	return rows.Row{}, false
}

func (n *Net) port(id string) (rows.Row, bool) {
	for _, p := range n.ports {
		if p.String("type") == "" && p.String("name") == id {
			return p, true
		}
	}
	return rows.Row{}, false
}

// journey is one packet on its way. An invalid src or dst is anybody outside.
type journey struct {
	*Net
	src, dst netip.Addr
	six      bool // IPv6
	packet   Packet
	reply    bool
	steps    []Step
	changed  bool // an address was translated

	out, in decision // at the ports that it leaves and enters
	from    rows.Row // the port that it left
	to      rows.Row
}

func (j *journey) pass(r rows.Row, by []Object, format string, args ...any) bool {
	j.steps = append(j.steps, Step{At: objectOf(r), Says: fmt.Sprintf(format, args...), By: by})
	return true
}

func (j *journey) stop(r rows.Row, by []Object, format string, args ...any) bool {
	j.steps = append(j.steps, Step{At: objectOf(r), Says: fmt.Sprintf(format, args...), By: by, Stops: true})
	return false
}

// Trace follows a packet and its reply.
func (n *Net) Trace(from, to End, p Packet) (Answer, error) {
	j, err := n.begin(from, to, p)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{From: text(j.src), To: text(j.dst)}
	a.Arrives = j.run()
	a.Steps = j.steps
	if a.Arrives {
		back := n.back(j)
		a.Replied = back.answer(j)
		a.Reply = back.steps
	}
	return a, nil
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return "the internet"
	}
	return a.String()
}

// begin settles which addresses the packet has: of the IP version that both ends
// have, IPv4 first.
func (n *Net) begin(from, to End, p Packet) (*journey, error) {
	if from.Internet && to.Internet {
		return nil, fmt.Errorf("from the internet to the internet the way is not cairn's")
	}
	src, err := n.choices(from)
	if err != nil {
		return nil, err
	}
	dst, err := n.choices(to)
	if err != nil {
		return nil, err
	}
	if from.Internet && to.Port != "" {
		dst = n.outsideOf(dst)
	}
	for _, six := range []bool{false, true} {
		s, okS := pick(src, six)
		d, okD := pick(dst, six)
		if okS && okD {
			return &journey{Net: n, src: s, dst: d, six: six, packet: p}, nil
		}
	}
	return nil, fmt.Errorf("the two ends have no addresses of one IP version")
}

// choices are the addresses of an end; an invalid one is anybody outside.
func (n *Net) choices(e End) ([]netip.Addr, error) {
	switch {
	case e.Internet:
		return []netip.Addr{{}}, nil
	case e.Addr.IsValid():
		return []netip.Addr{e.Addr}, nil
	}
	p, ok := n.port(e.Port)
	if !ok {
		return nil, fmt.Errorf("no port has the id %q", e.Port)
	}
	all := addresses(p)
	if len(all) == 0 {
		return nil, fmt.Errorf("port %s has no address", e.Port)
	}
	return all, nil
}

// outsideOf puts the floating address that leads to an address before it: that is
// what somebody outside would send to.
func (n *Net) outsideOf(inside []netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, a := range inside {
		for _, nat := range n.nats {
			if nat.String("type") == "dnat_and_snat" && nat.String("logical_ip") == a.String() {
				all = append(all, netip.MustParseAddr(nat.String("external_ip")))
			}
		}
	}
	return append(all, inside...)
}

func pick(all []netip.Addr, six bool) (netip.Addr, bool) {
	for _, a := range all {
		if !a.IsValid() || a.Is6() == six {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// run follows the packet from its port, or from outside, to its end.
func (j *journey) run() bool {
	if p, ok := j.portAt(j.src, ""); j.src.IsValid() && ok {
		return j.leave(p)
	}
	return j.enter()
}

// leave takes the packet out of a port and onto its switch.
func (j *journey) leave(p rows.Row) bool {
	j.from = p
	if p.Columns["enabled"] == false {
		return j.stop(p, nil, "is switched off")
	}
	if !j.filter(p, "from-lport", &j.out) {
		return false
	}
	sw := j.byID[j.switches[p.ID]]
	if to, ok := j.portAt(j.dst, sw.ID); j.dst.IsValid() && ok && j.near(p) {
		j.pass(sw, nil, "carries it straight to the other port")
		return j.arrive(to)
	}
	lrp, ok := j.gatewayOf(p)
	if !ok {
		return j.stop(sw, nil, "has no router for %s", text(j.src))
	}
	j.pass(sw, nil, "carries it to the router")
	return j.route(lrp)
}

// near reports whether the destination is on the port's own subnet.
func (j *journey) near(p rows.Row) bool {
	for _, s := range strings.Fields(p.Map("external_ids")["cairn:cidrs"]) {
		if prefix, err := netip.ParsePrefix(s); err == nil && prefix.Addr() == j.src {
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
	for _, nat := range on(j.nats, r.ID) {
		if nat.String("type") == "dnat_and_snat" && nat.String("external_ip") == text(j.dst) {
			if !isGateway(by) { // out by the gateway and in again
				j.translate(r)
			}
			j.dst, j.changed = netip.MustParseAddr(nat.String("logical_ip")), true
			j.pass(r, []Object{objectOf(nat)}, "sends it on to %s by", j.dst)
		}
	}
	out, hop, via := j.lookup(r.ID)
	if via == (Object{}) {
		return j.stop(r, nil, "has no route to %s", text(j.dst))
	}
	if isGateway(out) && !isGateway(by) {
		j.translate(r)
	}
	if hop.IsValid() {
		j.pass(r, []Object{via}, "sends it to the next hop %s by", hop)
	} else {
		j.pass(r, nil, "is connected to the network of %s", text(j.dst))
	}
	return j.emit(out, hop)
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
			if j.dst.IsValid() && p.Contains(j.dst) && p.Bits() > best {
				best, out, hop, via = p.Bits(), lrp, netip.Addr{}, objectOf(lrp)
			}
		}
	}
	for _, s := range on(j.routes, router) {
		p, err := netip.ParsePrefix(s.String("ip_prefix"))
		next, err2 := netip.ParseAddr(s.String("nexthop"))
		if err != nil || err2 != nil || p.Addr().Is6() != j.six || p.Bits() <= best {
			continue
		}
		if !p.Contains(j.dst) && (j.dst.IsValid() || p.Bits() > 0) {
			continue
		}
		for _, lrp := range j.lrps {
			if j.routers[lrp.ID] == router && slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Contains(next) }) {
				best, out, hop, via = p.Bits(), lrp, next, objectOf(s)
			}
		}
	}
	return out, hop, via
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
	var sw rows.Row
	for _, p := range j.ports {
		if p.String("type") == "router" && p.Map("options")["router-port"] == out.String("name") {
			sw = j.byID[j.switches[p.ID]]
		}
	}
	at := j.dst
	if hop.IsValid() {
		at = hop
	}
	if p, ok := j.portAt(at, sw.ID); at.IsValid() && ok {
		if hop.IsValid() {
			return j.stop(p, nil, "is the next hop, and what it does with the packet is its own affair")
		}
		return j.arrive(p)
	}
	if other, ok := j.routerAt(at, sw.ID, out); ok {
		return j.route(other)
	}
	if wire, ok := j.wire(sw); ok {
		m := wire.Map("options")
		j.pass(sw, nil, "lets it out on %s", m["network_name"])
		return true
	}
	return j.stop(sw, nil, "has nobody at %s", text(at))
}

// wire is the port by which a switch leaves the overlay.
func (j *journey) wire(sw rows.Row) (rows.Row, bool) {
	for _, p := range j.ports {
		if p.String("type") == "localnet" && j.switches[p.ID] == sw.ID {
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
			if own || translated {
				return lrp, true
			}
		}
	}
	return rows.Row{}, false
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
				return j.route(lrp)
			}
		}
		for _, p := range networks(lrp) {
			if p.Addr() == j.dst {
				return j.stop(r, nil, "has the address itself, and sends nothing on from it")
			}
		}
	}
	p, ok := j.portAt(j.dst, "")
	if !ok {
		return j.stop(rows.Row{}, nil, "nobody has the address %s", j.dst)
	}
	sw := j.byID[j.switches[p.ID]]
	if _, out := j.wire(sw); out {
		j.pass(sw, nil, "takes it in from its wire")
		return j.arrive(p)
	}
	if j.six { // IPv6 is routed: outside they know the way when the router is there too
		for _, lrp := range j.lrps {
			if isGateway(lrp) && slices.ContainsFunc(networks(lrp), func(n netip.Prefix) bool { return n.Addr().Is6() }) && j.serves(lrp, p) {
				return j.route(lrp)
			}
		}
		return j.stop(sw, nil, "is not reached from outside: no router with an IPv6 gateway leads to it")
	}
	return j.stop(p, nil, "has no floating address: nothing outside leads to %s", j.dst)
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
	return j.filter(p, "to-lport", &j.in)
}
