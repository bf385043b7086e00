package resources_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
)

const edge = `
resource "network" "out" {
  external = true
  segments = [{ network_type = "vlan", physical_network = "physnet1", segmentation_id = 101 }]
}
resource "subnet" "out" {
  network_id = network.out.id
  cidr       = "203.0.113.0/24"
}
resource "router" "edge" { external_network_id = network.out.id }
resource "network" "in" {}
resource "subnet" "in" {
  network_id = network.in.id
  cidr       = "10.0.0.0/24"
}
resource "router_interface" "in" {
  router_id = router.edge.id
  subnet_id = subnet.in.id
}
resource "port" "web" { network_id = network.in.id }
resource "floating_ip" "web" { floating_network_id = network.out.id }
`

const front = edge + `
resource "load_balancer" "front" { vip_network_id = network.in.id }
resource "lb_pool" "web" {
  loadbalancer_id = load_balancer.front.id
  protocol        = "TCP"
  lb_method       = "SOURCE_IP_PORT"
}
resource "lb_listener" "web" {
  loadbalancer_id = load_balancer.front.id
  protocol        = "TCP"
  protocol_port   = 80
  default_pool_id = lb_pool.web.id
}
resource "lb_member" "web" {
  pool_id       = lb_pool.web.id
  address       = port.web.fixed_ips[0].ip_address
  protocol_port = 8080
}
resource "lb_health_monitor" "web" {
  pool_id     = lb_pool.web.id
  type        = "TCP"
  delay       = 5
  timeout     = 3
  max_retries = 2
}
`

// planned finds the only object of a type that a plan has.
func planned[T any](s *site, p *planner.Plan, typ string) *T {
	s.Helper()
	for _, c := range p.Changes {
		if c.Type.Name == typ {
			return must(c.Type.ToGo(c.Planned)).(*T)
		}
	}
	s.Fatalf("no %s is planned", typ)
	return nil
}

func must(o any, err error) any {
	if err != nil {
		panic(err)
	}
	return o
}

// A load balancer with all that belongs to it is known in the plan, applied in one
// go, and leaves nothing to do and nothing behind.
func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	whole := front + `
resource "floating_ip" "front" {
  floating_network_id = network.out.id
  port_id             = load_balancer.front.vip_port_id
  depends_on          = [router_interface.in]
}
`
	p := s.apply(whole, planner.Options{})
	b := planned[resources.LoadBalancer](s, p, "load_balancer")
	m := planned[resources.LBMember](s, p, "lb_member")
	in := netip.MustParsePrefix("10.0.0.0/24")
	if !in.Contains(b.VIPAddress) || b.VIPPortID == "" || m.SubnetID == "" || !in.Contains(m.MonitorSourceIP) {
		t.Errorf("planned were %+v and %+v", b, m)
	}
	if again, diags := s.plan(whole, planner.Options{}); diags.HasErrors() || len(again.Changes) > 0 {
		t.Errorf("something is left to do: %v %v", again.Changes, diags)
	}
	s.apply(strings.Replace(whole, `protocol_port = 8080`, "protocol_port = 8080\n  weight = 0", 1), planner.Options{})
	words := strings.Replace(whole, "vip_network_id = network.in.id", "\n  vip_network_id = network.in.id\n  description = \"words\"\n", 1)
	if again := planned[resources.LoadBalancer](s, s.apply(words, planner.Options{}), "load_balancer"); again.VIPAddress != b.VIPAddress || again.ID != b.ID {
		t.Errorf("described, it became %+v", again)
	}
	if again, diags := s.plan(words, planner.Options{}); diags.HasErrors() || len(again.Changes) > 0 {
		t.Errorf("something is left to do: %v %v", again.Changes, diags)
	}
	s.apply("", planner.Options{})
}

