package rows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// The priorities of what decides about a packet: DHCP passes, then come the
// rules of groups, and what no rule allows is dropped.
const (
	dropPriority = 1000
	rulePriority = 1002
	dhcpPriority = 1003
)

// DropGroup is the name of the port group of a network's ports with port security.
// Each network has its own, so that one more port costs what its network's size
// costs and no more. OVN allows no dash in the name.
func DropGroup(n schema.Ref[resources.Network]) string {
	return "drop_" + strings.ReplaceAll(string(n), "-", "_")
}

// dropGroup is the group that drops what no rule allows. DHCP passes it, so that
// groups without egress rules don't cut ports off their own addresses.
func dropGroup(w schema.World, n *resources.Network) []Row {
	name := DropGroup(schema.Ref[resources.Network](n.ID))
	g := newRow(w, "network", n.ID, "Port_Group", "")
	g.Columns["name"] = name
	all := []Row{g}
	for _, a := range []struct {
		direction, match, action string
		priority                 int
	}{
		{"from-lport", "inport == @" + name + " && ip", "drop", dropPriority},
		{"to-lport", "outport == @" + name + " && ip", "drop", dropPriority},
		{"from-lport", "inport == @" + name + " && ip4 && udp && udp.src == 68 && udp.dst == 67", "allow", dhcpPriority},
		{"to-lport", "outport == @" + name + " && ip4 && udp && udp.src == 67 && udp.dst == 68", "allow", dhcpPriority},
		{"from-lport", "inport == @" + name + " && ip6 && udp && udp.src == 546 && udp.dst == 547", "allow", dhcpPriority},
		{"to-lport", "outport == @" + name + " && ip6 && udp && udp.src == 547 && udp.dst == 546", "allow", dhcpPriority},
	} {
		r := newRow(w, "network", n.ID, "ACL", a.direction+" "+a.match)
		fillACL(&r, a.direction, a.match, a.action, a.priority)
		r.in("Port_Group", n.ID, "", "acls")
		all = append(all, r)
	}
	return all
}

func fillACL(r *Row, direction, match, action string, priority int) {
	r.Columns["direction"] = direction
	r.Columns["match"] = match
	r.Columns["action"] = action
	r.Columns["priority"] = priority
	r.Columns["log"] = false
	r.Columns["label"] = 0
}

// PortGroup is the name of a security group's port group. OVN allows no dash in it.
func PortGroup(g schema.Ref[resources.SecurityGroup]) string {
	return "pg_" + strings.ReplaceAll(string(g), "-", "_")
}

// securityGroup is a port group with an ACL for each inline rule.
func securityGroup(w schema.World, g *resources.SecurityGroup) []Row {
	p := newRow(w, "security_group", g.ID, "Port_Group", "")
	p.Columns["name"] = PortGroup(schema.Ref[resources.SecurityGroup](g.ID))
	p.mark("security_group_name", g.Name)
	all := append([]Row{p}, meter(w, g)...)
	rules := slices.Clone(g.Rules)
	if !g.DeleteDefaultRules {
		rules = append(rules, resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv4},
			resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv6})
	}
	seen := map[string]bool{}
	for i, r := range rules {
		a, ok := acl(w, "security_group", g.ID, true, g, schema.Ref[resources.SecurityGroup](g.ID), r)
		if !ok || seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		if i < len(g.Rules) {
			a.mark("rule", fmt.Sprintf("rules[%d]", i))
		} else {
			a.mark("rule", "default")
		}
		all = append(all, a)
	}
	return all
}

func securityGroupRule(w schema.World, r *resources.SecurityGroupRule) []Row {
	a, ok := acl(w, "security_group_rule", r.ID, false, schema.Look(w, r.SecurityGroupID), r.SecurityGroupID, r.Rule())
	if !ok {
		return nil
	}
	return []Row{a}
}

