package resources_test

import (
	"net/netip"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// What cairn chose for an address goes with the address that the author wrote,
// and not with its place in the list.
func TestAddressesThatTheAuthorMoves(t *testing.T) {
	t.Parallel()
	typ := resources.All().Resource("port")
	port := func(subnet, address string) cty.Value {
		f := resources.FixedIP{}
		if subnet != "" {
			f.SubnetID = schema.Ref[resources.Subnet](subnet)
		}
		if address != "" {
			f.IPAddress = netip.MustParseAddr(address)
		}
		return typ.FromGo(&resources.Port{NetworkID: "n", FixedIPs: []resources.FixedIP{f}}, cty.NilVal)
	}
	had := port("a", "10.0.0.10")
	for _, c := range []struct {
		reason, subnet, address string
		want                    cty.Value
	}{
		{"the same address keeps its subnet", "", "10.0.0.10", had},
		{"another address finds its own subnet", "", "10.1.0.10", port("", "10.1.0.10")},
		{"the same subnet keeps its address", "a", "", had},
		{"another subnet gets another address", "b", "", port("b", "")},
		{"nothing said keeps all", "", "", had},
	} {
		got := typ.Plan(had, port(c.subnet, c.address)).Planned.GetAttr("fixed_ips")
		if want := c.want.GetAttr("fixed_ips"); !got.RawEquals(want) {
			t.Errorf("%s: %s, not %s", c.reason, got.GoString(), want.GoString())
		}
	}
}