// Ranges of a pool are chosen while planning, no two of them the same, and come
// back when their subnet goes.
func TestSubnetsOfAPool(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := `
resource "subnet_pool" "p" {
  prefixes          = ["10.64.0.0/22"]
  default_prefixlen = 24
}
resource "network" "n" { count = 4 }
resource "subnet" "s" {
  count          = 4
  network_id     = network.n[count.index].id
  subnet_pool_id = subnet_pool.p.id
  prefix_length  = [24, 25, 25, 24][count.index]
}
`
	p := s.apply(config, planner.Options{})
	var ranges []netip.Prefix
	for _, c := range p.Changes {
		if c.Type.Name == "subnet" {
			ranges = append(ranges, must(c.Type.ToGo(c.Planned)).(*resources.Subnet).CIDR)
		}
	}
	slices.SortFunc(ranges, func(a, b netip.Prefix) int { return a.Compare(b) })
	if got := fmt.Sprint(ranges); got != "[10.64.0.0/24 10.64.1.0/25 10.64.1.128/25 10.64.2.0/24]" {
		t.Errorf("the subnets have %s", got)
	}
	if again, diags := s.plan(config, planner.Options{}); diags.HasErrors() || len(again.Changes) > 0 {
		t.Errorf("something is left to do: %v %v", again.Changes, diags)
	}
	more := config + `
resource "network" "more" {}
resource "subnet" "more" {
  network_id     = network.more.id
  subnet_pool_id = subnet_pool.p.id
  prefix_length  = 23
}
`
	if _, diags := s.plan(more, planner.Options{}); !strings.Contains(diags.Error(), "no room left") {
		t.Errorf("a pool without room: %v", diags)
	}
	if _, diags := s.plan(strings.Replace(more, `10.64.0.0/22"`, `10.64.0.0/22", "10.80.0.0/22"`, 1), planner.Options{}); diags.HasErrors() {
		t.Errorf("a pool that has grown: %v", diags)
	}
}

// Two routers find each other's subnets, also when each stack block names the other.
func TestRouterPeering(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := edge + `
resource "router" "lab" {}
resource "network" "lab" {}
resource "subnet" "lab" {
  network_id = network.lab.id
  cidr       = "10.9.0.0/24"
}
resource "router_interface" "lab" {
  router_id = router.lab.id
  subnet_id = subnet.lab.id
}
resource "router_peering" "both" {
  router_id      = router.edge.id
  peer_router_id = router.lab.id
}
`
	p := planned[resources.RouterPeering](s, s.apply(config, planner.Options{}), "router_peering")
	if len(p.Networks) != 2 || !netip.MustParsePrefix("169.254.0.0/17").Contains(p.Networks[0].Addr()) || p.Networks[0].Bits() != 30 {
		t.Errorf("the wire has %v", p.Networks)
	}
	same := strings.Replace(config, "10.9.0.0/24", "10.0.0.0/25", 1)
	if _, diags := s.plan(same, planner.Options{}); !strings.Contains(diags.Error(), "overlap") {
		t.Errorf("ranges that both have: %v", diags)
	}
	s.apply("", planner.Options{})
}

