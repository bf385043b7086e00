package ovn

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/ovn/trace"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

// whole is OVN without its hosts: both databases and northd between them.
type whole struct {
	*database
	sb string
}

// startWhole starts OVN, or skips where it is not installed.
func startWhole(t testing.TB) *whole {
	t.Helper()
	const sbSchema = "/usr/share/ovn/ovn-sb.ovsschema"
	for _, tool := range []string{"ovn-northd", "ovn-trace", "ovn-sbctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on PATH: install ovn-central to hold traces to OVN's", tool)
		}
	}
	if _, err := os.Stat(sbSchema); err != nil {
		t.Skipf("no southbound schema: %v", err)
	}
	nb, sb := startDatabase(t), startDatabaseOf(t, sbSchema)
	pid := filepath.Join(nb.dir, "northd.pid")
	nb.run("ovn-northd", "--detach", "--no-chdir", "--pidfile="+pid, "--unixctl="+filepath.Join(nb.dir, "northd.ctl"), "--log-file="+filepath.Join(nb.dir, "northd.log"),
		"-vconsole:off", "--ovnnb-db="+nb.remote, "--ovnsb-db="+sb.remote)
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("kill", "-9", strings.TrimSpace(string(text))).Run() })
	for i, h := range []string{"h1", "h2"} {
		nb.run("ovn-sbctl", "--db="+sb.remote, "chassis-add", h, "geneve", fmt.Sprintf("192.0.2.%d", i+1), "--",
			"set", "Chassis", h, "other_config:ct-no-masked-label=true", "other_config:mac-binding-timestamp=true")
	}
	return &whole{nb, sb.remote}
}

func (o *whole) driver() *Driver {
	drv := Open(providertest.Cloud(), cloud.OVN{Region: "test", Northbound: []string{o.remote}, Southbound: []string{o.sb}, Wait: cloud.WaitSB})
	o.Cleanup(func() { _ = drv.Close() })
	return drv
}

// failer is a test, or one run of a law.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// write makes a stack on OVN, and answers with its rows.
func (o *whole) write(t failer, drv *Driver, objects []any) *trace.Net {
	t.Helper()
	w := world.New(resources.All(), providertest.Cloud(), objects...)
	o.make(drv, w, objects...)
	var all []rows.Row
	for _, x := range objects {
		all = append(all, rows.Of(w, x)...)
	}
	return trace.New(all)
}

// hold compares what is worked out of a packet with what OVN says.
func hold(t failer, drv *Driver, n *trace.Net, from, to trace.End, p trace.Packet) (asked int) {
	t.Helper()
	a, err := n.Trace(from, to, p)
	if err != nil {
		return 0 // two IP versions, or both ends outside
	}
	for _, x := range []struct {
		what  string
		reply bool
		q     trace.Question
		steps []trace.Step
	}{{"the packet", false, a.Question, a.Steps}, {"the reply", true, a.ReplyQuestion, a.Reply}} {
		if x.q.Datapath == "" {
			continue
		}
		printed, err := drv.Follow(context.Background(), x.q.Words())
		if err != nil {
			t.Fatalf("%s: %v", x.q.Microflow, err)
		}
		v, err := trace.Read(printed)
		if err != nil {
			t.Fatalf("%s: %v", x.q.Microflow, err)
		}
		asked++
		if f := n.Hold(a, x.reply, v); !f.Agrees && f.Told && f.Sure {
			var way strings.Builder
			for _, s := range x.steps {
				fmt.Fprintf(&way, "  %v %s %v\n", s.At, s.Says, s.By)
			}
			t.Errorf("%s of %v from %s to %s: arrives %v at %q, replied %v\n%sbut OVN says %+v\n%s\n%s", x.what, p, a.From, a.To, a.Arrives, a.Out, a.Replied, &way, v, x.q.Microflow, printed)
		}
	}
	return asked
}

