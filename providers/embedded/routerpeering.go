package embedded

import (
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkPeering(t *tx, _ schema.World, _, want *resources.RouterPeering) error {
	if len(want.Networks) == 0 || !want.MACAddress.IsValid() || !want.PeerMACAddress.IsValid() {
		return refused("a wire between routers needs a range, and a MAC at each end")
	}
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func peeringHolds(_ *tx, p *resources.RouterPeering) []hold {
	a, b := string(p.RouterID), string(p.PeerRouterID)
	if b < a {
		a, b = b, a
	}
	all := []hold{{"peering of routers", a + " " + b, "the wire between the routers"}}
	for _, n := range p.Networks {
		for _, r := range []string{a, b} {
			all = append(all, hold{"wire of router " + r, n.String(), "range " + n.String()})
		}
	}
	return all
}

// gatewayGroupInUse refuses to let hosts go that a router's gateway may be on.
func gatewayGroupInUse(t *tx, g *resources.GatewayGroup) error {
	for r := range schema.Where[resources.Router](t, "gateway_group_id", g.ID) {
		return refused("the gateway of router %s is on the group's hosts", r.ID)
	}
	return nil
}