// acl is the row of one rule; ok is false when OVN has no words for it. An
// inline rule's row is known by what it matches, so that moving it in the list
// changes nothing.
func acl(w schema.World, typ, object string, inline bool, g *resources.SecurityGroup, id schema.Ref[resources.SecurityGroup], r resources.Rule) (Row, bool) {
	match, ok := Match(id, r)
	if !ok {
		return Row{}, false
	}
	direction, action, part := "from-lport", "allow-related", ""
	if r.Direction == resources.Ingress {
		direction = "to-lport"
	}
	if g != nil && !on(g.Stateful) {
		action = "allow-stateless"
	}
	if inline {
		part = direction + " " + match
	}
	a := newRow(w, typ, object, "ACL", part)
	fillACL(&a, direction, match, action, rulePriority)
	if g != nil && logs(g) {
		a.Columns["log"] = true
		a.Columns["name"] = "cairn-" + g.ID // OVN takes at most 63 bytes, and names may be longer
		a.Columns["severity"] = cmp.Or(string(g.Log.Severity), "info")
		a.Columns["meter"] = "cairn-" + g.ID
	}
	a.in("Port_Group", string(id), "", "acls")
	return a, true
}

func logs(g *resources.SecurityGroup) bool { return g.Log != nil && on(g.Log.Enabled) }

// meter bounds what a group's rules write down: each rule on its own.
func meter(w schema.World, g *resources.SecurityGroup) []Row {
	if !logs(g) || g.Log.Rate == nil {
		return nil
	}
	m := newRow(w, "security_group", g.ID, "Meter", "")
	b := newRow(w, "security_group", g.ID, "Meter_Band", "")
	m.Columns["name"] = "cairn-" + g.ID
	m.Columns["unit"] = "pktps"
	m.Columns["fair"] = true
	m.Columns["bands"] = set(Ref(b.ID))
	b.Columns["action"] = "drop"
	b.Columns["rate"] = *g.Log.Rate
	return []Row{m, b}
}

// named are the protocols that OVN has a word for.
var named = map[int]string{6: "tcp", 17: "udp", 132: "sctp"}

// Match is a rule of a group in OVN's language; ok is false for ports of a
// protocol whose ports OVN can't see.
func Match(g schema.Ref[resources.SecurityGroup], r resources.Rule) (match string, ok bool) {
	side, other, ip, icmp := "inport", "dst", "ip4", 1
	if r.Direction == resources.Ingress {
		side, other = "outport", "src"
	}
	if r.Ethertype == resources.IPv6 {
		ip, icmp = "ip6", 58
	}
	parts := []string{side + " == @" + PortGroup(g), ip}
	switch {
	case r.RemoteIPPrefix.IsValid() && r.RemoteIPPrefix.Bits() > 0:
		parts = append(parts, fmt.Sprintf("%s.%s == %s", ip, other, r.RemoteIPPrefix.Masked()))
	case r.RemoteAddressGroupID != "":
		parts = append(parts, fmt.Sprintf("%s.%s == $%s", ip, other, AddressSet(r.RemoteAddressGroupID, ip)))
	case r.RemoteGroupID != "":
		parts = append(parts, fmt.Sprintf("%s.%s == $%s_%s", ip, other, PortGroup(r.RemoteGroupID), ip))
	}
	n, has := r.Number()
	switch {
	case !has:
	case n == 1 || n == 58: // Neutron takes icmp for ICMPv6 in IPv6 rules
		if n == 58 && icmp == 1 {
			return "", false
		}
		word := "icmp4"
		if icmp == 58 {
			word = "icmp6"
		}
		parts = append(parts, word)
		if r.PortRangeMin != nil {
			parts = append(parts, fmt.Sprintf("%s.type == %d", word, *r.PortRangeMin))
		}
		if r.PortRangeMax != nil {
			parts = append(parts, fmt.Sprintf("%s.code == %d", word, *r.PortRangeMax))
		}
	case named[n] != "":
		parts = append(parts, named[n])
		parts = append(parts, ports(named[n], r)...)
	case r.PortRangeMin != nil || r.PortRangeMax != nil:
		return "", false
	default:
		parts = append(parts, fmt.Sprintf("ip.proto == %d", n))
	}
	return strings.Join(parts, " && "), true
}

func ports(word string, r resources.Rule) []string {
	if r.PortRangeMin == nil || r.PortRangeMax == nil {
		return nil
	}
	lo, hi := *r.PortRangeMin, *r.PortRangeMax
	if lo == hi {
		return []string{fmt.Sprintf("%s.dst == %d", word, lo)}
	}
	return []string{fmt.Sprintf("%s.dst >= %d", word, lo), fmt.Sprintf("%s.dst <= %d", word, hi)}
}
