package rows_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

var update = flag.Bool("update", false, "write the expected text anew")

func render(w schema.World, objects []any) []rows.Row {
	var all []rows.Row
	for _, o := range objects {
		all = append(all, rows.Of(w, o)...)
	}
	return all
}

// text writes rows for people: ids that are names of rows become short.
func text(all []rows.Row) string {
	short := map[string]string{}
	count := map[string]int{}
	for _, r := range all {
		count[r.Table]++
		short[r.ID] = fmt.Sprintf("%s#%d", r.Table, count[r.Table])
	}
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%s\n", short[r.ID])
		for _, p := range r.Into {
			fmt.Fprintf(&b, "  in %s %s\n", short[p.ID], p.Column)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
			v := r.Columns[name]
			if ref, ok := v.(rows.Ref); ok {
				v = "-> " + short[string(ref)]
			}
			if m, ok := v.(rows.Map); ok {
				for _, k := range slices.Sorted(maps.Keys(m)) {
					fmt.Fprintf(&b, "  %s:%s = %s\n", name, k, m[k])
				}
				continue
			}
			fmt.Fprintf(&b, "  %s = %v\n", name, v)
		}
	}
	return b.String()
}

func TestThreeTierApp(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
	all := render(w, app.Objects())
	if err := nbschema.Check(all); err != nil {
		t.Error(err)
	}
	got := text(all)
	const file = "testdata/app.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the rows are not those of %s (-update writes them anew):\n%s", file, got)
	}
}

func TestRowsHangOnNoOrder(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	forward := app.Objects()
	back := slices.Clone(forward)
	slices.Reverse(back)
	w1 := world.New(resources.All(), providertest.Cloud(), forward...)
	w2 := world.New(resources.All(), providertest.Cloud(), back...)
	for _, o := range forward {
		a, b := rows.Of(w1, o), rows.Of(w2, o)
		if !slices.EqualFunc(a, b, rows.Row.Equal) {
			t.Errorf("rows of %T differ:\n%s\n%s", o, text(a), text(b))
		}
	}
}

func TestRowsComeBackFromJSON(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
	for _, r := range render(w, app.Objects()) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back rows.Row
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Equal(r) || !bytes.Equal(b, again) {
			t.Errorf("%s came back as %s", b, again)
		}
	}
}