// Of the app every end is tried with every other one, by one packet or another.
func TestFollowApp(t *testing.T) {
	t.Parallel()
	o := startWhole(t)
	drv := o.driver()
	app := providertest.NewApp()
	n := o.write(t, drv, app.Objects())
	ends := []trace.End{{Internet: true}, {Addr: netip.MustParseAddr("198.51.100.7")}}
	for _, p := range []*resources.Port{app.Web, app.App, app.DB, app.Open, app.Closed, app.Bench, app.Shared} {
		ends = append(ends, trace.End{Port: p.ID})
	}
	targets := slices.Clone(ends)
	for _, a := range []string{"203.0.113.21", "203.0.113.22", "203.0.113.23", "203.0.113.24", "203.0.113.25", "203.0.113.10", "203.0.113.77", "10.20.0.1", "10.20.0.50", "10.20.0.99", "10.64.3.1", "192.0.2.9", "2001:db8:1::1"} {
		targets = append(targets, trace.End{Addr: netip.MustParseAddr(a)})
	}
	packets := []trace.Packet{{Protocol: "icmp"}, {Protocol: "tcp", Port: 80}, {Protocol: "tcp", Port: 8000}, {Protocol: "tcp", Port: 2201}, {Protocol: "udp", Port: 514}}
	asked := 0
	for i, from := range ends {
		for k, to := range targets {
			asked += hold(t, drv, n, from, to, packets[(i+k)%len(packets)])
		}
	}
	t.Logf("%d questions", asked)
}

// A ground is a random stack, and the addresses that packets for it may have.
type ground struct {
	*rapid.T
	objects []any
	ports   []*resources.Port
	groups  []*resources.SecurityGroup
	ends    []trace.End
	macs    int
}

// even numbers are drawn with equal chances: rapid's own are small ones mostly, and
// most stacks would be nothing.
var even = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 10 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// lot draws whether something of so many in a hundred is so.
func (g *ground) lot(percent int, what string) bool {
	return even.Draw(g.T, what)%100 >= 100-percent
}

func (g *ground) count(lo, hi int, what string) int { return lo + even.Draw(g.T, what)%(hi-lo+1) }

func pick[V any](g *ground, what string, all []V) V { return all[even.Draw(g.T, what)%len(all)] }

func (g *ground) mac() resources.MAC {
	g.macs++
	m, _ := resources.ParseMAC(fmt.Sprintf("fa:16:3e:01:00:%02x", g.macs))
	return m
}

