//go:build linux

package lab

import (
	"fmt"
	"strings"
)

// Cloud is the text of a cloud.hcl that describes the lab, with its state in an
// SQLite database.
func (l *Lab) Cloud(db string) string {
	var b strings.Builder
	b.WriteString(mark)
	fmt.Fprintf(&b, `cloud "lab" {
  state = "sqlite:%s"
  region "lab" {
    zone "a" {}
    zone "b" {}
  }
`, db)
	for _, h := range hosts {
		fmt.Fprintf(&b, `  host %[1]q {
    uri     = "embedded:"
    zone    = %[2]q
    chassis = %[1]q
    vcpus   = 16
    ram_mb  = 65536
    disk_gb = 1000
  }
`, h.Name, h.Zone)
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
	return b.String()
}
