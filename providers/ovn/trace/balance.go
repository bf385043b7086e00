package trace

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// told is where a packet was sent to.
type told struct {
	dst  netip.Addr
	port int
}

// at lists the balancers that a switch or router knows.
func (n *Net) at(id string) []rows.Row {
	return slices.DeleteFunc(slices.Clone(n.lbs), func(r rows.Row) bool {
		return !slices.ContainsFunc(r.Into, func(p rows.Place) bool { return p.ID == id && p.Column == "load_balancer" })
	})
}

// match finds the balancer of a switch or router that answers where the packet
// goes, and the members that it may choose from.
func (j *journey) match(id string) (lb rows.Row, members []netip.AddrPort, ok bool) {
	if !j.dst.IsValid() || j.packet.Port == 0 || j.reply {
		return rows.Row{}, nil, false
	}
	vip := netip.AddrPortFrom(j.dst, uint16(j.packet.Port)).String()
	for _, r := range j.at(id) {
		text, answers := r.Map("vips")[vip]
		if !answers || r.String("protocol") != j.packet.Protocol {
			continue
		}
		for word := range strings.SplitSeq(text, ",") {
			if m, err := netip.ParseAddrPort(word); err == nil {
				members = append(members, m)
			}
		}
		return r, members, true
	}
	return rows.Row{}, nil, false
}

// answers reports whether a router has a balancer for the packet.
func (j *journey) answers(router string) bool {
	_, _, ok := j.match(router)
	return ok
}

// balance sends the packet to a member, where a balancer answers: to the first,
// since which one a hash finds nobody knows before.
func (j *journey) balance(at rows.Row) bool {
	lb, members, ok := j.match(at.ID)
	if !ok {
		return true
	}
	by := []Object{objectOf(lb)}
	if len(members) == 0 {
		return j.stop(at, by, "finds no member for it, and refuses it: by")
	}
	m := members[0]
	j.member = m
	j.balanced = &told{j.dst, j.packet.Port}
	j.dst, j.packet.Port, j.changed = m.Addr(), int(m.Port()), true
	if len(members) > 1 {
		return j.pass(at, by, "sends it on to %s, one of %d members, by", m, len(members))
	}
	return j.pass(at, by, "sends it on to %s by", m)
}

// taker is the port that a virtual address is followed to: the first of those that
// may take it.
func (n *Net) taker(p rows.Row) (rows.Row, bool) {
	if p.String("type") != "virtual" {
		return rows.Row{}, false
	}
	for name := range strings.SplitSeq(p.Map("options")["virtual-parents"], ",") {
		if parent, ok := n.port(name); ok {
			return parent, true
		}
	}
	return rows.Row{}, false
}
