//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
)

// Slots is how many stories can have a VLAN of physnet1 to themselves: VLAN 100
// and up.
const Slots = 41

// A Slot is a VLAN of physnet1 with what is beyond it.
type Slot struct {
	VLAN        int
	Net, Net6   string // prefixes
	Gate, Gate6 string // the outside's addresses in them
}

// SlotAt is the slot number n, below Slots.
func SlotAt(n int) Slot {
	v := 100 + n
	return Slot{
		VLAN: v,
		Net:  fmt.Sprintf("172.25.%d.0/24", v), Gate: fmt.Sprintf("172.25.%d.254", v),
		Net6: fmt.Sprintf("2001:db8:%d::/64", v), Gate6: fmt.Sprintf("2001:db8:%d::fe", v),
	}
}

// A leg is an address pair of the outside in one network. Legs are ports of a switch
// of its own, because not every kernel knows VLANs.
type leg struct {
	name, physnet string
	vlan          int // 0 for untagged
	four, six     string
}

// legs gives the outside an address in every network that a story may use: physnet1
// untagged and a VLAN a slot, physnet2 untagged and VLANs 200 to 209.
func legs() []leg {
	all := []leg{
		{"flat1", "physnet1", 0, "172.24.0.254", "2001:db8:24::fe"},
		{"flat2", "physnet2", 0, "172.26.0.254", "2001:db8:26::fe"},
	}
	for n := range Slots {
		s := SlotAt(n)
		all = append(all, leg{fmt.Sprintf("vlan%d", s.VLAN), "physnet1", s.VLAN, s.Gate, s.Gate6})
	}
	for v := 200; v < 210; v++ {
		all = append(all, leg{fmt.Sprintf("vlan%d", v), "physnet2", v, fmt.Sprintf("172.26.%d.254", v), fmt.Sprintf("2001:db8:%d::fe", v)})
	}
	return all
}

// startOutside starts the switch that the world outside is plugged into.
func (l *Lab) startOutside(ctx context.Context) error {
	if err := os.MkdirAll(l.path("outside"), 0o755); err != nil {
		return err
	}
	if err := createDB(ctx, l.path("outside", "conf.db"), schemas+"/openvswitch/vswitch.ovsschema"); err != nil {
		return err
	}
	if err := l.Start(ctx, "outside/ovsdb"); err != nil {
		return err
	}
	if _, err := l.vsctl(ctx, "outside", append([]string{"--no-wait"}, outsidePlan()...)...); err != nil {
		return err
	}
	return l.Start(ctx, "outside/vswitchd")
}

func outsidePlan() []string {
	plan := []string{"--", "set", "Open_vSwitch", ".", "other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1"}
	for _, physnet := range []string{"physnet1", "physnet2"} {
		br := "br-" + physnet
		plan = append(plan, "--", "--may-exist", "add-br", br, "--", "set", "Bridge", br, "datapath_type=netdev",
			"--", "--may-exist", "add-port", br, physnet)
	}
	for _, g := range legs() {
		plan = append(plan, "--", "--may-exist", "add-port", "br-"+g.physnet, g.name, fmt.Sprintf("tag=%d", g.vlan),
			"--", "set", "Interface", g.name, "type=internal")
	}
	return plan
}

// dressOutside gives the legs their addresses.
func (l *Lab) dressOutside(ctx context.Context) error {
	var plan []string
	for _, g := range legs() {
		plan = append(plan, "link set "+g.name+" up",
			fmt.Sprintf("addr replace %s/24 dev %s", g.four, g.name), fmt.Sprintf("addr replace %s/64 dev %s", g.six, g.name))
	}
	return ipBatch(ctx, outsideNS, plan...)
}
