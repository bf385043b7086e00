package resources

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/cairncloud/cairn/resources/schema"
)

// RouterPeering joins two routers by a wire of their own, with routes each way.
// Both ends are made at once.
type RouterPeering struct {
	// ID of the peering.
	ID string `hcl:"id" plan:"assigned"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// RouterID is one router.
	RouterID schema.Ref[Router] `hcl:"router_id" plan:"replace" hot:"router"`

	// PeerRouterID is the other one.
	PeerRouterID schema.Ref[Router] `hcl:"peer_router_id" plan:"replace"`

	// Networks are the wire's ranges, at most one of each IP version: the router has
	// the first address of each, the peer the second. A free /30 of 169.254.0.0/17 and
	// a free /126 of fd63:6169:726e::/48, unless set.
	Networks []netip.Prefix `hcl:"networks,optional" plan:"assigned,replace"`

	// Routes are the ranges that the router finds behind the peer. The peer's subnets,
	// as they come and go, unless set.
	Routes []netip.Prefix `hcl:"routes,optional"`

	// PeerRoutes are the ranges that the peer finds behind the router. The router's
	// subnets, as they come and go, unless set.
	PeerRoutes []netip.Prefix `hcl:"peer_routes,optional"`

	// MACAddress is the router's on the wire.
	MACAddress MAC `hcl:"mac_address" plan:"assigned"`

	// PeerMACAddress is the peer's on the wire.
	PeerMACAddress MAC `hcl:"peer_mac_address" plan:"assigned"`
}

// Ends are the addresses of the router and of its peer in a range of the wire.
func Ends(p netip.Prefix) (own, peer netip.Addr) {
	own = p.Masked().Addr()
	if p.Bits() < p.Addr().BitLen()-1 { // a range of two has no address of its own (RFC 3021, RFC 6164)
		own = own.Next()
	}
	return own, own.Next()
}

// Check reports a router that is its own peer, and ranges that can't be.
func (p *RouterPeering) Check() error {
	var all schema.Problems
	add := func(attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-CIDR-2", Attribute: attribute, Summary: summary, Detail: detail})
	}
	if p.RouterID != "" && p.RouterID == p.PeerRouterID {
		all = append(all, schema.Problem{Code: "CRN-RT-1", Attribute: "peer_router_id", Summary: "The router is its own peer", Detail: "Name another router."})
	}
	seen := map[bool]bool{}
	for i, n := range p.Networks {
		at := fmt.Sprintf("networks[%d]", i)
		switch {
		case n != n.Masked():
			add(at, "The range has host bits", fmt.Sprintf("Write %s.", n.Masked()))
		case n.Bits() == n.Addr().BitLen():
			add(at, "The range has one address", "The two ends need one each: use a /30 or larger, or a /126 in IPv6.")
		case seen[n.Addr().Is4()]:
			add(at, "The wire has two ranges of one IP version", "Keep one of each.")
		}
		seen[n.Addr().Is4()] = true
	}
	for attribute, routes := range map[string][]netip.Prefix{"routes": p.Routes, "peer_routes": p.PeerRoutes} {
		for i, r := range routes {
			if r != r.Masked() {
				add(fmt.Sprintf("%s[%d]", attribute, i), "The range has host bits", fmt.Sprintf("Write %s.", r.Masked()))
			}
		}
	}
	return all.Err()
}

// How many wires cairn can choose: the /30 ranges of 169.254.0.0/17.
const wires = 1 << 13

// wire is the ranges of one of them.
func wire(i uint64) []netip.Prefix {
	four, six := [4]byte{169, 254}, [16]byte{0xfd, 0x63, 0x61, 0x69, 0x72, 0x6e}
	four[2], four[3] = byte(i>>6), byte(i<<2)
	six[6], six[7] = byte(i>>8), byte(i)
	return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(four), 30), netip.PrefixFrom(netip.AddrFrom16(six), 126)}
}

// Claims takes the pair of routers and the wire's ranges.
func (p *RouterPeering) Claims(w schema.World, l schema.Ledger) error {
	a, b := string(p.RouterID), string(p.PeerRouterID)
	if b < a {
		a, b = b, a
	}
	err := l.Claim("peering of routers", a+" "+b)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-RT-1", Attribute: "peer_router_id", Summary: "The routers are peers already", Detail: fmt.Sprintf("%s joins them, both ways. Take one of the two out.", taken.Holder)}
	}
	if err != nil {
		return err
	}
	if err := p.wire(l); err != nil {
		return err
	}
	space := "MAC on a wire between routers"
	if p.MACAddress, err = chooseMACIn(w, l, space, "", p.MACAddress); err != nil {
		return err
	}
	p.PeerMACAddress, err = chooseMACIn(w, l, space, "", p.PeerMACAddress)
	return err
}

// wire takes the ranges that are named, or a free one of each version.
func (p *RouterPeering) wire(l schema.Ledger) error {
	const space = "wire between routers"
	if len(p.Networks) == 0 {
		var chosen []netip.Prefix
		_, err := l.Choose(space, wires, func(i uint64) string {
			chosen = wire(i)
			return chosen[0].String()
		})
		if errors.Is(err, schema.ErrNoneLeft) {
			return schema.Problem{Code: "CRN-IP-1", Attribute: "networks", Summary: "No range is left for the wire", Detail: "Every /30 of 169.254.0.0/17 is taken. Say which range with networks."}
		}
		if err != nil {
			return err
		}
		p.Networks = chosen
	} else if err := l.Claim(space, p.Networks[0].String()); err != nil {
		return p.taken(err, 0)
	}
	for i, n := range p.Networks {
		lo, hi := n.Addr().As16(), last(n).As16()
		for _, r := range []schema.Ref[Router]{p.RouterID, p.PeerRouterID} {
			if err := l.Range("ranges of router "+string(r), lo[:], hi[:]); err != nil {
				return p.taken(err, i)
			}
		}
	}
	return nil
}

// taken tells the author that somebody else has a range of the wire.
func (p *RouterPeering) taken(err error, i int) error {
	var taken *schema.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	return schema.Problem{Code: "CRN-CIDR-1", Attribute: fmt.Sprintf("networks[%d]", i), Summary: "The wire's range is taken", Detail: fmt.Sprintf("%s has a part of %s. Choose another one, or leave it to cairn.", taken.Holder, p.Networks[i])}
}

// Checks reports ranges that the two routers have both.
func (p *RouterPeering) Checks(w schema.World) error { return p.apart(w) }

// apart reports a subnet of one router that overlaps one of the other, or the wire.
func (p *RouterPeering) apart(w schema.World) error {
	overlap := func(a, b netip.Prefix, whose string) error {
		return schema.Problem{Code: "CRN-CIDR-1", Attribute: "peer_router_id", Summary: "The routers have overlapping ranges", Detail: fmt.Sprintf("%s overlaps %s %s. A router can't tell the two apart.", a, b, whose)}
	}
	for own := range inner(w, p.RouterID) {
		for other := range inner(w, p.PeerRouterID) {
			if own.CIDR.Overlaps(other.CIDR) && own.ID != other.ID {
				return overlap(own.CIDR, other.CIDR, "of the peer")
			}
		}
	}
	for _, n := range p.Networks {
		for _, r := range []schema.Ref[Router]{p.RouterID, p.PeerRouterID} {
			for s := range connected(w, r) {
				if s.CIDR.Overlaps(n) {
					return overlap(n, s.CIDR, "of subnet "+s.Name)
				}
			}
		}
	}
	return nil
}

// inner lists the subnets that a router has an interface on.
func inner(w schema.World, id schema.Ref[Router]) iter.Seq[*Subnet] {
	return func(yield func(*Subnet) bool) {
		for i := range schema.Where[RouterInterface](w, "router_id", string(id)) {
			if s := schema.Look(w, i.SubnetID); s != nil && !yield(s) {
				return
			}
		}
	}
}

// peerings lists the peerings of a router, from either end.
func peerings(w schema.World, id schema.Ref[Router]) iter.Seq[*RouterPeering] {
	return func(yield func(*RouterPeering) bool) {
		for _, end := range []string{"router_id", "peer_router_id"} {
			for p := range schema.Where[RouterPeering](w, end, string(id)) {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// Behind are the ranges that each end finds behind the other: those that the
// author says, else the subnets of the other end, in order.
func (p *RouterPeering) Behind(w schema.World) (routes, peerRoutes []netip.Prefix) {
	ranges := func(said []netip.Prefix, behind, near schema.Ref[Router]) []netip.Prefix {
		if said != nil {
			return said
		}
		own := map[netip.Prefix]bool{} // a subnet that both are on needs no route
		for s := range inner(w, near) {
			own[s.CIDR] = true
		}
		var all []netip.Prefix
		for s := range inner(w, behind) {
			if !own[s.CIDR] {
				all = append(all, s.CIDR)
			}
		}
		return sortedPrefixes(all)
	}
	return ranges(p.Routes, p.PeerRouterID, p.RouterID), ranges(p.PeerRoutes, p.RouterID, p.PeerRouterID)
}
