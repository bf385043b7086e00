package resources

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// AddressGroup is addresses and ranges that rules of security groups name
// together. A change of them reaches every such rule at once. Rules: Neutron's
// address groups.
type AddressGroup struct {
	object

	// Addresses of the group: addresses and ranges of either IP version, such as
	// 198.51.100.7 or 2001:db8:1::/48.
	Addresses schema.Set[string] `hcl:"addresses" check:"len=10000"`
}

// Ranges are the addresses of one IP version, in order; those that can't be read
// are passed over.
func (g *AddressGroup) Ranges(version Ethertype) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range g.Addresses {
		if p, err := parseRange(text); err == nil && p.Addr().Is4() == (version == IPv4) {
			all = append(all, p.Masked())
		}
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int { return a.Compare(b) })
	return slices.Compact(all)
}

// Check reports what is no address, and ranges that are everything.
func (g *AddressGroup) Check() error {
	var all schema.Problems
	for _, text := range g.Addresses {
		switch p, err := parseRange(text); {
		case err != nil:
			all = append(all, schema.Problem{Code: "CRN-SG-1", Attribute: "addresses", Summary: fmt.Sprintf("%q is no address", text), Detail: "Write an address such as 198.51.100.7, or a range such as 198.51.100.0/24."})
		case p.Bits() == 0:
			all = append(all, schema.Problem{Code: "CRN-SG-1", Attribute: "addresses", Summary: fmt.Sprintf("%s is every address", text), Detail: "Leave the other end of the rule out instead."})
		}
	}
	return all.Err()
}

// Claims takes the group's name.
func (g *AddressGroup) Claims(w schema.World, l schema.Ledger) error {
	return g.claim(w, l, "address_group", "")
}