func TestNetworksThatCantBe(t *testing.T) {
	t.Parallel()
	forward := `
resource "port_forwarding" "f" {
  floating_ip_id   = floating_ip.web.id
  protocol         = "tcp"
  external_port    = 2222
  internal_port_id = port.web.id
  internal_port    = 22
}
`
	for _, c := range []struct {
		reason, config, says string // "" when it can be
	}{
		{"a forwarding", edge + forward, ""},
		{"an address that is forwarded and led", strings.Replace(edge, "floating_network_id = network.out.id", "\n  floating_network_id = network.out.id\n  port_id = port.web.id\n", 1) + forward, "leads to a port already"},
		{"a forwarding to a load balancer", front + strings.Replace(forward, "port.web.id", "load_balancer.front.vip_port_id", 1), "takes no forwarding"},
		{"a port that is forwarded twice", edge + forward + strings.Replace(strings.Replace(forward, `"f"`, `"g"`, 1), "external_port    = 2222", `external_port_range = "2220:2230"`, 1), "forwarded already"},
		{"a port that listens twice", front + `
resource "lb_listener" "again" {
  loadbalancer_id = load_balancer.front.id
  protocol        = "TCP"
  protocol_port   = 80
}`, "listens there already"},
		{"members in turn", strings.Replace(front, "SOURCE_IP_PORT", "ROUND_ROBIN", 1), "Use SOURCE_IP_PORT"},
		{"requests", strings.Replace(front, `"TCP"
  protocol_port   = 80`, `"HTTP"
  protocol_port   = 80`, 1), "Use TCP"},
		{"a member that nothing reaches", front + `
resource "network" "far" {}
resource "subnet" "far" {
  network_id = network.far.id
  cidr       = "10.7.0.0/24"
}
resource "lb_member" "far" {
  pool_id       = lb_pool.web.id
  address       = "10.7.0.9"
  protocol_port = 80
  subnet_id     = subnet.far.id
}`, "does not reach the member"},
		{"a second monitor", front + `
resource "lb_health_monitor" "again" {
  pool_id     = lb_pool.web.id
  type        = "TCP"
  delay       = 5
  timeout     = 3
  max_retries = 2
}`, "has a monitor already"},
		{"a policy of an overlay that keeps bandwidth free", `
resource "qos_policy" "p" { minimum_bandwidth = { min_kbps = 10 } }
resource "network" "n" { qos_policy_id = qos_policy.p.id }`, "provider networks alone"},
		{"a virtual address", edge + `
resource "port" "shared" {
  network_id = network.in.id
  fixed_ips  = [{ ip_address = "10.0.0.200" }]
  virtual_ip = { parents = [port.web.id] }
}`, "may not send from the virtual address"},
		{"a subnet without a range", `
resource "network" "n" {}
resource "subnet" "s" { network_id = network.n.id }`, "has no range"},
		{"a subnet of the default pool", `
resource "subnet_pool" "p" {
  prefixes   = ["10.64.0.0/10"]
  is_default = true
}
resource "network" "n" {}
resource "subnet" "s" {
  network_id = network.n.id
  depends_on = [subnet_pool.p]
}`, ""},
		{"two default policies", `
resource "qos_policy" "p" { is_default = true }
resource "qos_policy" "q" { is_default = true }`, "default policy already"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, diags := newSite(t).plan(c.config, planner.Options{})
			switch {
			case c.says == "" && diags.HasErrors():
				t.Error(diags)
			case c.says != "" && !strings.Contains(diags.Error(), c.says):
				t.Errorf("%v\ndoes not say %q", diags, c.says)
			}
		})
	}
}

// Gateways are on hosts that OVN says are made for them, plugged in, and in the
// zones that the author names.
func TestGatewayHosts(t *testing.T) {
	t.Parallel()
	all := []cloud.Chassis{
		{Name: "c1", Zones: []string{"z1"}, Physnets: []string{"physnet1"}, Gateway: true},
		{Name: "c2", Zones: []string{"z1"}, Physnets: []string{"physnet1", "physnet2"}, Gateway: true},
		{Name: "c3", Zones: []string{"z2"}, Physnets: []string{"physnet1"}},
		{Name: "c4", Zones: []string{"z2"}, Physnets: []string{"physnet2"}, Gateway: true},
	}
	unplugged := slices.Clone(all)
	for i := range unplugged {
		unplugged[i].Physnets = []string{"physnet2"}
	}
	for _, c := range []struct {
		reason  string
		chassis []cloud.Chassis
		zones   []string // that physnet1 reaches
		router  string
		want    string // the hosts, or what is said
	}{
		{"those that are plugged in", all, nil, "", "[c1 c2]"},
		{"in a zone", all, nil, `availability_zone_hints = ["z1"]`, "[c1 c2]"},
		{"in a zone where none is plugged in", all, nil, `availability_zone_hints = ["z2"]`, "c4 lacks physnet1"},
		{"in a zone that has none", all, nil, `availability_zone_hints = ["z9"]`, "No gateway can be in these zones"},
		{"nobody is plugged in", unplugged, nil, "", "c1 lacks physnet1, c2 lacks physnet1, c4 lacks physnet1"},
		{"none is made for gateways: all may have them", []cloud.Chassis{{Name: "c9", Physnets: []string{"physnet1"}}}, nil, "", "[c9]"},
		{"a host that the wire must reach", all, []string{"z2"}, "", "OVN knows no bridge for it on: c4"},
		{"a group", all, nil, "gateway_group_id = gateway_group.g.id", "[]"},
		{"a group on a host without the wire", all, nil, "gateway_group_id = gateway_group.far.id", "these have no bridge for it: c4"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Cloud.Chassis = c.chassis
			p1 := s.Cloud.Physnets["physnet1"]
			p1.Zones = c.zones
			s.Cloud.Physnets["physnet1"] = p1
			config := strings.Replace(edge, "external_network_id = network.out.id }", "\n  external_network_id = network.out.id\n  "+c.router+"\n}", 1)
			if strings.Contains(c.router, "group") {
				config += "resource \"gateway_group\" \"g\" { chassis = [\"c2\", \"c1\"] }\nresource \"gateway_group\" \"far\" { chassis = [\"c4\"] }\n"
			}
			plan, diags := s.plan(config, planner.Options{})
			got := diags.Error()
			if !diags.HasErrors() {
				got = fmt.Sprint(planned[resources.Router](s, plan, "router").GatewayChassis)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s\nis not %s", got, c.want)
			}
		})
	}
}