func ref[T any](what string, i int) schema.Ref[T] {
	return schema.Ref[T](uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", what, i)).String())
}

func yes(b bool) *bool { return &b }

func (g *ground) end(a string) netip.Addr {
	addr := netip.MustParseAddr(a)
	g.ends = append(g.ends, trace.End{Addr: addr})
	return addr
}

// drawStack draws networks of both IP versions behind routers, with everything that
// decides about a packet.
func drawStack(rt *rapid.T) *ground {
	g := &ground{T: rt, ends: []trace.End{{Internet: true}}}
	for _, a := range []string{"198.51.100.7", "192.0.2.9", "203.0.113.77", "2001:db8:ffff::7"} {
		g.end(a)
	}
	g.network(0, true, true)
	networks := g.count(1, 3, "networks")
	for i := range networks {
		g.network(i+1, false, g.lot(15, "on a wire"))
	}
	g.drawGroups()
	routers := g.drawRouters(networks)
	for i := range g.count(2, 6, "ports") {
		g.port(i, networks)
	}
	for i, p := range g.ports {
		if !g.lot(40, "floating") {
			continue
		}
		f := &resources.FloatingIP{ID: string(ref[resources.FloatingIP]("floating", i)), FloatingNetworkID: ref[resources.Network]("network", 0), SubnetID: ref[resources.Subnet]("subnet", 0),
			Address: g.end(fmt.Sprintf("203.0.113.%d", 100+i)), PortID: schema.Ref[resources.Port](p.ID), FixedIP: p.FixedIPs[0].IPAddress}
		g.objects = append(g.objects, f)
	}
	if g.lot(50, "balancer") {
		g.balancer(networks)
	}
	if routers > 0 && g.lot(40, "route") {
		r := &resources.Route{ID: string(ref[resources.Route]("route", 0)), RouterID: ref[resources.Router]("router", 0), DestinationCIDR: netip.MustParsePrefix("192.0.2.0/24"),
			NextHop: netip.MustParseAddr(pick(g, "hop", []string{"10.1.0.10", "10.1.0.99", "10.2.0.11", "203.0.113.9"}))}
		if g.lot(30, "by the source") {
			r.DestinationCIDR, r.Policy = netip.MustParsePrefix("10.1.0.0/24"), resources.BySource
		}
		g.objects = append(g.objects, r)
	}
	return g
}

func (g *ground) network(i int, external, wire bool) {
	n := &resources.Network{External: external, MTU: 1442, AdminStateUp: yes(true), PortSecurityEnabled: yes(true)}
	n.ID, n.Name = string(ref[resources.Network]("network", i)), fmt.Sprint("n", i)
	n.Segments = []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 10 + i}}
	if wire {
		n.Segments = []resources.Segment{{NetworkType: resources.VLAN, PhysicalNetwork: "physnet1", SegmentationID: 101 + i}}
	}
	ranges := []string{fmt.Sprintf("10.%d.0.0/24", i), fmt.Sprintf("2001:db8:%d::/64", i)}
	if external {
		ranges[0] = "203.0.113.0/24"
	}
	g.objects = append(g.objects, n)
	for v, text := range ranges {
		cidr := netip.MustParsePrefix(text)
		s := &resources.Subnet{NetworkID: schema.Ref[resources.Network](n.ID), CIDR: cidr, IPVersion: 4 + 2*v, GatewayIP: cidr.Addr().Next(), PrefixLength: cidr.Bits(),
			EnableDHCP: yes(!external), DHCPServerIP: cidr.Addr().Next()}
		s.ID = string(ref[resources.Subnet]("subnet", i+10*v))
		g.objects = append(g.objects, s)
	}
}

func (g *ground) drawRouters(networks int) int {
	routers := pick(g, "routers", []int{0, 1, 1, 2, 2})
	for i := range routers {
		r := &resources.Router{AdminStateUp: yes(!g.lot(5, "router off")), EnableSNAT: yes(g.lot(75, "snat"))}
		r.ID = string(ref[resources.Router]("router", i))
		if g.lot(80, "gateway") {
			r.ExternalNetworkID, r.GatewayMAC, r.GatewayPortID, r.GatewayChassis = ref[resources.Network]("network", 0), g.mac(), string(ref[resources.Port]("gateway", i)), []string{"h1", "h2"}
			r.ExternalFixedIPs = []resources.FixedIP{{SubnetID: ref[resources.Subnet]("subnet", 0), IPAddress: g.end(fmt.Sprintf("203.0.113.%d", 10+i))}}
			if g.lot(50, "gateway of IPv6") {
				r.ExternalFixedIPs = append(r.ExternalFixedIPs, resources.FixedIP{SubnetID: ref[resources.Subnet]("subnet", 10), IPAddress: g.end(fmt.Sprintf("2001:db8:0::%d", 10+i))})
			}
		}
		g.objects = append(g.objects, r)
	}
	for i := 1; i <= networks && routers > 0; i++ {
		r := g.count(0, routers-1, "router of a network")
		for v := range 2 {
			if !g.lot(80, "interface") {
				continue
			}
			address := fmt.Sprintf("10.%d.0.1", i)
			if v == 1 {
				address = fmt.Sprintf("2001:db8:%d::1", i)
			}
			g.objects = append(g.objects, &resources.RouterInterface{ID: string(ref[resources.RouterInterface]("interface", i+10*v)), RouterID: ref[resources.Router]("router", r),
				SubnetID: ref[resources.Subnet]("subnet", i+10*v), IPAddress: g.end(address), MACAddress: g.mac(), NetworkID: ref[resources.Network]("network", i)})
		}
	}
	if routers == 2 && g.lot(50, "peering") {
		g.objects = append(g.objects, &resources.RouterPeering{ID: string(ref[resources.RouterPeering]("peering", 0)), RouterID: ref[resources.Router]("router", 0), PeerRouterID: ref[resources.Router]("router", 1),
			Networks: []netip.Prefix{netip.MustParsePrefix("169.254.0.4/30"), netip.MustParsePrefix("fd63:6169:726e:1::/126")}, MACAddress: g.mac(), PeerMACAddress: g.mac()})
	}
	return routers
}

