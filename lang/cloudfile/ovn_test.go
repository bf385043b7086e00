package cloudfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/resources/cloud"
)

const twoZones = `cloud "lab" {
  region "south" {
    zone "a" {}
    zone "b" {}
  }
  host "kvm1" {
    zone    = "a"
    chassis = "hv1"
  }
%s
}`

func TestOVN(t *testing.T) {
	t.Parallel()
	c, _, diags := cloudfile.Parse(fmt.Appendf(nil, twoZones, `
  ovn "south" {
    northbound   = ["ssl:10.0.1.1:6641", "ssl:[2001:db8::2]:6641"]
    southbound   = ["ssl:10.0.1.1:6642"]
    wait         = "sb"
    wait_timeout = "5s"
    underlay_mtu = 9000
    vni_range    = "1:4000"
    physnets     = { physnet1 = { mtu = 9000, vlan_ranges = ["100:199", "300:310"], zones = ["a"] }, physnet2 = {} }
    tls {
      ca   = "file:/etc/cairn/ca.pem"
      cert = "own.pem"
      key  = "file:own.key"
    }
  }`), "cloud.hcl", "/clouds/lab")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := cloud.OVN{Region: "south", Northbound: []string{"ssl:10.0.1.1:6641", "ssl:[2001:db8::2]:6641"}, Southbound: []string{"ssl:10.0.1.1:6642"},
		CA: "/etc/cairn/ca.pem", Cert: "/clouds/lab/own.pem", Key: "/clouds/lab/own.key", Wait: cloud.WaitSB, Patience: 5 * time.Second}
	if len(c.OVN) != 1 || !reflect.DeepEqual(c.OVN[0], want) {
		t.Errorf("got %+v", c.OVN)
	}
	physnets := map[string]cloud.Physnet{
		"physnet1": {MTU: 9000, VLANs: []cloud.VLANRange{{Lo: 100, Hi: 199}, {Lo: 300, Hi: 310}}, Zones: []string{"a"}},
		"physnet2": {MTU: 1500, Zones: []string{"a", "b"}},
	}
	if !reflect.DeepEqual(c.Physnets, physnets) {
		t.Errorf("got %+v", c.Physnets)
	}
	if c.Tunnel != (cloud.Tunnel{VNILo: 1, VNIHi: 4000, UnderlayMTU: 9000}) {
		t.Errorf("got %+v", c.Tunnel)
	}
}

func TestUnsuitableOVN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, block, says string }{
		{"no server", `ovn "s" { northbound = [] }`, "northbound names no server"},
		{"a server without a port", `ovn "s" { northbound = ["tcp:10.0.0.1"] }`, "write tcp:HOST:PORT"},
		{"a protocol that OVSDB has not", `ovn "s" { northbound = ["http://10.0.0.1:80"] }`, "is no server's address"},
		{"nobody to trust", `ovn "s" { northbound = ["ssl:10.0.0.1:6641"] }`, "whom to trust"},
		{"half a certificate", "ovn \"s\" {\n northbound = [\"ssl:10.0.0.1:6641\"]\n tls {\n ca = \"a\"\n cert = \"b\"\n }\n }", "cert and key go together"},
		{"a way to wait that is none", `ovn "s" { 
			northbound = ["unix:/s"] 
			wait = "long" 
		}`, `it is "none", "sb" or "hv"`},
		{"no time span", `ovn "s" { 
			northbound = ["unix:/s"] 
			wait_timeout = "60" 
		}`, "no time span"},
		{"two blocks", "ovn \"s\" { northbound = [\"unix:/s\"] }\n ovn \"t\" { northbound = [\"unix:/t\"] }", "one ovn block"},
		{"a physnet twice", "physnet \"p\" {}\n ovn \"s\" {\n northbound = [\"unix:/s\"]\n physnets = { p = {} }\n }", "described twice"},
		{"a mistyped fact", "ovn \"s\" {\n northbound = [\"unix:/s\"]\n physnets = { p = { vlans = [] } }\n }", "mtu, vlan_ranges and zones"},
		{"a VLAN too high", "ovn \"s\" {\n northbound = [\"unix:/s\"]\n physnets = { p = { vlan_ranges = [\"100:5000\"] } }\n }", "no range of VLANs"},
		{"a zone that is none", "ovn \"s\" {\n northbound = [\"unix:/s\"]\n physnets = { p = { zones = [\"z\"] } }\n }", "which no region has"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, _, diags := cloudfile.Parse(fmt.Appendf(nil, twoZones, c.block), "cloud.hcl", ".")
			if !diags.HasErrors() || !strings.Contains(diags.Error(), c.says) {
				t.Errorf("%v does not say %q", diags, c.says)
			}
		})
	}
}
