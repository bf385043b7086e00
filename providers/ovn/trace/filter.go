package trace

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// A decision is what the rules of a port's groups say about a packet.
type decision struct {
	acl    rows.Row
	action string // allow, allow-related, allow-stateless, drop; "" when no rule matches
}

// remembers reports whether the answer passes without a rule of its own.
func (d decision) remembers() bool { return d.action == "allow-related" }

// filter asks the rules of a port's groups.
func (j *journey) filter(p rows.Row, direction string, d *decision) bool {
	way := "lets it in"
	if direction == "from-lport" {
		way = "lets it out"
	}
	*d = j.decide(p, direction)
	switch d.action {
	case "drop", "reject":
		by := j.asked(p)
		if len(by) == 0 {
			return j.stop(p, nil, "drops it: it has no security group")
		}
		return j.stop(p, by, "drops %s: nothing allows it in", j.what(direction))
	case "":
		return j.pass(p, nil, "%s: it has no port security", way)
	}
	by := objectOf(d.acl)
	if by.Type == "base" {
		return j.pass(p, nil, "%s: DHCP always passes", way)
	}
	return j.pass(p, []Object{by}, "%s by", way)
}

// what says what was not allowed, as a rule would.
func (j *journey) what(direction string) string {
	proto := j.packet.Protocol
	if proto == "" {
		proto = "the packet"
	}
	if j.packet.Port != 0 && !j.reply {
		proto += " " + strconv.Itoa(j.packet.Port)
	}
	if j.reply {
		proto = "the reply"
	}
	if direction == "from-lport" {
		return "egress of " + proto + " to " + text(j.dst)
	}
	return "ingress of " + proto + " from " + text(j.src)
}

// groupsOf are the port groups that a port is in.
func groupsOf(p rows.Row) []string {
	var all []string
	for _, place := range p.Into {
		if place.Table == "Port_Group" {
			all = append(all, place.ID)
		}
	}
	return all
}

// asked are the security groups whose rules had their say.
func (j *journey) asked(p rows.Row) []Object {
	var all []Object
	for _, id := range groupsOf(p) {
		if o := objectOf(j.byID[id]); o.Type == "security_group" {
			all = append(all, o)
		}
	}
	return all
}

