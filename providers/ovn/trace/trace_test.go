package trace_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/ovn/trace"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/world"
)

// follow renders an app and follows a packet through it. Steps come as text in
// which objects have the app's names.
func follow(t *testing.T, app *providertest.App, from, to trace.End, p trace.Packet) (a trace.Answer, way, reply string) {
	t.Helper()
	w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
	var all []rows.Row
	names := map[string]string{}
	types := resources.All()
	for _, o := range app.Objects() {
		all = append(all, rows.Of(w, o)...)
		typ := types.ByGo(reflect.TypeOf(o).Elem())
		name := ""
		if typ.Attribute("name") != nil {
			name = "." + strings.Join(typ.Texts(o, "name"), "")
		} else if typ.Name == "security_group_rule" {
			name = ".db from app"
		}
		names[typ.Texts(o, "id")[0]] = typ.Name + name
	}
	a, err := trace.New(all).Trace(from, to, p)
	if err != nil {
		t.Fatal(err)
	}
	text := func(steps []trace.Step) string {
		var b strings.Builder
		for _, s := range steps {
			fmt.Fprintf(&b, "%s %s", names[s.At.ID], s.Says)
			for _, by := range s.By {
				b.WriteString(" " + names[by.ID] + " " + by.Part)
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	return a, text(a.Steps), text(a.Reply)
}

func TestTrace(t *testing.T) {
	t.Parallel()
	base := providertest.NewApp()
	web, app, db, open, closed := end(base.Web), end(base.App), end(base.DB), end(base.Open), end(base.Closed)
	internet := trace.End{Internet: true}
	addr := func(s string) trace.End { return trace.End{Addr: netip.MustParseAddr(s)} }
	tcp := func(port int) trace.Packet { return trace.Packet{Protocol: "tcp", Port: port} }
	ping := trace.Packet{Protocol: "icmp"}
	off := new(bool)
	wired := func(a *providertest.App) {
		a.Inside.Segments = []resources.Segment{{NetworkType: resources.VLAN, PhysicalNetwork: "physnet1", SegmentationID: 102}}
		a.Interface4.SubnetID, a.Front.AdminStateUp = "", off
	}
	for _, c := range []struct {
		reason           string
		change           func(*providertest.App)
		from, to         trace.End
		packet           trace.Packet
		arrives, replied bool
		says, replies    string // parts of the text, a line each
	}{
		{"a rule that names the sender's group", nil, app, db, tcp(5432), true, true,
			"port.app lets it out by security_group.app default\nnetwork.inside carries it straight\nport.db lets it in by security_group_rule.db from app", "port.db lets the reply through\nport.app lets the reply through"},
		{"a sender who is not in the group", nil, web, db, tcp(5432), false, false, "port.db drops ingress of tcp 5432 from 10.20.0.11: nothing allows it in security_group.db", ""},
		{"another port than the rule's", nil, app, db, tcp(5433), false, false, "port.db drops ingress of tcp 5433", ""},
		{"another protocol than the rule's", nil, app, db, trace.Packet{Protocol: "udp", Port: 5432}, false, false, "drops ingress of udp 5432", ""},
		{"a range of ports, inside", nil, web, app, tcp(8099), true, true, "port.app lets it in by security_group.app rules[0]", ""},
		{"a range of ports, just outside", nil, web, app, tcp(8100), false, false, "port.app drops ingress of tcp 8100", ""},
		{"a group without egress rules", nil, db, app, tcp(8000), false, false, "port.db drops egress of tcp 8000 to 10.20.0.12: nothing allows it in security_group.db", ""},
		{"ping from a range", nil, addr("198.51.100.7"), addr("203.0.113.21"), ping, true, true, "router.edge sends it on to 10.20.0.11 by floating_ip\nport.web lets it in by security_group.web rules[1]", ""},
		{"ping from elsewhere", nil, addr("198.51.101.7"), addr("203.0.113.21"), ping, false, false, "port.web drops ingress of icmp from 198.51.101.7", ""},
		{"from the internet to a floating address", nil, internet, addr("203.0.113.21"), tcp(443), true, true, "router.edge sends it on to 10.20.0.11\nport.web lets it in by security_group.web rules[0]", "port.web lets the reply through\nrouter.edge takes the reply back to the internet"},
		{"from the internet to a port, by its floating address", nil, internet, web, tcp(443), true, true, "router.edge sends it on to 10.20.0.11", ""},
		{"from the internet, and no rule", nil, internet, web, tcp(22), false, false, "port.web drops ingress of tcp 22 from the internet: nothing allows it in security_group.web", ""},
		{"a floating address that is associated", nil, internet, addr("203.0.113.22"), tcp(8000), false, false, "router.edge sends it on to 10.20.0.12 by floating_ip_association\nport.app drops", ""},
		{"a floating address that leads nowhere", nil, internet, addr("203.0.113.23"), tcp(443), false, false, "nobody has the address 203.0.113.23", ""},
		{"the router's own address", nil, internet, addr("203.0.113.10"), tcp(443), false, false, "router.edge has the address itself", ""},
		{"a port without a floating address", nil, internet, db, tcp(5432), false, false, "port.db has no floating address", ""},
		{"out by its floating address", nil, web, internet, tcp(80), true, true, "router.edge gives it the source 203.0.113.21 by floating_ip\nrouter.edge sends it to the next hop 203.0.113.1 by router.edge\nnetwork.public lets it out on physnet1", "port.web lets the reply through"},
		{"out hidden behind the router", nil, open, internet, tcp(80), true, true, "router.edge gives it the source 203.0.113.10 by router.edge", ""},
		{"out without translation", func(a *providertest.App) { a.Router.EnableSNAT = off }, open, internet, tcp(80), true, false, "network.public lets it out on physnet1", "port.open hears no answer"},
		{"out without a gateway", func(a *providertest.App) { a.Router.ExternalNetworkID, a.Router.ExternalFixedIPs = "", nil }, open, internet, tcp(80), false, false, "router.edge has no route to the internet", ""},
		{"out without an interface", func(a *providertest.App) { a.Interface4.SubnetID = "" }, open, internet, tcp(80), false, false, "network.inside has no router for 10.20.0.14", ""},
		{"a router that is off", func(a *providertest.App) { a.Router.AdminStateUp = off }, open, internet, tcp(80), false, false, "router.edge is switched off", ""},
		{"a port that is off", nil, closed, app, tcp(8000), false, false, "port.closed is switched off", ""},
		{"to a port that is off", nil, web, closed, tcp(1), false, false, "port.closed is switched off", ""},
		{"a port without groups", func(a *providertest.App) { a.Closed.AdminStateUp = nil }, web, closed, tcp(1), false, false, "port.closed drops it: it has no security group", ""},
		{"to a port without port security", nil, app, open, tcp(1), true, true, "port.open lets it in: it has no port security", "port.open lets it out: it has no port security\nport.app lets the reply through"},
		{"a group that keeps no memory", func(a *providertest.App) { a.AppGroup.Stateful = off }, open, app, tcp(8000), false, false, "port.app drops", ""},
		{"a group that keeps no memory, and no rule for replies", func(a *providertest.App) { a.AppGroup.Stateful = off }, app, db, tcp(5432), true, false, "port.db lets it in", "port.db lets the reply through\nport.app drops ingress of the reply from 10.20.0.13"},
		{"a static route to who is not cairn's", nil, open, addr("192.0.2.9"), tcp(80), false, false, "router.edge sends it, while BFD finds it up, to the next hop 10.20.0.254 by route\nnetwork.inside has nobody at 10.20.0.254", ""},
		{"by the router to a floating address of its own", nil, app, addr("203.0.113.21"), tcp(443), true, true, "router.edge gives it the source 203.0.113.22\nrouter.edge sends it on to 10.20.0.11\nport.web lets it in by security_group.web rules[0]", "router.edge takes the reply back to 203.0.113.22"},
		{"to a load balancer", nil, web, addr("10.20.0.50"), tcp(80), true, true, "network.inside sends it on to 10.20.0.12:8000, one of 2 members, by lb_listener.app\nport.app lets it in by security_group.app rules[0]", "port.web lets the reply through"},
		{"to a load balancer where it does not listen", nil, web, addr("10.20.0.50"), tcp(81), false, false, "port.vip keeps the address of a load balancer", ""},
		{"to a load balancer by another protocol", nil, web, addr("10.20.0.50"), trace.Packet{Protocol: "udp", Port: 80}, false, false, "port.vip keeps the address", ""},
		{"to a pool without members", nil, web, addr("10.20.0.50"), trace.Packet{Protocol: "udp", Port: 514}, false, false, "network.inside finds no member for it, and refuses it: by lb_listener.datagrams", ""},
		{"by a load balancer to a member that lets nobody in", nil, db, addr("10.20.0.50"), tcp(80), false, false, "port.db drops egress of tcp 80 to 10.20.0.50", ""},
		{"by a load balancer behind another router", func(a *providertest.App) { *a.MemberApp.Weight = 0; a.Bench.PortSecurityEnabled = off }, web, addr("10.20.0.50"), tcp(80), true, true,
			"network.inside sends it on to 10.64.3.21:8000 by lb_listener.app\nnetwork.inside carries it to the router\nrouter.edge sends it to the next hop 169.254.0.6 by router_peering\nrouter_peering carries it to the other router\nport.bench lets it in", ""},
		{"from the internet to a load balancer", func(a *providertest.App) { a.AppGroup.Rules[0].RemoteGroupID = "" }, internet, addr("203.0.113.25"), tcp(80), true, true,
			"router.edge sends it on to 10.20.0.12:8000, one of 2 members, by lb_listener.app", "router.edge takes the reply back to the internet"},
		{"from the internet to a load balancer's port", func(a *providertest.App) { a.AppGroup.Rules[0].RemoteGroupID = "" }, internet, end(base.VIP), tcp(80), true, true, "router.edge sends it on to 10.20.0.12:8000", ""},
		{"a load balancer that is off", func(a *providertest.App) { a.Front.AdminStateUp = off }, web, addr("10.20.0.50"), tcp(80), false, false, "port.vip keeps the address", ""},
		{"to a forwarded port", func(a *providertest.App) { a.DBFromApp.RemoteGroupID = "" }, internet, addr("203.0.113.24"), tcp(2200), true, true,
			"router.edge sends it on to 10.20.0.13:5432 by port_forwarding\nport.db lets it in by security_group_rule.db from app", ""},
		{"to a port that is not forwarded", nil, internet, addr("203.0.113.24"), tcp(2202), false, false, "nobody has the address 203.0.113.24", ""},
		{"from inside to a forwarded port", func(a *providertest.App) { a.DBFromApp.RemoteGroupID = "" }, web, addr("203.0.113.24"), tcp(2201), false, false, "network.inside sends it on to 10.20.0.13:5433 by port_forwarding\nport.db drops ingress of tcp 5433", ""},
		{"to the network of a peer, by the routers' wire", func(a *providertest.App) { a.Bench.PortSecurityEnabled = off }, web, end(base.Bench), tcp(1), true, true,
			"router.edge sends it to the next hop 169.254.0.6 by router_peering\nrouter.lab is connected to the network of 10.64.3.21", "router.lab takes the reply back to 10.20.0.11"},
		{"to a range that the author left out: by the gateway", func(a *providertest.App) { a.Peering.Routes = []netip.Prefix{} }, web, end(base.Bench), tcp(1), true, true,
			"router.edge sends it to the next hop 203.0.113.1", ""},
		{"to an address that ports take by turns", func(a *providertest.App) { a.WebGroup.Rules[1].RemoteIPPrefix = netip.Prefix{} }, app, addr("10.20.0.40"), ping, true, true, "port.shared is an address that ports take by turns\nport.web lets it in by security_group.web rules[1]", ""},
		{"by a route that looks at the source", func(a *providertest.App) {
			a.Route.DestinationCIDR, a.Route.Policy, a.Route.NextHop = netip.MustParsePrefix("10.20.0.14/32"), resources.BySource, netip.MustParseAddr("10.20.0.250")
		}, open, addr("198.51.100.7"), tcp(80), false, false, "router.edge sends it, while BFD finds it up, to the next hop 10.20.0.250 by route", ""},
		{"a ping to a router: it answers", nil, web, addr("10.20.0.1"), ping, true, true, "router.edge has the address itself, and answers", ""},
		{"a ping to the gateway's address, from outside", nil, internet, addr("203.0.113.10"), ping, true, true, "router.edge has the address itself, and answers", ""},
		{"anything else to a router", nil, web, addr("10.20.0.1"), tcp(22), false, false, "router.edge has the address itself, and sends nothing on", ""},
		{"from an address that ports take by turns: the port that takes it sends", func(a *providertest.App) { a.WebGroup.DeleteDefaultRules = true }, addr("10.20.0.40"), app, tcp(8000), false, false,
			"port.shared is an address that ports take by turns\nport.web drops egress of tcp 8000", ""},
		{"from the port of a load balancer: nothing is plugged in there", nil, end(base.VIP), app, tcp(8000), false, false, "port.vip keeps the address of a load balancer, which sends nothing by itself", ""},
		{"to a load balancer, and no router answers for its address", func(a *providertest.App) { a.Interface4.SubnetID = "" }, web, addr("10.20.0.50"), tcp(80), false, false, "network.inside has no router that answers for 10.20.0.50", ""},
		{"out by the wire of the port's own network", wired, open, internet, tcp(80), true, false, "network.inside lets it out on physnet1", "port.open hears no answer"},
		{"to who is not cairn's, on the wire of the port's own network", wired, open, addr("10.20.0.99"), tcp(80), true, false, "network.inside lets it out on physnet1", ""},
		{"in by the wire, and the reply by a router that leads nowhere", func(a *providertest.App) {
			wired(a)
			a.Interface4.SubnetID = base.Interface4.SubnetID
			a.Router.ExternalNetworkID, a.Router.ExternalFixedIPs = "", nil
		}, internet, open, tcp(80), true, false, "network.inside takes it in from its wire", "router.edge has no route back to the internet"},
		{"in by the wire, and the reply by a router's gateway", func(a *providertest.App) { wired(a); a.Interface4.SubnetID = base.Interface4.SubnetID }, internet, open, tcp(80), true, true,
			"network.inside takes it in from its wire", "router.edge takes the reply another way than the packet came"},
		{"a next hop that is a port: it takes the packet", func(a *providertest.App) { a.Route.NextHop, a.Route.BFD = a.Open.FixedIPs[0].IPAddress, false }, web, addr("192.0.2.9"), tcp(80), false, false,
			"port.open lets it in: it has no port security\nport.open is the next hop, and what it does with the packet is its own affair", ""},
		{"a next hop that is a port with port security", func(a *providertest.App) {
			a.Route.NextHop, a.Route.BFD = a.App.FixedIPs[0].IPAddress, false
			a.AppGroup.Rules[0].RemoteGroupID = ""
		}, web, addr("192.0.2.9"), tcp(8000), false, false, "port.app is the next hop, but gets only what is for its own addresses", ""},
		{"a switch that does not know who is asked for", nil, web, addr("10.20.0.99"), tcp(80), false, false, "network.inside has nobody at 10.20.0.99", ""},
		{"IPv6 from outside without an IPv6 gateway", nil, internet, addr("2001:db8:1:0:f816:3eff:fe00:11"), tcp(443), false, false, "network.inside is not reached from outside", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			n := providertest.NewApp()
			if c.change != nil {
				c.change(n)
			}
			a, way, reply := follow(t, n, c.from, c.to, c.packet)
			if a.Arrives != c.arrives || a.Replied != c.replied {
				t.Errorf("arrives %v, replied %v\n%s\nreply\n%s", a.Arrives, a.Replied, way, reply)
			}
			for _, x := range []struct{ want, got string }{{c.says, way}, {c.replies, reply}} {
				for line := range strings.SplitSeq(x.want, "\n") {
					if !strings.Contains(x.got, line) {
						t.Errorf("nothing says %q in\n%s", line, x.got)
					}
				}
			}
			stops := 0
			for _, s := range append(a.Steps, a.Reply...) {
				if s.Stops {
					stops++
				}
			}
			if (stops == 0) != (a.Arrives && a.Replied) || stops > 1 {
				t.Errorf("%d steps stop it", stops)
			}
		})
	}
}

func end(p *resources.Port) trace.End { return trace.End{Port: p.ID} }

func TestQuestionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	n := net(app)
	for _, c := range []struct {
		reason   string
		from, to trace.End
		says     string
	}{
		{"both ends are outside", trace.End{Internet: true}, trace.End{Internet: true}, "not cairn's"},
		{"no such port", trace.End{Port: "none"}, end(app.Web), "no port has the id"},
		{"to oneself", end(app.Web), trace.End{Addr: app.Web.FixedIPs[0].IPAddress}, "reaches no network"},
		{"from a router's address", trace.End{Addr: netip.MustParseAddr("10.20.0.1")}, end(app.Web), "routers connect to nobody"},
		{"from an address within that nobody has", trace.End{Addr: netip.MustParseAddr("10.20.0.99")}, end(app.Web), "nobody has the address 10.20.0.99"},
		{"two IP versions", end(app.DB), trace.End{Addr: netip.MustParseAddr("2001:db8::1")}, "one IP version"},
	} {
		if _, err := n.Trace(c.from, c.to, trace.Packet{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

// Whoever sends by a floating address is the port that it leads to.
func TestFromAFloatingAddress(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	a, way, _ := follow(t, app, trace.End{Addr: app.WebAddress.Address}, end(app.App), trace.Packet{Protocol: "tcp", Port: 8000})
	if !a.Arrives || a.From != "10.20.0.11" {
		t.Errorf("from %s\n%s", a.From, way)
	}
}

// What hangs on a next hop that BFD watches, or on a neighbour that a router has yet to
// ask for, is no contradiction when OVN says another thing.
func TestWhatNoRecordTells(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	elsewhere := trace.Verdict{Out: []string{"another port"}, Table: "1 (x)"}
	for _, c := range []struct {
		reason     string
		from, to   trace.End
		v          trace.Verdict
		told, sure bool
	}{
		{"a watched route", end(app.Open), trace.End{Addr: netip.MustParseAddr("192.0.2.9")}, elsewhere, true, false},
		{"a route that is not watched", end(app.Open), trace.End{Internet: true}, elsewhere, true, true},
		{"another router", end(app.Bench), trace.End{Addr: netip.MustParseAddr("203.0.113.22")}, trace.Verdict{Asks: []string{"wire"}, Asked: true, Table: "1 (x)"}, false, true},
		{"dropped before it comes to another router", end(app.Bench), trace.End{Addr: netip.MustParseAddr("203.0.113.22")}, trace.Verdict{Table: "1 (x)"}, true, true},
		{"past a balancer that remembers", end(app.Web), trace.End{Addr: netip.MustParseAddr("10.20.0.50")}, trace.Verdict{Table: "13 (ls_in_lb_aff_learn)"}, false, true},
	} {
		app.LabRouter.BFDDefaultRoute = false
		n := net(app)
		a, err := n.Trace(c.from, c.to, trace.Packet{Protocol: "tcp", Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		a.Arrives = !strings.HasPrefix(c.reason, "a ") || a.Arrives
		if f := n.Hold(a, false, c.v); f.Agrees || f.Told != c.told || f.Sure != c.sure {
			t.Errorf("%s: %+v", c.reason, f)
		}
	}
}

func net(app *providertest.App) *trace.Net {
	w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
	var all []rows.Row
	for _, o := range app.Objects() {
		all = append(all, rows.Of(w, o)...)
	}
	return trace.New(all)
}

// A rule that names an address group lets in who is in it, and who is not stays out.
func TestAddressGroup(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	offices := &resources.AddressGroup{Addresses: []string{"198.51.100.0/24", "192.0.2.9", "2001:db8:9::/48"}}
	offices.ID, offices.Name = "00000000-0000-4000-8000-000000000001", "offices"
	app.WebGroup.Rules[0].RemoteIPPrefix = netip.Prefix{}
	app.WebGroup.Rules[0].RemoteAddressGroupID = "00000000-0000-4000-8000-000000000001"
	objects := append(app.Objects(), offices)
	w := world.New(resources.All(), providertest.Cloud(), objects...)
	var all []rows.Row
	for _, o := range objects {
		all = append(all, rows.Of(w, o)...)
	}
	for _, c := range []struct {
		reason, from string
		arrives      bool
	}{
		{"in a range of the group", "198.51.100.7", true},
		{"an address of the group", "192.0.2.9", true},
		{"beside the range", "198.51.101.7", false},
		{"beside the address", "192.0.2.10", false},
	} {
		a, err := trace.New(all).Trace(trace.End{Addr: netip.MustParseAddr(c.from)}, trace.End{Addr: netip.MustParseAddr("203.0.113.21")}, trace.Packet{Protocol: "tcp", Port: 443})
		if err != nil || a.Arrives != c.arrives {
			t.Errorf("%s: from %s it arrives %v, %v", c.reason, c.from, a.Arrives, err)
		}
	}
}