// What is full says so, and what to do.
func TestVLANsThatAreTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Cloud.Physnets["physnet1"] = cloud.Physnet{MTU: 1500, VLANs: []cloud.VLANRange{{Lo: 10, Hi: 10}, {Lo: 20, Hi: 21}}}
	config := `resource "network" "n" {
  count    = %d
  segments = [{ network_type = "vlan", physical_network = "physnet1" }]
}
`
	p := s.apply(fmt.Sprintf(config, 3), planner.Options{})
	var got []int
	for _, c := range p.Changes {
		if c.Type.Name == "network" {
			got = append(got, must(c.Type.ToGo(c.Planned)).(*resources.Network).Segments[0].SegmentationID)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, []int{10, 20, 21}) {
		t.Errorf("the networks have VLANs %v", got)
	}
	if _, diags := s.plan(fmt.Sprintf(config, 4), planner.Options{}); !strings.Contains(diags.Error(), "10 to 10 and 20 to 21: add to its vlan_ranges") {
		t.Errorf("a fourth one: %v", diags)
	}
}

// The author's words and the system's: ranges of ports, the ends of a wire.
func TestPortsOfAForwarding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		f      resources.PortForwarding
		says   string
	}{
		{"one port", resources.PortForwarding{ExternalPort: 80, InternalPort: 8080}, ""},
		{"a range to as many", resources.PortForwarding{ExternalPortRange: "80:89", InternalPortRange: "8080:8089"}, ""},
		{"a range to one", resources.PortForwarding{ExternalPortRange: "80:89", InternalPort: 8080}, ""},
		{"a range of another length", resources.PortForwarding{ExternalPortRange: "80:89", InternalPortRange: "80:90"}, "10 ports lead to 11"},
		{"a range that is reversed", resources.PortForwarding{ExternalPortRange: "89:80", InternalPort: 1}, "no range of ports"},
		{"a port and a range", resources.PortForwarding{ExternalPort: 1, ExternalPortRange: "1:2", InternalPort: 1}, "Set external_port or external_port_range"},
		{"no port", resources.PortForwarding{ExternalPort: 1}, "Set internal_port or internal_port_range"},
		{"too many", resources.PortForwarding{ExternalPortRange: "1:2000", InternalPort: 1}, "at most 1024"},
	} {
		err := c.f.Check()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
	for text, want := range map[string]string{"169.254.0.4/30": "169.254.0.5 169.254.0.6", "169.254.0.4/31": "169.254.0.4 169.254.0.5", "fd00::4/126": "fd00::5 fd00::6", "fd00::4/127": "fd00::4 fd00::5"} {
		if a, b := resources.Ends(netip.MustParsePrefix(text)); fmt.Sprint(a, " ", b) != want {
			t.Errorf("the ends of %s are %s and %s", text, a, b)
		}
	}
}
