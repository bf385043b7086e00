package rows

import (
	"fmt"
	"strconv"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// network is a switch, the group that guards its ports, and a localnet port where
// it leaves the overlay. Names
// begin with cairn-, because OVN's tools take a bare UUID for a row's own.
func network(w schema.World, n *resources.Network) []Row {
	s := newRow(w, "network", n.ID, "Logical_Switch", "")
	config := Map{"mcast_snoop": "false", "mcast_flood_unregistered": "false", "vlan-passthru": "false"}
	if n.External {
		config["broadcast-arps-to-all-routers"] = "true"
	}
	s.Columns["name"] = "cairn-" + n.ID
	s.Columns["other_config"] = config
	s.mark("network_name", n.Name)
	s.mark("mtu", strconv.Itoa(n.MTU))
	all := append([]Row{s}, dropGroup(w, n)...)
	for i, seg := range n.Segments {
		if i == 0 {
			s.mark("network_type", string(seg.NetworkType))
			s.mark("physnet", seg.PhysicalNetwork)
		}
		if seg.NetworkType == resources.Geneve {
			config["requested-tnl-key"] = strconv.Itoa(seg.SegmentationID)
			continue
		}
		config["fdb_age_threshold"] = "0"
		l := newRow(w, "network", n.ID, "Logical_Switch_Port", fmt.Sprintf("segment %d", i))
		l.Columns["name"] = "provnet-" + l.ID
		l.Columns["type"] = "localnet"
		l.Columns["addresses"] = set("unknown")
		l.Columns["options"] = Map{"network_name": seg.PhysicalNetwork, "mcast_flood": "false", "mcast_flood_reports": "true", "localnet_learn_fdb": "false"}
		if seg.NetworkType == resources.VLAN {
			l.Columns["tag_request"] = seg.SegmentationID
		}
		l.in("Logical_Switch", n.ID, "", "ports")
		all = append(all, l)
	}
	return all
}

// provider reports whether a network leaves the overlay by a wire.
func provider(n *resources.Network) bool {
	for _, s := range n.Segments {
		if s.NetworkType != resources.Geneve {
			return true
		}
	}
	return false
}
