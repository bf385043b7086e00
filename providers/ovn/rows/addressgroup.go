package rows

import (
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// AddressSet is the name of an address group's set of one IP version. OVN allows
// no dash in it, and no addresses of both versions.
func AddressSet(g schema.Ref[resources.AddressGroup], ip string) string {
	return "ag_" + strings.ReplaceAll(string(g), "-", "_") + "_" + ip
}

// addressGroup is an address set for each IP version, empty ones too: rules may
// name either.
func addressGroup(w schema.World, g *resources.AddressGroup) []Row {
	var all []Row
	for _, v := range []struct {
		version resources.Ethertype
		ip      string
	}{{resources.IPv4, "ip4"}, {resources.IPv6, "ip6"}} {
		r := newRow(w, "address_group", g.ID, "Address_Set", v.ip)
		r.Columns["name"] = AddressSet(schema.Ref[resources.AddressGroup](g.ID), v.ip)
		addresses := Set{}
		for _, p := range g.Ranges(v.version) {
			text := p.String()
			if p.IsSingleIP() {
				text = p.Addr().String()
			}
			addresses = append(addresses, text)
		}
		r.Columns["addresses"] = addresses
		r.mark("address_group_name", g.Name)
		all = append(all, r)
	}
	return all
}
