package resources

import (
	"errors"
	"fmt"

	"github.com/cairncloud/cairn/resources/schema"
)

// QoSPolicy bounds and marks what passes by the ports, networks, floating
// addresses and routers that name it. A change of it reaches all of them at once.
// Rules: Neutron's QoS policies.
type QoSPolicy struct {
	object

	// Shared policies can be used by every project.
	Shared bool `hcl:"shared,optional"`

	// IsDefault makes it the policy of the project's networks that name none. A
	// project has at most one.
	IsDefault bool `hcl:"is_default,optional"`

	// BandwidthLimits drop what is more than so much: one of each direction.
	BandwidthLimits []BandwidthLimit `hcl:"bandwidth_limits,optional"`

	// DSCPMarking marks packets for the network outside.
	DSCPMarking *DSCPMarking `hcl:"dscp_marking,optional"`

	// MinimumBandwidth is kept free for each port on its provider network.
	MinimumBandwidth *MinimumBandwidth `hcl:"minimum_bandwidth,optional"`
}

// BandwidthLimit is how much may pass.
type BandwidthLimit struct {
	// MaxKbps is how much, in kilobits a second.
	MaxKbps int `hcl:"max_kbps" check:"min=1,max=4294967295"`
	// MaxBurstKbps is how much more may come at once, in kilobits. What OVS allows by itself, unless set.
	MaxBurstKbps int `hcl:"max_burst_kbps,optional" check:"min=1,max=4294967295"`
	// Direction is egress (from the port) or ingress (to it).
	Direction Direction `hcl:"direction,optional" default:"egress"`
}

// DSCPMarking marks packets from a port.
type DSCPMarking struct {
	// DSCPMark is the mark (RFC 2474), from 0 to 56; not every number is one.
	DSCPMark *int `hcl:"dscp_mark"`
}

// MinimumBandwidth is how much is kept free.
type MinimumBandwidth struct {
	// MinKbps is how much, in kilobits a second.
	MinKbps int `hcl:"min_kbps" check:"min=1,max=4294967295"`
	// Direction is egress: nobody can keep free what others send.
	Direction Direction `hcl:"direction,optional" default:"egress"`
}

// marks are the values of DSCP that mean something, as Neutron has them.
var marks = map[int]bool{0: true, 8: true, 10: true, 12: true, 14: true, 16: true, 18: true, 20: true, 22: true, 24: true, 26: true, 28: true, 30: true, 32: true, 34: true, 36: true, 38: true, 40: true, 46: true, 48: true, 56: true}

// Check reports limits that contradict each other, and what OVN can't keep.
func (p *QoSPolicy) Check() error {
	var all schema.Problems
	seen := map[Direction]bool{}
	for i, b := range p.BandwidthLimits {
		at := fmt.Sprintf("bandwidth_limits[%d]", i)
		if seen[b.Direction] {
			all = append(all, schema.Problem{Attribute: at, Summary: fmt.Sprintf("There are two limits of %s", b.Direction), Detail: "Keep one of each direction."})
		}
		seen[b.Direction] = true
		if m := p.MinimumBandwidth; m != nil && m.Direction == b.Direction && m.MinKbps > b.MaxKbps {
			all = append(all, schema.Problem{Attribute: at, Summary: "Less may pass than is kept free", Detail: fmt.Sprintf("minimum_bandwidth keeps %d kbps. Allow at least as much.", m.MinKbps)})
		}
	}
	if d := p.DSCPMarking; d != nil && d.DSCPMark != nil && !marks[*d.DSCPMark] {
		all = append(all, schema.Problem{Attribute: "dscp_marking", Summary: fmt.Sprintf("%d is no mark", *d.DSCPMark), Detail: "Use 0, an even number from 8 to 40, 46, 48 or 56 (RFC 2474)."})
	}
	if m := p.MinimumBandwidth; m != nil && m.Direction != Egress {
		all = append(all, schema.Problem{Code: "CRN-VER", Attribute: "minimum_bandwidth", Summary: "OVN can't keep bandwidth free for what comes in", Detail: "Use direction egress, on the ports of those who send."})
	}
	return all.Err()
}

// Claims takes the name, and the place of the project's default.
func (p *QoSPolicy) Claims(w schema.World, l schema.Ledger) error {
	if err := p.claim(w, l, "qos_policy", ""); err != nil {
		return err
	}
	if !p.IsDefault {
		return nil
	}
	err := l.Name("default QoS policy of project", string(p.ProjectID))
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-NAME", Attribute: "is_default", Summary: "The project has a default policy already", Detail: fmt.Sprintf("It is %s.", taken.Holder)}
	}
	return err
}

// fits reports a network on which the policy can't be kept.
func (p *QoSPolicy) fits(n *Network, attribute string) *schema.Problem {
	if p.MinimumBandwidth == nil || len(n.wires()) > 0 {
		return nil
	}
	return &schema.Problem{Code: "CRN-VER", Attribute: attribute, Summary: "OVN keeps bandwidth free on provider networks alone", Detail: fmt.Sprintf("Network %s is an overlay. Take minimum_bandwidth out of policy %s, or use another policy.", n.Name, p.Name)}
}

// PolicyOf is the policy of a network's ports that name none: the network's or,
// where that names none, its project's default; nil for none.
func PolicyOf(w schema.World, n *Network) *QoSPolicy {
	if n.QoSPolicyID != "" {
		return schema.Look(w, n.QoSPolicyID)
	}
	for p := range schema.Where[QoSPolicy](w, "project_id", string(n.ProjectID)) {
		if p.IsDefault {
			return p
		}
	}
	return nil
}
