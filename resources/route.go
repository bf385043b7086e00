package resources

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cairncloud/cairn/resources/schema"
)

// Route sends what is for a range to the next router.
type Route struct {
	// ID of the route.
	ID string `hcl:"id" plan:"assigned"`

	// RouterID is the router that has the route.
	RouterID schema.Ref[Router] `hcl:"router_id" plan:"replace" hot:"router"`

	// DestinationCIDR is the range.
	DestinationCIDR netip.Prefix `hcl:"destination_cidr" plan:"replace"`

	// NextHop is the next router's address, on a subnet that the router is connected to.
	NextHop netip.Addr `hcl:"next_hop" plan:"replace"`

	// BFD watches the next hop, and leaves the route out while it does not answer. It
	// must speak BFD (RFC 5880).
	BFD bool `hcl:"bfd,optional"`

	// ECMP lets answers leave by the next hop that asked, where several routes lead to
	// the range. Connections are spread over such routes in any case.
	ECMP bool `hcl:"ecmp,optional"`

	// Policy is which address of a packet lies in the range: its destination (dst-ip)
	// or its source (src-ip). The destination, unless set.
	Policy RoutePolicy `hcl:"policy,optional" plan:"replace"`
}

// RoutePolicy is which address of a packet a route looks at.
type RoutePolicy string

// The addresses, by OVN's names.
const (
	ByDestination RoutePolicy = "dst-ip"
	BySource      RoutePolicy = "src-ip"
)

// Values lists the addresses.
func (RoutePolicy) Values() []string { return []string{string(ByDestination), string(BySource)} }

// Check reports a route between IP versions, and a range with host bits.
func (r *Route) Check() error {
	if r.DestinationCIDR.Addr().Is4() != r.NextHop.Is4() {
		return schema.Problem{Code: "CRN-RT-1", Attribute: "next_hop", Summary: "The next hop is of the other IP version", Detail: fmt.Sprintf("%s can't lead to %s.", r.NextHop, r.DestinationCIDR)}
	}
	if r.DestinationCIDR != r.DestinationCIDR.Masked() {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "destination_cidr", Summary: "The range has host bits", Detail: fmt.Sprintf("Write %s.", r.DestinationCIDR.Masked())}
	}
	return nil
}

// Claims takes the route's place on its router.
func (r *Route) Claims(_ schema.World, l schema.Ledger) error {
	key := r.DestinationCIDR.String() + " " + r.NextHop.String()
	if r.Policy == BySource {
		key = "from " + key
	}
	err := l.Claim("route of router "+string(r.RouterID), key)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-RT-1", Summary: "The route is there twice", Detail: fmt.Sprintf("%s says the same. Take one of them out.", taken.Holder)}
	}
	return err
}

// Checks reports a next hop that the router can't reach, and a range that it is
// connected to itself.
func (r *Route) Checks(w schema.World) error {
	reached := false
	for s := range connected(w, r.RouterID) {
		reached = reached || s.CIDR.Contains(r.NextHop)
		if s.CIDR == r.DestinationCIDR && r.Policy != BySource {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "destination_cidr", Summary: "The router is connected to that range itself", Detail: fmt.Sprintf("The route would hide subnet %s. Use a longer prefix, or take it out.", s.Name)}
		}
	}
	if !reached {
		return schema.Problem{Code: "CRN-RT-1", Attribute: "next_hop", Summary: "The router can't reach the next hop", Detail: fmt.Sprintf("%s is on no subnet that the router is connected to. Connect one with router_interface, or by the router's gateway.", r.NextHop)}
	}
	return nil
}

// Follows lists what must be there before the route: the interface that leads to
// the next hop.
func (r *Route) Follows(w schema.World) []string {
	var ids []string
	for i := range schema.Where[RouterInterface](w, "router_id", string(r.RouterID)) {
		if s := schema.Look(w, i.SubnetID); s != nil && s.CIDR.Contains(r.NextHop) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// connected lists the subnets that a router has an address on.
func connected(w schema.World, id schema.Ref[Router]) func(func(*Subnet) bool) {
	return func(yield func(*Subnet) bool) {
		for i := range schema.Where[RouterInterface](w, "router_id", string(id)) {
			if s := schema.Look(w, i.SubnetID); s != nil && !yield(s) {
				return
			}
		}
		r := schema.Look(w, id)
		if r == nil {
			return
		}
		for _, f := range r.ExternalFixedIPs {
			if s := schema.Look(w, f.SubnetID); s != nil && !yield(s) {
				return
			}
		}
	}
}
