package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cairncloud/cairn/resources/schema"
)

// DefaultSecurityGroup is the name of the group that ports have unless they say
// otherwise.
const DefaultSecurityGroup = "default"

// SecurityGroup is rules about what may reach its ports and what they may
// reach. What no rule allows is dropped. Rules: Neutron's security groups.
type SecurityGroup struct {
	object

	// Stateful groups let the answers of what is allowed through.
	Stateful *bool `hcl:"stateful,optional" default:"true"`

	// DeleteDefaultRules leaves out the rules that let ports send anything.
	DeleteDefaultRules bool `hcl:"delete_default_rules,optional"`

	// Rules of the group, unless they are resources of their own.
	Rules []Rule `hcl:"rules,optional"`

	// Log has each host write down which connections the group's rules allow.
	Log *GroupLog `hcl:"log,optional"`
}

// GroupLog is what hosts write down, in ovn-controller's log.
type GroupLog struct {
	// Enabled switches it on.
	Enabled *bool `hcl:"enabled,optional" default:"true"`
	// Severity is alert, warning, notice, info or debug.
	Severity LogSeverity `hcl:"severity,optional" default:"info"`
	// Rate is how many lines a second a host writes at most.
	Rate *int `hcl:"rate,optional" default:"100" check:"min=1,max=1000000"`
}

// LogSeverity is how much a line matters.
type LogSeverity string

// Values lists the severities, by OVN's names.
func (LogSeverity) Values() []string { return []string{"alert", "warning", "notice", "info", "debug"} }

// Rule is what a group allows.
type Rule struct {
	// Direction is ingress (to the port) or egress (from it).
	Direction Direction `hcl:"direction"`
	// Ethertype is IPv4 or IPv6.
	Ethertype Ethertype `hcl:"ethertype,optional" default:"IPv4"`
	// Protocol is a name such as tcp, udp or icmp, or a number from 0 to 255. Any, unless set.
	Protocol string `hcl:"protocol,optional"`
	// PortRangeMin is the first port, or the type of ICMP.
	PortRangeMin *int `hcl:"port_range_min,optional" check:"min=0,max=65535"`
	// PortRangeMax is the last port, or the code of ICMP.
	PortRangeMax *int `hcl:"port_range_max,optional" check:"min=0,max=65535"`
	// RemoteIPPrefix is the range at the other end. Any address, unless set.
	RemoteIPPrefix netip.Prefix `hcl:"remote_ip_prefix,optional"`
	// RemoteGroupID is the group of the port at the other end.
	RemoteGroupID schema.Ref[SecurityGroup] `hcl:"remote_group_id,optional" hot:"remote_group"`
	// RemoteAddressGroupID is the group of addresses at the other end.
	RemoteAddressGroupID schema.Ref[AddressGroup] `hcl:"remote_address_group_id,optional"`
}

// Direction is the way of a packet, seen from the port.
type Direction string

// The directions.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Values lists the directions.
func (Direction) Values() []string { return []string{string(Ingress), string(Egress)} }

// Ethertype is the IP version of a rule.
type Ethertype string

// The versions, as Neutron writes them.
const (
	IPv4 Ethertype = "IPv4"
	IPv6 Ethertype = "IPv6"
)

// Values lists the versions.
func (Ethertype) Values() []string { return []string{string(IPv4), string(IPv6)} }

// protocols are the names that Neutron knows, with their IANA numbers.
var protocols = map[string]int{"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2, "ipip": 4,
	"ipv6-encap": 41, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6,
	"udp": 17, "udplite": 136, "vrrp": 112}

// Number is the protocol's IANA number; ok is false for any protocol.
func (r Rule) Number() (n int, ok bool) {
	if r.Protocol == "" || r.Protocol == "any" {
		return 0, false
	}
	if n, ok := protocols[r.Protocol]; ok {
		return n, true
	}
	n, err := strconv.Atoi(r.Protocol)
	return n, err == nil
}

