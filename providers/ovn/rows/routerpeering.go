package rows

import (
	"net/netip"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// routerPeering is a port on each router, the other's peer, and routes both ways.
func routerPeering(w schema.World, p *resources.RouterPeering) []Row {
	routes, peerRoutes := p.Behind(w)
	type end struct {
		router, name, peer, part string
		mac                      resources.MAC
		addresses                Set
		hops                     []netip.Addr
		routes                   []netip.Prefix
	}
	name := "lrp-" + p.ID
	own := end{router: string(p.RouterID), name: name, peer: name + "-peer", part: "own", mac: p.MACAddress, routes: routes}
	other := end{router: string(p.PeerRouterID), name: name + "-peer", peer: name, part: "peer", mac: p.PeerMACAddress, routes: peerRoutes}
	for _, n := range p.Networks {
		a, b := resources.Ends(n)
		own.addresses, own.hops = append(own.addresses, netip.PrefixFrom(a, n.Bits()).String()), append(own.hops, b)
		other.addresses, other.hops = append(other.addresses, netip.PrefixFrom(b, n.Bits()).String()), append(other.hops, a)
	}
	var all []Row
	for _, e := range []end{own, other} {
		l := newRow(w, "router_peering", p.ID, "Logical_Router_Port", e.part)
		l.Columns["name"] = e.name
		l.Columns["peer"] = e.peer
		l.Columns["mac"] = e.mac.String()
		l.Columns["networks"] = e.addresses
		l.Columns["options"] = Map{}
		l.in("Logical_Router", e.router, "", "ports")
		all = append(all, l)
		for _, r := range e.routes {
			for _, hop := range e.hops {
				if hop.Is4() != r.Addr().Is4() {
					continue
				}
				s := newRow(w, "router_peering", p.ID, "Logical_Router_Static_Route", e.part+" "+r.String())
				s.Columns["ip_prefix"] = r.String()
				s.Columns["nexthop"] = hop.String()
				s.Columns["policy"] = "dst-ip"
				s.Columns["output_port"] = e.name
				s.in("Logical_Router", e.router, "", "static_routes")
				all = append(all, s)
			}
		}
	}
	return all
}