func (g *ground) drawGroups() {
	offices := &resources.AddressGroup{Addresses: []string{"198.51.100.0/24", "10.1.0.10", "2001:db8:1::/64"}}
	offices.ID, offices.Name = string(ref[resources.AddressGroup]("offices", 0)), "offices"
	g.objects = append(g.objects, offices)
	n := g.count(1, 3, "groups")
	for i := range n {
		s := &resources.SecurityGroup{Stateful: yes(!g.lot(20, "stateless")), DeleteDefaultRules: g.lot(25, "no egress")}
		s.ID, s.Name = string(ref[resources.SecurityGroup]("group", i)), fmt.Sprint("g", i)
		for range g.count(0, 4, "rules") {
			s.Rules = append(s.Rules, g.rule(n))
			if s.Check() != nil { // the same rule twice
				s.Rules = s.Rules[:len(s.Rules)-1]
			}
		}
		g.groups = append(g.groups, s)
		g.objects = append(g.objects, s)
	}
}

func (g *ground) rule(groups int) resources.Rule {
	r := resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: pick(g, "protocol", []string{"", "tcp", "udp", "icmp", "6"})}
	if g.lot(30, "egress") {
		r.Direction = resources.Egress
	}
	if g.lot(35, "IPv6") {
		r.Ethertype = resources.IPv6
	}
	if lo := pick(g, "lo", []int{0, 80, 443, 8000}); lo > 0 && r.Protocol != "" && r.Protocol != "icmp" {
		hi := lo + pick(g, "more", []int{0, 99})
		r.PortRangeMin, r.PortRangeMax = &lo, &hi
	}
	switch g.count(0, 3, "remote") {
	case 1:
		r.RemoteGroupID = ref[resources.SecurityGroup]("group", g.count(0, groups-1, "remote group"))
	case 2:
		r.RemoteAddressGroupID = ref[resources.AddressGroup]("offices", 0)
	case 3:
		ranges := []string{"10.1.0.0/24", "198.51.100.0/25", "0.0.0.0/0", "10.2.0.11/32"}
		if r.Ethertype == resources.IPv6 {
			ranges = []string{"2001:db8:1::/64", "::/0", "2001:db8:2::b/128"}
		}
		r.RemoteIPPrefix = netip.MustParsePrefix(pick(g, "range", ranges))
	}
	return r
}

func (g *ground) port(i, networks int) {
	n := g.count(1, networks, "network of a port")
	p := &resources.Port{NetworkID: ref[resources.Network]("network", n), AdminStateUp: yes(!g.lot(8, "port off")), MACAddress: g.mac(), PortSecurityEnabled: yes(!g.lot(20, "no port security"))}
	p.ID, p.Name = string(ref[resources.Port]("port", i)), fmt.Sprint("p", i)
	p.FixedIPs = []resources.FixedIP{{SubnetID: ref[resources.Subnet]("subnet", n), IPAddress: g.end(fmt.Sprintf("10.%d.0.%d", n, 10+i))}}
	if g.lot(60, "address of IPv6") {
		p.FixedIPs = append(p.FixedIPs, resources.FixedIP{SubnetID: ref[resources.Subnet]("subnet", n+10), IPAddress: g.end(fmt.Sprintf("2001:db8:%d::%x", n, 10+i))})
	}
	if *p.PortSecurityEnabled {
		for _, s := range g.groups {
			if g.lot(50, "in a group") {
				p.SecurityGroupIDs = append(p.SecurityGroupIDs, schema.Ref[resources.SecurityGroup](s.ID))
			}
		}
		p.NoSecurityGroups = len(p.SecurityGroupIDs) == 0
	}
	g.ports = append(g.ports, p)
	g.ends = append(g.ends, trace.End{Port: p.ID})
	g.objects = append(g.objects, p)
}