// Every object whose rows hang on another one is among its readers: else a
// change would leave rows behind.
func TestReadersAreAllWhoseRowsChange(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*providertest.App) any{
		"network off":          func(a *providertest.App) any { off := false; a.Inside.AdminStateUp = &off; return a.Inside },
		"network mtu":          func(a *providertest.App) any { a.Inside.MTU = 1300; return a.Inside },
		"network domain":       func(a *providertest.App) any { a.Inside.DNSDomain = "new.example."; return a.Inside },
		"external mtu":         func(a *providertest.App) any { a.Public.MTU = 1400; return a.Public },
		"subnet without DHCP":  func(a *providertest.App) any { off := false; a.Inside4.EnableDHCP = &off; return a.Inside4 },
		"subnet's nameservers": func(a *providertest.App) any { a.Inside4.DNSNameservers = nil; return a.Inside4 },
		"IPv6 nameservers":     func(a *providertest.App) any { a.Inside6.DNSNameservers = nil; return a.Inside6 },
		"external gateway":     func(a *providertest.App) any { a.Public4.GatewayIP = a.Public4.GatewayIP.Next(); return a.Public4 },
		"router without gateway": func(a *providertest.App) any {
			a.Router.ExternalNetworkID, a.Router.ExternalFixedIPs = "", nil
			return a.Router
		},
		"port's addresses":       func(a *providertest.App) any { a.Web.FixedIPs = nil; return a.Web },
		"group without memory":   func(a *providertest.App) any { off := false; a.DBGroup.Stateful = &off; return a.DBGroup },
		"floating address":       func(a *providertest.App) any { a.AppAddress.Address = a.AppAddress.Address.Next(); return a.AppAddress },
		"interface on no subnet": func(a *providertest.App) any { a.Interface4.SubnetID = ""; return a.Interface4 },
		"next hop not watched":   func(a *providertest.App) any { a.Route.BFD = false; return a.Route },
		"policy of a port": func(a *providertest.App) any {
			a.Gold.BandwidthLimits = a.Gold.BandwidthLimits[:1]
			return a.Gold
		},
		"policy of a network":    func(a *providertest.App) any { a.Usual.BandwidthLimits = nil; return a.Usual },
		"policy of all networks": func(a *providertest.App) any { a.Usual.IsDefault = true; a.Lab.QoSPolicyID = ""; return a.Usual },
		"network without policy": func(a *providertest.App) any { a.Lab.QoSPolicyID = ""; return a.Lab },
		"member that rests":      func(a *providertest.App) any { *a.MemberApp.Weight = 0; return a.MemberApp },
		"member elsewhere":       func(a *providertest.App) any { a.MemberBench.SubnetID = ""; return a.MemberBench },
		"pool by addresses":      func(a *providertest.App) any { a.Pool.LBMethod = resources.BySourceIP; return a.Pool },
		"pool of no listener":    func(a *providertest.App) any { a.Datagrams.ListenerID = ""; return a.Datagrams },
		"monitor off":            func(a *providertest.App) any { *a.Monitor.AdminStateUp = false; return a.Monitor },
		"load balancer off":      func(a *providertest.App) any { *a.Front.AdminStateUp = false; return a.Front },
		"load balancer elsewhere": func(a *providertest.App) any {
			a.Front.VIPPortID, a.Front.VIPAddress = schema.Ref[resources.Port](a.Open.ID), a.Open.FixedIPs[0].IPAddress
			return a.Front
		},
		"member's port elsewhere": func(a *providertest.App) any { a.Bench.FixedIPs = nil; return a.Bench },
		"floating address of a load balancer": func(a *providertest.App) any {
			a.FrontAddress.Address = a.FrontAddress.Address.Next()
			return a.FrontAddress
		},
		"load balancer's address by association": func(a *providertest.App) any {
			a.Leads.PortID, a.Leads.FixedIP = schema.Ref[resources.Port](a.VIP.ID), a.Front.VIPAddress
			return a.Leads
		},
		"forwarded address":        func(a *providertest.App) any { a.Forwarded.Address = a.Forwarded.Address.Prev(); return a.Forwarded },
		"forwarding to nobody":     func(a *providertest.App) any { a.Forwarding.InternalPortID = ""; return a.Forwarding },
		"forwarded port elsewhere": func(a *providertest.App) any { a.DB.FixedIPs = nil; return a.DB },
		"other router's interface": func(a *providertest.App) any { a.LabInterface.SubnetID = ""; return a.LabInterface },
		"peer of another router":   func(a *providertest.App) any { a.Peering.PeerRouterID = a.Peering.RouterID; return a.Peering },
		"range behind a peer": func(a *providertest.App) any {
			a.Lab4.CIDR = netip.MustParsePrefix("10.64.3.0/25")
			return a.Lab4
		},
		"gateway on other hosts":         func(a *providertest.App) any { a.Gateways.GatewayChassis = []string{"h1"}; return a.Gateways },
		"group that writes nothing down": func(a *providertest.App) any { a.DBGroup.Log = nil; return a.DBGroup },
		"lease":                          func(a *providertest.App) any { a.Inside4.LeaseTime = schema.Duration(time.Hour); return a.Inside4 },
	}
	for reason, change := range changes {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			app := providertest.NewApp()
			for _, n := range []*resources.Network{app.Inside, app.Lab, app.Public} {
				n.ProjectID = project
			}
			app.Usual.ProjectID = project
			w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
			var before [][]rows.Row
			for _, o := range app.Objects() {
				before = append(before, rows.Of(w, o))
			}
			readers := map[any]bool{}
			note := func(o any) {
				for _, r := range rows.Readers(w, o) {
					readers[r] = true
				}
			}
			for _, o := range app.Objects() { // whoever changes is told by the change itself: ask all before
				if fmt.Sprintf("%p", o) == fmt.Sprintf("%p", changed(providertest.NewApp(), app, change)) {
					note(o)
				}
			}
			object := change(app)
			note(object)
			some := false
			for i, o := range app.Objects() {
				if slices.EqualFunc(before[i], rows.Of(w, o), rows.Row.Equal) {
					continue
				}
				some = true
				if o != object && !readers[o] {
					t.Errorf("the rows of %T changed, which is no reader of %T", o, object)
				}
			}
			if !some {
				t.Error("nothing changed: the case tries nothing")
			}
		})
	}
}