// check reports a rule that can't match anything, or that says two things.
func (r Rule) check(at string) schema.Problems {
	var all schema.Problems
	add := func(summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-SG-1", Attribute: at, Summary: summary, Detail: detail})
	}
	n, has := r.Number()
	if r.Protocol != "" && r.Protocol != "any" && (!has || n < 0 || n > 255) {
		names := make([]string, 0, len(protocols))
		for name := range protocols {
			names = append(names, name)
		}
		detail := "Use a name such as tcp, udp or icmp, or a number from 0 to 255."
		if near := schema.Nearest(r.Protocol, names); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		add(fmt.Sprintf("There is no protocol %q", r.Protocol), detail)
		return all
	}
	ends := 0
	for _, set := range []bool{r.RemoteIPPrefix.IsValid(), r.RemoteGroupID != "", r.RemoteAddressGroupID != ""} {
		if set {
			ends++
		}
	}
	if ends > 1 {
		add("A rule has one other end", "Set one of remote_ip_prefix, remote_group_id and remote_address_group_id.")
	}
	if p := r.RemoteIPPrefix; p.IsValid() && p.Addr().Is4() != (r.Ethertype == IPv4) {
		add("The range is of the other IP version", fmt.Sprintf("%s does not go with ethertype %s.", p, r.Ethertype))
	}
	if has && n == protocols["icmpv6"] && r.Ethertype == IPv4 {
		add("ICMPv6 is no part of IPv4", "Set ethertype = \"IPv6\", or protocol = \"icmp\".")
	}
	ports := r.PortRangeMin != nil || r.PortRangeMax != nil
	icmp := has && (n == protocols["icmp"] || n == protocols["icmpv6"])
	switch {
	case !ports:
	case icmp:
		if r.PortRangeMin == nil {
			add("An ICMP code needs a type", "Set port_range_min to the type of ICMP.")
		} else if *r.PortRangeMin > 255 || r.PortRangeMax != nil && *r.PortRangeMax > 255 {
			add("ICMP types and codes end at 255", "port_range_min is the type and port_range_max the code.")
		}
	case !has || !slices.Contains([]int{6, 17, 33, 132, 136}, n):
		add("This protocol has no ports", "Only tcp, udp, sctp, dccp and udplite have. Take port_range_min and port_range_max out.")
	case n == protocols["dccp"] || n == protocols["udplite"]:
		all = append(all, schema.Problem{Code: "CRN-VER", Attribute: at, Summary: fmt.Sprintf("OVN does not see the ports of %s", r.Protocol), Detail: "Take port_range_min and port_range_max out, to allow the whole protocol."})
	case r.PortRangeMin == nil || r.PortRangeMax == nil:
		add("A range of ports has two ends", "Set port_range_min and port_range_max; for one port set both to it.")
	case *r.PortRangeMax < *r.PortRangeMin:
		add("The range of ports is reversed", fmt.Sprintf("%d comes after %d.", *r.PortRangeMin, *r.PortRangeMax))
	}
	return all
}

// key is what two rules that match the same have in common.
func (r Rule) key() string {
	n, has := r.Number()
	proto, remote := "any", r.RemoteIPPrefix
	if has {
		proto = strconv.Itoa(n)
	}
	if remote.IsValid() {
		remote = remote.Masked()
	}
	number := func(p *int) string {
		if p == nil {
			return "-"
		}
		return strconv.Itoa(*p)
	}
	return fmt.Sprintf("%s %s %s %s-%s %s %s", r.Direction, r.Ethertype, proto, number(r.PortRangeMin), number(r.PortRangeMax), remote, string(r.RemoteGroupID)+string(r.RemoteAddressGroupID))
}

// Check reports rules that can't be, and rules that are there twice.
func (g *SecurityGroup) Check() error {
	var all schema.Problems
	seen := map[string]int{}
	for i, r := range g.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		all = append(all, r.check(at)...)
		if first, twice := seen[r.key()]; twice {
			all = append(all, schema.Problem{Code: "CRN-SG-1", Attribute: at, Summary: "The rule is there twice", Detail: fmt.Sprintf("It says the same as rules[%d]. Take one of them out.", first)})
		}
		seen[r.key()] = i
	}
	return all.Err()
}