func (g *ground) balancer(networks int) {
	n := g.count(1, networks, "network of a balancer")
	at, subnet := g.end(fmt.Sprintf("10.%d.0.50", n)), ref[resources.Subnet]("subnet", n)
	vip := &resources.Port{NetworkID: ref[resources.Network]("network", n), AdminStateUp: yes(true), MACAddress: g.mac(), PortSecurityEnabled: yes(false), FixedIPs: []resources.FixedIP{{SubnetID: subnet, IPAddress: at}}}
	vip.ID = string(ref[resources.Port]("vip", 0))
	b := &resources.LoadBalancer{AdminStateUp: yes(true), VIPSubnetID: subnet, VIPNetworkID: vip.NetworkID, VIPAddress: at, VIPPortID: schema.Ref[resources.Port](vip.ID), LoadBalancerProvider: resources.OVNBalances}
	b.ID = string(ref[resources.LoadBalancer]("balancer", 0))
	pool := &resources.LBPool{LoadBalancerID: schema.Ref[resources.LoadBalancer](b.ID), Protocol: resources.BalanceTCP, LBMethod: resources.BySourceIPPort, AdminStateUp: yes(true)}
	pool.ID = string(ref[resources.LBPool]("pool", 0))
	none := -1
	x := &resources.LBListener{LoadBalancerID: schema.Ref[resources.LoadBalancer](b.ID), Protocol: resources.BalanceTCP, ProtocolPort: 80, AdminStateUp: yes(true), ConnectionLimit: &none, DefaultPoolID: schema.Ref[resources.LBPool](pool.ID)}
	x.ID = string(ref[resources.LBListener]("listener", 0))
	g.objects = append(g.objects, vip, b, pool, x)
	weight := 1
	for i, p := range g.ports {
		if g.lot(40, "member") {
			g.objects = append(g.objects, &resources.LBMember{ID: string(ref[resources.LBMember]("member", i)), PoolID: schema.Ref[resources.LBPool](pool.ID), Address: p.FixedIPs[0].IPAddress, ProtocolPort: 8000,
				SubnetID: p.FixedIPs[0].SubnetID, Weight: &weight, AdminStateUp: yes(true)})
		}
	}
	if g.lot(40, "floating balancer") {
		g.objects = append(g.objects, &resources.FloatingIP{ID: string(ref[resources.FloatingIP]("floating", 50)), FloatingNetworkID: ref[resources.Network]("network", 0), SubnetID: ref[resources.Subnet]("subnet", 0),
			Address: g.end("203.0.113.50"), PortID: schema.Ref[resources.Port](vip.ID), FixedIP: at})
	}
}

// Whatever the stack: what is worked out of a packet from its rows is what OVN does
// with it.
func TestFollowLaw(t *testing.T) {
	t.Parallel()
	o := startWhole(t)
	drv := o.driver()
	seldom(t, 8)
	asked := 0
	rapid.Check(t, func(rt *rapid.T) {
		g := drawStack(rt)
		defer o.unmake(drv, g.objects)
		n := o.write(rt, drv, g.objects)
		for range 20 {
			from, to := pick(g, "from", g.ends), pick(g, "to", g.ends)
			if g.lot(60, "from a port") {
				from = trace.End{Port: pick(g, "port", g.ports).ID}
			}
			if g.lot(40, "to a port") {
				to = trace.End{Port: pick(g, "other port", g.ports).ID}
			}
			p := trace.Packet{Protocol: pick(g, "sent", []string{"tcp", "tcp", "udp", "icmp"})}
			if p.Protocol != "icmp" {
				p.Port = pick(g, "to port", []int{80, 443, 8000, 22})
			}
			asked += hold(rt, drv, n, from, to, p)
		}
	})
	t.Logf("%d questions", asked)
}

// seldom has a law that is dear tried a few times, unless more is asked for.
func seldom(t *testing.T, checks int) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		was := flag.Lookup("rapid.checks").Value.String()
		_ = flag.Set("rapid.checks", fmt.Sprint(checks))
		t.Cleanup(func() { _ = flag.Set("rapid.checks", was) })
	}
}

