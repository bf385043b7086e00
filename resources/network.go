package resources

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// Network is a switch that spans every host: what is plugged into it is on one
// wire. Rules: Neutron's networks, on OVN logical switches.
type Network struct {
	object

	// AdminStateUp lets its ports carry packets.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// External networks lead out of the cloud: routers have their gateways and
	// floating addresses on them.
	External bool `hcl:"external,optional" hot:"router:external"`

	// Shared networks can be used by every project.
	Shared bool `hcl:"shared,optional"`

	// Segments say how the network is carried between hosts. One overlay segment,
	// unless set.
	Segments []Segment `hcl:"segments,optional" plan:"assigned,replace"`

	// MTU is the largest packet in bytes. What its segment can carry, unless set.
	MTU int `hcl:"mtu,optional" plan:"assigned,live" check:"min=68,max=65535"`

	// PortSecurityEnabled lets ports send from their own addresses only. The default
	// for the network's ports.
	PortSecurityEnabled *bool `hcl:"port_security_enabled,optional" default:"true"`

	// DNSDomain is the domain of its ports' names, with a dot at the end.
	DNSDomain string `hcl:"dns_domain,optional" check:"pattern=[a-z0-9.-]+[.]"`

	// QoSPolicyID bounds what passes by its ports that name no policy of their own.
	// The project's default policy, unless set.
	QoSPolicyID schema.Ref[QoSPolicy] `hcl:"qos_policy_id,optional" hot:"qos_policy"`
}

// Segment is how a network is carried between hosts.
type Segment struct {
	// NetworkType is geneve (an overlay), vlan or flat.
	NetworkType NetworkType `hcl:"network_type"`

	// PhysicalNetwork is the wire that a vlan or flat network is on.
	PhysicalNetwork string `hcl:"physical_network,optional"`

	// SegmentationID is the VLAN or the overlay's number. A free one, unless set.
	SegmentationID int `hcl:"segmentation_id,optional" plan:"assigned" check:"min=1,max=16777215"`
}

// NetworkType is a way to carry a network between hosts.
type NetworkType string

// The types of segments that OVN carries.
const (
	Geneve NetworkType = "geneve"
	VLAN   NetworkType = "vlan"
	Flat   NetworkType = "flat"
)

// Values lists the types.
func (NetworkType) Values() []string { return []string{string(Geneve), string(VLAN), string(Flat)} }

// GeneveOverhead is what geneve over IPv4 adds to each packet, in bytes (RFC 8926).
const GeneveOverhead = 58

// Check reports segments that can't be.
func (n *Network) Check() error {
	var all schema.Problems
	for i, s := range n.Segments {
		at := fmt.Sprintf("segments[%d]", i)
		switch {
		case s.NetworkType == Geneve && s.PhysicalNetwork != "":
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: at, Summary: "An overlay has no physical network", Detail: "Take physical_network out, or make it a vlan or flat network."})
		case s.NetworkType != Geneve && s.PhysicalNetwork == "":
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: at, Summary: fmt.Sprintf("A %s network is on a physical network", s.NetworkType), Detail: "Say which one with physical_network; data \"physical_network\" knows them."})
		case s.NetworkType == Flat && s.SegmentationID != 0:
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: at, Summary: "A flat network has no number", Detail: "Take segmentation_id out, or make it a vlan."})
		case s.NetworkType == VLAN && s.SegmentationID > 4094:
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: at, Summary: "There is no such VLAN", Detail: "A VLAN is a number from 1 to 4094."})
		}
	}
	return all.Err()
}