const project schema.Ref[resources.Project] = "p0000000-0000-4000-8000-000000000001"

// What reads an object is rendered again when that goes, in a world without it:
// the rows that are left are those of the world.
func TestReadersAreAllWhoseRowsGo(t *testing.T) {
	t.Parallel()
	n := len(providertest.NewApp().Objects())
	for i := range n {
		app := providertest.NewApp()
		gone := app.Objects()[i]
		w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
		readers := map[any]bool{}
		for _, r := range rows.Readers(w, gone) {
			readers[r] = true
		}
		before := map[any][]rows.Row{}
		for _, o := range app.Objects() {
			before[o] = rows.Of(w, o)
		}
		w.Drop(gone)
		for _, r := range rows.Readers(w, gone) {
			readers[r] = true
		}
		for _, o := range app.Objects() {
			if o != gone && !readers[o] && !slices.EqualFunc(before[o], rows.Of(w, o), rows.Row.Equal) {
				t.Errorf("the rows of %T changed with the end of a %T, of which it is no reader", o, gone)
			}
		}
	}
}

// changed finds the object of app that change changes, trying it on a twin.
func changed(twin, app *providertest.App, change func(*providertest.App) any) any {
	object := change(twin)
	for i, o := range twin.Objects() {
		if o == object {
			return app.Objects()[i]
		}
	}
	return nil
}

func TestMatch(t *testing.T) {
	t.Parallel()
	n := func(v int) *int { return &v }
	for _, c := range []struct {
		reason string
		rule   resources.Rule
		want   string // "" when OVN has no words for it
	}{
		{"anything in", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4}, "outport == @pg_g_1 && ip4"},
		{"anything out", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv6}, "inport == @pg_g_1 && ip6"},
		{"one port", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: "tcp", PortRangeMin: n(443), PortRangeMax: n(443)}, "outport == @pg_g_1 && ip4 && tcp && tcp.dst == 443"},
		{"ports by number of protocol", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: "17", PortRangeMin: n(1), PortRangeMax: n(9)}, "outport == @pg_g_1 && ip4 && udp && udp.dst >= 1 && udp.dst <= 9"},
		{"icmp type 0 is a type", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv4, Protocol: "icmp", PortRangeMin: n(0)}, "outport == @pg_g_1 && ip4 && icmp4 && icmp4.type == 0"},
		{"icmp in IPv6", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv6, Protocol: "icmp", PortRangeMin: n(128), PortRangeMax: n(0)}, "inport == @pg_g_1 && ip6 && icmp6 && icmp6.type == 128 && icmp6.code == 0"},
		{"ICMPv6 in IPv4 is nothing", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv4, Protocol: "icmpv6"}, ""},
		{"a protocol without a word", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv4, Protocol: "vrrp"}, "inport == @pg_g_1 && ip4 && ip.proto == 112"},
		{"ports that OVN can't see", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv4, Protocol: "udplite", PortRangeMin: n(1), PortRangeMax: n(2)}, ""},
		{"a group of addresses", resources.Rule{Direction: resources.Egress, Ethertype: resources.IPv4, RemoteAddressGroupID: "h-2"}, "inport == @pg_g_1 && ip4 && ip4.dst == $ag_h_2_ip4"},
		{"another group", resources.Rule{Direction: resources.Ingress, Ethertype: resources.IPv6, RemoteGroupID: "h-2"}, "outport == @pg_g_1 && ip6 && ip6.src == $pg_h_2_ip6"},
	} {
		got, ok := rows.Match("g-1", c.rule)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v, want %q", c.reason, got, ok, c.want)
		}
	}
}