// unmake removes objects by one batch.
func (o *whole) unmake(drv *Driver, objects []any) {
	w := world.New(resources.All(), providertest.Cloud())
	var changes []providers.Change
	for _, x := range slices.Backward(objects) {
		changes = append(changes, providers.Change{Have: x})
	}
	for _, r := range drv.Batch(context.Background(), w, changes) {
		if r.Err != nil {
			o.Error(r.Err)
		}
	}
}

// What runs in ovn-trace's place is kept within bounds, and ends with all it started.
func TestFollowBounds(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh on PATH to bound ovn-trace with")
	}
	for _, c := range []struct{ reason, script, prints, fails string }{
		{"what it prints is the answer", "echo $1 $2", "a b c\n", ""},
		{"its memory is bounded", "ulimit -v", fmt.Sprintln(followMemory / 1024), ""},
		{"it leaves no core", "ulimit -c", "0\n", ""},
		{"it takes too long", "sleep 60 & echo $! > \"$0.child\"; wait", "", "has not answered within"},
		{"it prints too much", "yes", "", "longer than 1 MiB"},
		{"its last complaint is told", "echo one >&2; echo 'ovn-trace: unix:/x: database connection failed' >&2; exit 1", "", "ovn-trace: unix:/x: database connection failed: exit status 1"},
		{"it crashes", "kill -ABRT $$", "", "ovn-trace: signal: aborted"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ovn-trace")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil { //nolint:gosec // it is run
				t.Fatal(err)
			}
			limit := 10 * time.Second
			if strings.Contains(c.fails, "within") {
				limit = 300 * time.Millisecond
			}
			got, err := follow(t.Context(), limit, path, []string{"a b", "c"})
			if got != c.prints || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q, %v; want %q, %q", got, err, c.prints, c.fails)
			}
			if pid, err := os.ReadFile(path + ".child"); err == nil {
				gone := func() bool {
					state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
					return err != nil || strings.Contains(string(state), ") Z ")
				}
				for range 50 {
					if gone() {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
				t.Error("what it has started goes on")
			}
		})
	}
}

func TestFollowSaysWhereTheDatabaseIs(t *testing.T) {
	t.Parallel()
	d := Open(providertest.Cloud(), cloud.OVN{Southbound: []string{"ssl:10.0.0.1:6642", "ssl:10.0.0.2:6642"}, CA: "ca.pem", Cert: "c.pem", Key: "k.pem"})
	want := []string{"--db=ssl:10.0.0.1:6642,ssl:10.0.0.2:6642", "--ca-cert=ca.pem", "--certificate=c.pem", "--private-key=k.pem"}
	if got := d.database(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A row that somebody has changed behind cairn's back: OVN says otherwise.
func TestFollowSeesDrift(t *testing.T) {
	t.Parallel()
	o := startWhole(t)
	drv := o.driver()
	app := providertest.NewApp()
	n := o.write(t, drv, app.Objects())
	a, err := n.Trace(trace.End{Port: app.App.ID}, trace.End{Port: app.DB.ID}, trace.Packet{Protocol: "tcp", Port: 5432})
	if err != nil {
		t.Fatal(err)
	}
	says := func() (trace.Finding, trace.Verdict) {
		printed, err := drv.Follow(t.Context(), a.Question.Words())
		if err != nil {
			t.Fatal(err)
		}
		v, err := trace.Read(printed)
		if err != nil {
			t.Fatal(err)
		}
		return n.Hold(a, false, v), v
	}
	if f, v := says(); !f.Agrees || f.At != app.DB.ID {
		t.Errorf("%+v %+v", f, v)
	}
	o.nbctl("--wait=sb", "lsp-set-enabled", app.DB.ID, "disabled")
	if f, v := says(); f.Agrees || f.Arrives || !f.Told || !f.Sure || n.Whose(v.Datapath).Type != "network" {
		t.Errorf("%+v %+v", f, v)
	}
}
