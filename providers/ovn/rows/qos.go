package rows

import (
	"fmt"
	"strconv"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// The priorities of what bounds a packet, as Neutron has them: a floating
// address's before its gateway's.
const (
	qosPriority         = 2002
	floatingQoSPriority = 2003
)

// qos is a row for each direction that a policy says something about: limit and
// mark in one, as OVN applies one row to a packet. The match goes on with more.
func qos(w schema.World, typ, object, plug, network string, p *resources.QoSPolicy, priority int, more func(direction string) string) []Row {
	if p == nil {
		return nil
	}
	var all []Row
	for _, d := range []struct {
		direction         resources.Direction
		side, from, named string
	}{{resources.Egress, "from-lport", "src", "inport"}, {resources.Ingress, "to-lport", "dst", "outport"}} {
		r := newRow(w, typ, object, "QoS", d.side)
		r.Columns["direction"] = d.side
		r.Columns["priority"] = priority
		r.Columns["match"] = fmt.Sprintf("%s == %q", d.named, plug) + more(d.from)
		said := false
		for _, b := range p.BandwidthLimits {
			if b.Direction == d.direction {
				rate := Numbers{"rate": b.MaxKbps}
				if b.MaxBurstKbps > 0 {
					rate["burst"] = b.MaxBurstKbps
				}
				r.Columns["bandwidth"], said = rate, true
			}
		}
		if m := p.DSCPMarking; m != nil && m.DSCPMark != nil && d.direction == resources.Egress {
			r.Columns["action"], said = Numbers{"dscp": *m.DSCPMark}, true
		}
		if said {
			r.mark("qos_policy", p.ID)
			r.in("Logical_Switch", network, "", "qos_rules")
			all = append(all, r)
		}
	}
	return all
}

// policyOf is the policy of a port: its own, or its network's.
func policyOf(w schema.World, p *resources.Port, n *resources.Network) *resources.QoSPolicy {
	if p.QoSPolicyID != "" {
		return schema.Look(w, p.QoSPolicyID)
	}
	if n == nil {
		return nil
	}
	return resources.PolicyOf(w, n)
}

// portQoS is the rows of a port's policy. Where bandwidth is kept free on a wire,
// the queue of the port there bounds what it sends as well, and no row does.
func portQoS(w schema.World, p *resources.Port, n *resources.Network, l *Row) []Row {
	policy := policyOf(w, p, n)
	if policy != nil && policy.MinimumBandwidth != nil && n != nil && provider(n) {
		const bits = 1000 // a kilobit
		options := l.options()
		options["qos_min_rate"] = strconv.Itoa(policy.MinimumBandwidth.MinKbps * bits)
		rest := *policy
		rest.BandwidthLimits = nil
		for _, b := range policy.BandwidthLimits {
			if b.Direction != resources.Egress {
				rest.BandwidthLimits = append(rest.BandwidthLimits, b)
				continue
			}
			options["qos_max_rate"] = strconv.Itoa(b.MaxKbps * bits)
			if b.MaxBurstKbps > 0 {
				options["qos_burst"] = strconv.Itoa(b.MaxBurstKbps * bits)
			}
		}
		policy = &rest
	}
	return qos(w, "port", p.ID, p.ID, string(p.NetworkID), policy, qosPriority, func(string) string { return "" })
}

// gatewayQoS is the rows of what bounds a router's gateway.
func gatewayQoS(w schema.World, r *resources.Router) []Row {
	return qos(w, "router", r.ID, r.GatewayPortID, string(r.ExternalNetworkID), schema.Look(w, r.ExternalQoSPolicyID), qosPriority, func(string) string { return "" })
}

// floatingQoS is the rows of what bounds a floating address: on the external
// network, at the gateway of the router that the address is at.
func floatingQoS(w schema.World, f *resources.FloatingIP) []Row {
	policy := schema.Look(w, f.QoSPolicyID)
	if policy == nil {
		return nil
	}
	r := f.Router(w)
	if r == nil {
		return nil
	}
	return qos(w, "floating_ip", f.ID, r.GatewayPortID, string(f.FloatingNetworkID), policy, floatingQoSPriority, func(side string) string {
		return fmt.Sprintf(" && ip4.%s == %s && is_chassis_resident(%q)", side, f.Address, "cr-lrp-"+r.GatewayPortID)
	})
}