// Claims takes the group's name.
func (g *SecurityGroup) Claims(w schema.World, l schema.Ledger) error {
	return g.claim(w, l, "security_group", "security_groups")
}

// Checks reports rules of a group that has its rules inline as well.
func (g *SecurityGroup) Checks(w schema.World) error {
	if len(g.Rules) == 0 {
		return nil
	}
	for range schema.Where[SecurityGroupRule](w, "security_group_id", g.ID) {
		return schema.Problem{Code: "CRN-SG-1", Attribute: "rules", Summary: "The group's rules are in two places", Detail: "It has rules of its own and security_group_rule resources as well. Keep one of the two ways."}
	}
	return nil
}

// SecurityGroupRule is one rule of a group, as a resource of its own.
type SecurityGroupRule struct {
	// ID of the rule.
	ID string `hcl:"id" plan:"assigned"`
	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`
	// ProjectID is whose the rule is: the group's project.
	ProjectID schema.Ref[Project] `hcl:"project_id" plan:"assigned"`
	// SecurityGroupID is the group that the rule is of.
	SecurityGroupID schema.Ref[SecurityGroup] `hcl:"security_group_id" plan:"replace" hot:"security_group"`
	// Direction is ingress (to the port) or egress (from it).
	Direction Direction `hcl:"direction" plan:"replace"`
	// Ethertype is IPv4 or IPv6.
	Ethertype Ethertype `hcl:"ethertype,optional" plan:"replace" default:"IPv4"`
	// Protocol is a name such as tcp, udp or icmp, or a number from 0 to 255. Any, unless set.
	Protocol string `hcl:"protocol,optional" plan:"replace"`
	// PortRangeMin is the first port, or the type of ICMP.
	PortRangeMin *int `hcl:"port_range_min,optional" plan:"replace" check:"min=0,max=65535"`
	// PortRangeMax is the last port, or the code of ICMP.
	PortRangeMax *int `hcl:"port_range_max,optional" plan:"replace" check:"min=0,max=65535"`
	// RemoteIPPrefix is the range at the other end. Any address, unless set.
	RemoteIPPrefix netip.Prefix `hcl:"remote_ip_prefix,optional" plan:"replace"`
	// RemoteGroupID is the group of the port at the other end.
	RemoteGroupID schema.Ref[SecurityGroup] `hcl:"remote_group_id,optional" plan:"replace" hot:"remote_group"`
	// RemoteAddressGroupID is the group of addresses at the other end.
	RemoteAddressGroupID schema.Ref[AddressGroup] `hcl:"remote_address_group_id,optional" plan:"replace"`
}

// Rule is what the resource allows.
func (r *SecurityGroupRule) Rule() Rule {
	return Rule{Direction: r.Direction, Ethertype: r.Ethertype, Protocol: r.Protocol, PortRangeMin: r.PortRangeMin, PortRangeMax: r.PortRangeMax,
		RemoteIPPrefix: r.RemoteIPPrefix, RemoteGroupID: r.RemoteGroupID, RemoteAddressGroupID: r.RemoteAddressGroupID}
}

// Check reports a rule that can't be.
func (r *SecurityGroupRule) Check() error { return r.Rule().check("").Err() }

// Claims takes the rule's place in its group: two rules never say the same.
func (r *SecurityGroupRule) Claims(w schema.World, l schema.Ledger) error {
	g := schema.Look(w, r.SecurityGroupID)
	if g == nil {
		return gone("security_group_id", "security_group", string(r.SecurityGroupID))
	}
	r.ProjectID = g.ProjectID
	if err := l.Share("security_group_rules", string(r.ProjectID), 1); err != nil {
		return err
	}
	err := l.Claim("rule of security group "+string(r.SecurityGroupID), r.Rule().key())
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-SG-1", Summary: "The rule is there twice", Detail: fmt.Sprintf("%s says the same. Take one of them out.", taken.Holder)}
	}
	return err
}
