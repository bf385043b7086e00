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
	// Out is the port that the packet comes out of, by its name in OVN; "" when a
	// router answers it itself. It may be that of a next hop: then it has not arrived.
	Out string
	// Hangs are what the answer hangs on and no record tells: routes whose next hop is
	// watched, and routers that take a reply another way than its packet came.
	Hangs []Object
	// Neighbour says that a router gives the packet to another one, or to a port that is
	// off, for which it must ask first: ovn-trace does not follow it there.
	Neighbour bool
	// Question and ReplyQuestion ask OVN the same; Back is where the reply comes out.
	Question, ReplyQuestion Question
	Back                    string
}

// A Net is rows, ready to be followed.
type Net struct {
	byID     map[string]rows.Row
	ports    []rows.Row // Logical_Switch_Port
	routes   []rows.Row
	nats     []rows.Row
	lbs      []rows.Row // Load_Balancer
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
		case "Load_Balancer":
			n.lbs = append(n.lbs, r)
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
	return Object{m[rows.Marks+"type"], m[rows.IDMark], m[rows.Marks+"rule"]}
}

// addresses are a port's, as the switch knows them. Of a port that keeps a load
// balancer's address the switch knows none, and its marks tell.
func addresses(r rows.Row) []netip.Addr {
	var all []netip.Addr
	if len(r.Strings("addresses")) == 0 {
		for _, text := range strings.Fields(r.Map("external_ids")[rows.Marks+"cidrs"]) {
			if p, err := netip.ParsePrefix(text); err == nil {
				all = append(all, p.Addr())
			}
		}
	}
	for _, entry := range r.Strings("addresses") {
		for _, word := range strings.Fields(entry) {
			if a, err := netip.ParseAddr(word); err == nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// plain reports a port that is no router's and no wire's.
func plain(p rows.Row) bool { return p.String("type") == "" || p.String("type") == "virtual" }

// kept reports a port to which nothing is ever plugged in: it keeps the address of
// a load balancer.
func kept(p rows.Row) bool { return p.String("type") == "" && len(p.Strings("addresses")) == 0 }

// portAt finds the port that has an address, on one switch or on any ("").
func (n *Net) portAt(a netip.Addr, onSwitch string) (rows.Row, bool) {
	for _, p := range n.ports {
		if plain(p) && slices.Contains(addresses(p), a) && (onSwitch == "" || n.switches[p.ID] == onSwitch) {
			return p, true
		}
	}
	return rows.Row{}, false
}

func (n *Net) port(id string) (rows.Row, bool) {
	for _, p := range n.ports {
		if plain(p) && p.String("name") == id {
			return p, true
		}
	}
	return rows.Row{}, false
}

// maxHops is after how many wires between routers a packet goes in a circle.
const maxHops = 32

// journey is one packet on its way. An invalid src or dst is anybody outside.
type journey struct {
	*Net
	src, dst  netip.Addr
	six       bool // IPv6
	packet    Packet
	reply     bool
	steps     []Step
	changed   bool           // an address was translated
	balanced  *told          // what the packet was sent to before a balancer chose
	hops      int            // over wires between routers
	member    netip.AddrPort // whom a balancer chose
	start     string         // the switch that the packet comes to first
	frame     handed         // the packet there
	hangs     []Object
	neighbour bool
	left      string // the port that it came out of

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
	began := *j
	a.Arrives = j.run()
	a.Steps, a.Out, a.Question = j.steps, j.left, j.question(&began)
	a.Hangs, a.Neighbour = j.hangs, j.neighbour
	if a.Arrives && j.left == "" { // the router has answered
		a.Replied = true
		return a, nil
	}
	if a.Arrives {
		back := n.back(j)
		a.Replied = back.answer(j)
		a.Reply = back.steps
		a.Hangs = append(a.Hangs, back.hangs...)
		a.ReplyQuestion = back.ask(j)
		if a.Back = j.from.String("name"); a.Back == "" {
			a.Back = j.frame.in
		}
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
	src, err := n.choices(n.behind(from))
	if err != nil {
		return nil, err
	}
	if from.Addr.IsValid() {
		if err := n.sends(src[0]); err != nil {
			return nil, err
		}
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
			if s.IsValid() && s == d {
				return nil, fmt.Errorf("what %s sends to itself reaches no network", s)
			}
			return &journey{Net: n, src: s, dst: d, six: six, packet: p}, nil
		}
	}
	return nil, fmt.Errorf("the two ends have no addresses of one IP version")
}

// behind is who sends by a floating address.
func (n *Net) behind(e End) End {
	for _, nat := range n.nats {
		if e.Addr.IsValid() && nat.String("type") == "dnat_and_snat" && nat.String("external_ip") == e.Addr.String() {
			return End{Addr: netip.MustParseAddr(nat.String("logical_ip"))}
		}
	}
	return e
}

// sends reports an address within the cloud from which nothing comes.
func (n *Net) sends(a netip.Addr) error {
	if _, ok := n.portAt(a, ""); ok {
		return nil
	}
	for _, lrp := range n.lrps {
		if owns(lrp, a) {
			return fmt.Errorf("%s is a router's, and routers connect to nobody", a)
		}
		sw := n.switchOf(lrp)
		_, out := n.wire(sw)
		if !out && sw.ID != "" && slices.ContainsFunc(networks(lrp), func(p netip.Prefix) bool { return p.Contains(a) }) {
			return fmt.Errorf("nobody has the address %s", a)
		}
	}
	return nil
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