// decide finds the rule of the highest priority that matches. Of one priority a
// rule that keeps no memory counts less: the answer should know of it.
func (j *journey) decide(p rows.Row, direction string) decision {
	var matching []rows.Row
	for _, g := range groupsOf(p) {
		for _, a := range j.acls[g] {
			if a.String("direction") == direction && j.matches(a.String("match"), p) {
				matching = append(matching, a)
			}
		}
	}
	if len(matching) == 0 {
		return decision{}
	}
	slices.SortFunc(matching, func(a, b rows.Row) int {
		if pa, pb := a.Columns["priority"].(int), b.Columns["priority"].(int); pa != pb {
			return pb - pa
		}
		if c := strings.Compare(a.String("action"), b.String("action")); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return decision{matching[0], matching[0].String("action")}
}

// matches judges a match of package rows: terms joined by &&.
func (j *journey) matches(match string, p rows.Row) bool {
	for term := range strings.SplitSeq(match, " && ") {
		if !j.term(term, p) {
			return false
		}
	}
	return true
}

// The port that somebody who asks sends from.
const ephemeral = 49152

func (j *journey) term(term string, p rows.Row) bool {
	field, rest, compared := strings.Cut(term, " ")
	if !compared {
		return j.is(field)
	}
	op, value, _ := strings.Cut(rest, " ")
	switch field {
	case "inport", "outport": // rules are asked in the port's own groups only
		return slices.Contains(groupsOf(p), j.groups[strings.TrimPrefix(value, "@")])
	case "ip4.src", "ip6.src":
		return j.within(value, j.src)
	case "ip4.dst", "ip6.dst":
		return j.within(value, j.dst)
	case "tcp.dst", "udp.dst", "sctp.dst":
		return compare(j.numbers().to, op, value)
	case "tcp.src", "udp.src", "sctp.src":
		return compare(j.numbers().from, op, value)
	case "icmp4.type", "icmp6.type":
		return compare(j.icmpType(), op, value)
	case "icmp4.code", "icmp6.code":
		return compare(0, op, value)
	case "ip.proto":
		return compare(j.number(), op, value)
	}
	return false // no word of package rows
}

func (j *journey) is(word string) bool {
	switch word {
	case "ip":
		return true
	case "ip4":
		return !j.six
	case "ip6":
		return j.six
	case "icmp4":
		return !j.six && j.packet.Protocol == "icmp"
	case "icmp6":
		return j.six && j.packet.Protocol == "icmp"
	}
	return word == j.packet.Protocol
}

type pair struct{ from, to int }

// numbers are the ports of the two ends, swapped in a reply.
func (j *journey) numbers() pair {
	if j.reply {
		return pair{j.packet.Port, ephemeral}
	}
	return pair{ephemeral, j.packet.Port}
}

// icmpType is that of ping: a request, or in a reply its answer (RFC 792, RFC 4443).
func (j *journey) icmpType() int {
	switch {
	case j.six && j.reply:
		return 129
	case j.six:
		return 128
	case j.reply:
		return 0
	}
	return 8
}

func (j *journey) number() int {
	switch j.packet.Protocol {
	case "tcp":
		return 6
	case "udp":
		return 17
	case "icmp":
		if j.six {
			return 58
		}
		return 1
	}
	return -1
}

func compare(n int, op, value string) bool {
	v, err := strconv.Atoi(value)
	if err != nil {
		return false
	}
	switch op {
	case "==":
		return n == v
	case ">=":
		return n >= v
	case "<=":
		return n <= v
	}
	return false
}

// within judges an address against a range, against an address set, or against the
// addresses of a group's ports. Anybody outside is in no range but the whole.
func (j *journey) within(value string, a netip.Addr) bool {
	if set, ok := strings.CutPrefix(value, "$"); ok {
		if r, ok := j.sets[set]; ok {
			return slices.ContainsFunc(r.Strings("addresses"), func(x string) bool { return j.within(x, a) })
		}
		name := strings.TrimSuffix(strings.TrimSuffix(set, "_ip4"), "_ip6")
		return a.IsValid() && slices.ContainsFunc(j.members[j.groups[name]], func(p rows.Row) bool { return slices.Contains(addresses(p), a) })
	}
	if p, err := netip.ParsePrefix(value); err == nil {
		return p.Contains(a)
	}
	return value == text(a)
}

// back is the reply to a packet that arrived.
func (n *Net) back(j *journey) *journey {
	return &journey{Net: n, src: j.dst, dst: j.src, six: j.six, packet: j.packet, reply: true}
}

// answer follows the reply: out of the port that the packet entered, the same
// way back, into the port that it left. Translations are undone by the router
// that made them.
func (r *journey) answer(j *journey) bool {
	if j.to.ID != "" && !r.again(j.to, "from-lport", j.in) {
		return false
	}
	if j.to.ID != "" && !r.way(j.to, j) {
		return false
	}
	if j.from.ID == "" {
		return true
	}
	r.dst = j.origin()
	if b := j.balanced; b != nil { // the answer comes from whom was asked
		r.src, r.packet.Port = b.dst, b.port
	}
	if j.to.ID == "" && !j.changed && r.dst.IsPrivate() {
		return r.stop(j.from, nil, "hears no answer: nobody outside knows the way to %s", r.dst)
	}
	return r.again(j.from, "to-lport", j.out)
}

// origin is the source as the packet had it when it left its port.
func (j *journey) origin() netip.Addr {
	a, _ := pick(addresses(j.from), j.six)
	return a
}

// again asks a port's rules about the reply, unless the connection is known there.
func (r *journey) again(p rows.Row, direction string, was decision) bool {
	if was.remembers() {
		return r.pass(p, nil, "lets the reply through: it knows the connection")
	}
	var d decision
	return r.filter(p, direction, &d)
}

// way checks that a reply finds back from a port: on its own wire, or by a
// router that knows where to.
func (r *journey) way(p rows.Row, j *journey) bool {
	sw := r.byID[r.switches[p.ID]]
	if r.near(p) {
		return true
	}
	lrp, ok := r.gatewayOf(p)
	_, out := r.wire(sw)
	switch {
	case !ok && out:
		return true
	case !ok:
		return r.stop(sw, nil, "has no router that could take the reply back")
	}
	router := r.byID[r.routers[lrp.ID]]
	if _, _, via := r.lookup(router.ID); via == (Object{}) {
		return r.stop(router, nil, "has no route back to %s", text(r.dst))
	}
	if out && j.from.ID == "" && j.start == sw.ID {
		r.hangs = append(r.hangs, objectOf(router))
		return r.pass(router, nil, "takes the reply another way than the packet came, perhaps from another address")
	}
	return r.pass(router, nil, "takes the reply back to %s", text(r.dst))
}