// Claims chooses the segment and the MTU.
func (n *Network) Claims(w schema.World, l schema.Ledger) error {
	if err := n.claim(w, l, "network", "networks"); err != nil {
		return err
	}
	if len(n.Segments) == 0 {
		n.Segments = []Segment{{NetworkType: Geneve}}
	}
	c := w.Cloud()
	room := 0
	for i := range n.Segments {
		s := &n.Segments[i]
		carries := c.Tunnel.UnderlayMTU - GeneveOverhead
		space, numbers := "segment geneve", []cloud.VLANRange{{Lo: c.Tunnel.VNILo, Hi: c.Tunnel.VNIHi}}
		if s.NetworkType != Geneve {
			p, ok := c.Physnets[s.PhysicalNetwork]
			if !ok {
				return schema.Problem{Code: "CRN-SEG-1", Attribute: fmt.Sprintf("segments[%d]", i), Summary: fmt.Sprintf("There is no physical network %q", s.PhysicalNetwork), Detail: physnetsText(w)}
			}
			carries = p.MTU
			space, numbers = "segment vlan "+s.PhysicalNetwork, p.VLANs
		}
		if room == 0 || carries < room {
			room = carries
		}
		if err := s.number(l, space, numbers); err != nil {
			return schema.Problem{Code: "CRN-SEG-1", Attribute: fmt.Sprintf("segments[%d]", i), Summary: "The segment can't be had", Detail: err.Error() + "."}
		}
	}
	if n.MTU == 0 {
		n.MTU = room
	}
	if n.MTU > room {
		return schema.Problem{Code: "CRN-SEG-1", Attribute: "mtu", Summary: "Packets would not fit", Detail: fmt.Sprintf("Its segment carries at most %d bytes. Lower mtu, or leave it out.", room)}
	}
	return nil
}

// number takes the segment's number, or chooses one of the ranges.
func (s *Segment) number(l schema.Ledger, space string, ranges []cloud.VLANRange) error {
	switch {
	case s.NetworkType == Flat:
		return l.Claim("segment flat", s.PhysicalNetwork)
	case s.SegmentationID != 0:
		return l.Claim(space, strconv.Itoa(s.SegmentationID))
	}
	var n uint64
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		n += uint64(r.Hi - r.Lo + 1)
		texts[i] = fmt.Sprintf("%d to %d", r.Lo, r.Hi)
	}
	key, err := l.Choose(space, n, func(i uint64) string {
		for _, r := range ranges {
			if c := uint64(r.Hi - r.Lo + 1); i >= c {
				i -= c
				continue
			}
			return strconv.FormatUint(uint64(r.Lo)+i, 10)
		}
		return ""
	})
	switch {
	case len(ranges) == 0:
		return errors.New("physnet " + s.PhysicalNetwork + " has no VLANs to choose from: say which one with segmentation_id")
	case errors.Is(err, schema.ErrNoneLeft) && s.NetworkType == VLAN:
		return fmt.Errorf("networks have every VLAN of physnet %s that cairn may choose from, %s: add to its vlan_ranges in cloud.hcl, or say which one with segmentation_id", s.PhysicalNetwork, strings.Join(texts, " and "))
	case errors.Is(err, schema.ErrNoneLeft):
		return fmt.Errorf("networks have every overlay number from %s", strings.Join(texts, " and "))
	case err != nil:
		return err
	}
	s.SegmentationID, err = strconv.Atoi(key)
	return err
}

// Checks reports hosts without the network's wire, in zones that the wire must
// reach.
func (n *Network) Checks(w schema.World) error {
	c := w.Cloud()
	var all schema.Problems
	for i, s := range n.Segments {
		if s.NetworkType == Geneve {
			continue
		}
		zones := c.Physnets[s.PhysicalNetwork].Zones
		var without []string
		for _, x := range c.Chassis {
			if slices.ContainsFunc(zonesOf(c, x), func(z string) bool { return slices.Contains(zones, z) }) && !slices.Contains(x.Physnets, s.PhysicalNetwork) {
				without = append(without, x.Name)
			}
		}
		if len(without) > 0 {
			all = append(all, schema.Problem{Code: "CRN-SEG-1", Attribute: fmt.Sprintf("segments[%d]", i), Summary: fmt.Sprintf("Hosts are not plugged into %s", s.PhysicalNetwork),
				Detail: fmt.Sprintf("cloud.hcl says that %s reaches %s, but OVN knows no bridge for it on: %s. Add it to their ovn-bridge-mappings, or take their zones off the physnet.", s.PhysicalNetwork, strings.Join(zones, ", "), strings.Join(without, ", "))})
		}
	}
	if p := schema.Look(w, n.QoSPolicyID); p != nil {
		if err := p.fits(n, "qos_policy_id"); err != nil {
			all = append(all, *err)
		}
	}
	return all.Err()
}

func physnetsText(w schema.World) string {
	return "The cloud has: " + strings.Join(slices.Sorted(maps.Keys(w.Cloud().Physnets)), ", ") + "."
}
