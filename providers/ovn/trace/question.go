package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// A Question is a packet in OVN's own words: what ovn-trace(8) is asked about it.
// Without a datapath there is none to ask, since the packet reaches no port of OVN.
type Question struct {
	Datapath string // a switch, by name
	InPort   string // a port of it, by name
	// Microflow is an expression of ovn-sb(5) that says all of the packet.
	Microflow string
	// Known says that the packet is the reply of a connection that is tracked.
	Known bool
	// Member is whom a balancer shall choose; invalid when none is asked.
	Member netip.AddrPort
}

// tracked is how often connections are looked up on a way at most: ovn-trace takes
// each state from a list, and a look-up beyond its end as one of a known connection.
const tracked = 64

// hops is how many routers a packet may pass: more than any way has. ovn-trace routes
// what a router asks its neighbours, in a circle at times, and prints it all.
const hops = 16

// Words are the arguments of ovn-trace. What it prints in answer Read reads.
func (q Question) Words() []string {
	state := "--ct=new"
	if q.Known {
		state = "--ct=est,rpl"
	}
	words := append([]string{"--no-friendly-names", "--detailed", "--minimal"}, slices.Repeat([]string{state}, tracked)...)
	if q.Member.IsValid() {
		words = append(words, "--lb-dst="+q.Member.String())
	}
	return append(words, q.Datapath, q.Microflow)
}

// outsider is the MAC of whoever is beyond a wire.
const outsider = "02:00:00:00:00:01"

// handed is a frame as it comes in at a port.
type handed struct{ in, from, to string }

// sent notes what the sender puts on its switch: the packet, to whom the sender
// takes for the next hop.
func (j *journey) sent(p rows.Row) {
	if to := j.next(p); to != "" && !kept(p) {
		j.frame = handed{p.String("name"), hardware(p), to}
		j.start = j.switches[p.ID]
	}
}

// entered notes a packet that comes in by the wire of a switch.
func (j *journey) entered(sw, to string) {
	if wire, ok := j.wire(j.byID[sw]); ok && to != "" {
		j.frame = handed{wire.String("name"), outsider, to}
		j.start = sw
	}
}

// next is the MAC that a sender gives the packet to, or "" where it finds nobody.
func (j *journey) next(p rows.Row) string {
	sw := j.switches[p.ID]
	if j.near(p) {
		to, ok := j.portAt(j.dst, sw)
		if ok && !kept(to) {
			if parent, ok := j.taker(to); ok {
				to = parent
			}
			return hardware(to)
		}
		if lrp, ok := j.routerAt(j.dst, sw, rows.Row{}); ok {
			return j.mac(lrp)
		}
		if _, out := j.wire(j.byID[sw]); out && !ok {
			return outsider
		}
		return ""
	}
	if lrp, ok := j.gatewayOf(p); ok {
		return j.mac(lrp)
	}
	if _, ok := j.wire(j.byID[sw]); ok {
		return outsider
	}
	return ""
}

// mac is a router port's, while its router is on.
func (n *Net) mac(lrp rows.Row) string {
	if n.byID[n.routers[lrp.ID]].Columns["enabled"] == false {
		return ""
	}
	return lrp.String("mac")
}

func hardware(p rows.Row) string {
	for _, entry := range p.Strings("addresses") {
		if words := strings.Fields(entry); len(words) > 1 || len(words) == 1 && strings.Contains(words[0], ":") {
			return words[0]
		}
	}
	return ""
}

// question puts the packet as it began into OVN's words.
func (j *journey) question(began *journey) Question {
	if j.start == "" || j.packet.Protocol == "" {
		return Question{}
	}
	ip, icmp := "ip4", "icmp4"
	if j.six {
		ip, icmp = "ip6", "icmp6"
	}
	terms := []string{fmt.Sprintf("inport == %q", j.frame.in), "eth.src == " + j.frame.from, "eth.dst == " + j.frame.to,
		fmt.Sprintf("%s.src == %s", ip, j.address(began.src)), fmt.Sprintf("%s.dst == %s", ip, j.address(began.dst)), fmt.Sprintf("ip.ttl == %d", hops)}
	n := began.numbers()
	switch began.packet.Protocol {
	case "icmp":
		terms = append(terms, fmt.Sprintf("%s.type == %d", icmp, began.icmpType()), icmp+".code == 0")
	default:
		terms = append(terms, fmt.Sprintf("%s.src == %d", began.packet.Protocol, n.from), fmt.Sprintf("%s.dst == %d", began.packet.Protocol, n.to))
	}
	return Question{Datapath: j.byID[j.start].String("name"), InPort: j.frame.in, Microflow: strings.Join(terms, " && "), Known: j.reply, Member: j.member}
}

// address is one that anybody outside may have: none that a row speaks of.
func (j *journey) address(a netip.Addr) string {
	if a.IsValid() {
		return a.String()
	}
	all := []string{"198.18.0.7", "203.0.113.7", "198.51.100.7", "192.0.2.7", "100.64.0.7", "9.9.9.9"}
	if j.six {
		all = []string{"2001:db8:ffff::7", "3fff::7", "2001:2::7", "2620:fe::fe"}
	}
	spoken := j.spoken()
	for _, text := range all {
		stranger := netip.MustParseAddr(text)
		if !slices.ContainsFunc(spoken, func(p netip.Prefix) bool { return p.Contains(stranger) }) {
			return text
		}
	}
	return all[0]
}

// spoken are the ranges that rows name.
func (n *Net) spoken() []netip.Prefix {
	var all []netip.Prefix
	add := func(text string) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() > 0 {
			all = append(all, p.Masked())
		}
	}
	for _, r := range n.byID {
		for _, text := range slices.Concat(r.Strings("networks"), r.Strings("addresses"), strings.Fields(r.String("match"))) {
			add(text)
		}
		add(r.String("ip_prefix"))
		add(r.String("external_ip"))
	}
	return all
}

// ask is the question about a packet's reply, where OVN can be asked: of a reply
// through a translation ovn-trace knows nothing, and where rules keep no memory the
// states of the connection differ from port to port.
func (r *journey) ask(j *journey) Question {
	if j.changed || j.to.ID == "" || j.out.action == "allow-stateless" || j.in.action == "allow-stateless" {
		return Question{}
	}
	q := &journey{Net: r.Net, src: j.dst, dst: j.src, six: j.six, packet: j.packet, reply: true}
	q.sent(j.to)
	return q.question(q)
}

// Whose tells whose a switch, router or port is, by its name in OVN.
func (n *Net) Whose(name string) Object {
	for _, r := range n.byID {
		if r.String("name") == name && strings.HasPrefix(r.Table, "Logical_") {
			return objectOf(r)
		}
	}
	if r, ok := n.byID[name]; ok { // ovn-trace names datapaths by the UUIDs of their rows
		return objectOf(r)
	}
	return Object{}
}

// Leaves reports whether a port, by its name, is one that leads out of the overlay.
func (n *Net) Leaves(port string) bool {
	return slices.ContainsFunc(n.ports, func(p rows.Row) bool { return p.String("name") == port && p.String("type") == "localnet" })
}
