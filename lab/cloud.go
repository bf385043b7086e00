//go:build linux

package lab

import (
	"fmt"
	"strings"
)

// Hypervisors is what a cloud.hcl says of the hosts' machines.
type Hypervisors string

// The ways to describe them.
const (
	// Modelled: they run no guests; endpoints stand where those would be.
	Modelled Hypervisors = "modelled"
	// Machines: libvirt by its Unix sockets, from anywhere.
	Machines Hypervisors = "machines"
	// MachinesTCP: libvirt by TCP, from the fabric's namespace.
	MachinesTCP Hypervisors = "machines tcp"
)

// Cloud is the text of a cloud.hcl that describes the lab, with its state in an
// SQLite database.
func (l *Lab) Cloud(db string, as Hypervisors) (string, error) {
	r, err := l.load()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(mark)
	fmt.Fprintf(&b, `cloud "lab" {
  state = "sqlite:%s"
`, db)
	if as != Modelled {
		fmt.Fprintf(&b, "  tiny_image = %q\n", l.GuestImage())
	}
	b.WriteString(`  region "lab" {
    zone "a" {}
    zone "b" {}
  }
`)
	for _, h := range hosts {
		fmt.Fprintf(&b, `  host %[1]q {
    zone    = %[2]q
    chassis = %[1]q
`, h.Name, h.Zone)
		tcp := "qemu+tcp://" + h.address(mgmt) + "/system"
		switch as {
		case Modelled:
			b.WriteString("    uri     = \"embedded:\"\n    vcpus   = 16\n    ram_mb  = 65536\n    disk_gb = 1000\n  }\n")
			continue
		case Machines:
			fmt.Fprintf(&b, "    uri           = \"qemu+unix:///system?socket=%s\"\n", l.Libvirt(h.Name))
		case MachinesTCP:
			fmt.Fprintf(&b, "    uri           = %q\n", tcp)
		}
		fmt.Fprintf(&b, `    migration_uri = %q
    virt          = %q
    datapath      = "netdev"
    pools         = { local = { path = %q, tier = "local" } }
  }
`, tcp, r.Virt, poolPath)
	}
	fmt.Fprintf(&b, `  ovn "lab" {
    northbound = ["unix:%s"]
    southbound = ["unix:%s"]
    wait       = "hv"
    physnets = {
      physnet1 = { mtu = 1500, vlan_ranges = ["100:199"], zones = ["a", "b"] }
      physnet2 = { mtu = 1500, vlan_ranges = ["200:209"], zones = ["a"] }
    }
    underlay_mtu = 1500
  }
}
`, l.Northbound(), l.Southbound())
	return b.String(), nil
}
