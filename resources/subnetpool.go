package resources

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// SubnetPool is ranges of addresses that subnets are given parts of, no two of
// them the same. Rules: Neutron's subnet pools.
type SubnetPool struct {
	object

	// Prefixes are the ranges, of one IP version. They may grow; what a subnet has
	// stays in them.
	Prefixes schema.Set[netip.Prefix] `hcl:"prefixes" check:"len=1000"`

	// DefaultPrefixlen is how long a prefix a subnet gets that says none. 24 in IPv4
	// and 64 in IPv6, within the bounds, unless set.
	DefaultPrefixlen int `hcl:"default_prefixlen,optional" plan:"assigned,live" check:"min=1,max=128"`

	// MinPrefixlen is the shortest prefix, and so the largest subnet. 8 in IPv4 and 48
	// in IPv6, unless set.
	MinPrefixlen int `hcl:"min_prefixlen,optional" plan:"assigned,live" check:"min=1,max=128"`

	// MaxPrefixlen is the longest prefix, and so the smallest subnet. 30 in IPv4 and
	// 126 in IPv6, unless set.
	MaxPrefixlen int `hcl:"max_prefixlen,optional" plan:"assigned,live" check:"min=1,max=128"`

	// DefaultQuota is how much of the pool each project may have: how many addresses
	// in IPv4, how many /64 ranges in IPv6. Any number, unless set.
	DefaultQuota *int `hcl:"default_quota,optional" check:"min=0"`

	// IsDefault makes it the pool of subnets that say neither cidr nor a pool. A cloud
	// has at most one of each IP version; IPv4 comes first.
	IsDefault bool `hcl:"is_default,optional"`

	// Shared pools can be used by every project.
	Shared bool `hcl:"shared,optional"`

	// IPVersion is 4 or 6, as the ranges are.
	IPVersion int `hcl:"ip_version" plan:"assigned"`
}

// Check reports ranges and lengths that do not fit each other.
func (p *SubnetPool) Check() error {
	var all schema.Problems
	add := func(attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-CIDR-2", Attribute: attribute, Summary: summary, Detail: detail})
	}
	if len(p.Prefixes) == 0 {
		add("prefixes", "The pool is empty", "Give it a range, such as 10.0.0.0/8.")
		return all.Err()
	}
	sorted := p.sorted()
	for i, r := range sorted {
		switch {
		case r != r.Masked():
			add("prefixes", "A range has host bits", fmt.Sprintf("Write %s for %s.", r.Masked(), r))
		case r.Addr().Is4() != sorted[0].Addr().Is4():
			add("prefixes", "The ranges are of two IP versions", "Make a pool for each version.")
		case i > 0 && sorted[i-1].Overlaps(r):
			add("prefixes", "Two ranges overlap", fmt.Sprintf("%s and %s have addresses in common.", sorted[i-1], r))
		}
	}
	q := *p
	q.lengths()
	switch bits := sorted[0].Addr().BitLen(); {
	case max(q.MinPrefixlen, q.DefaultPrefixlen, q.MaxPrefixlen) > bits:
		add("max_prefixlen", "A prefix is longer than the address", fmt.Sprintf("Prefixes have at most %d bits here.", bits))
	case q.MinPrefixlen > q.MaxPrefixlen:
		add("min_prefixlen", "The shortest prefix is longer than the longest", fmt.Sprintf("min_prefixlen is %d and max_prefixlen %d.", q.MinPrefixlen, q.MaxPrefixlen))
	case q.DefaultPrefixlen < q.MinPrefixlen || q.DefaultPrefixlen > q.MaxPrefixlen:
		add("default_prefixlen", "The default length is outside the bounds", fmt.Sprintf("It lies between %d and %d.", q.MinPrefixlen, q.MaxPrefixlen))
	}
	return all.Err()
}

// lengths fills in the lengths that are not said.
func (p *SubnetPool) lengths() {
	lo, usual, hi := 48, 64, 126
	p.IPVersion = 6
	if p.Prefixes[0].Addr().Is4() {
		lo, usual, hi = 8, 24, 30
		p.IPVersion = 4
	}
	p.MinPrefixlen = cmp.Or(p.MinPrefixlen, lo)
	p.MaxPrefixlen = cmp.Or(p.MaxPrefixlen, max(hi, p.MinPrefixlen, p.DefaultPrefixlen))
	p.DefaultPrefixlen = cmp.Or(p.DefaultPrefixlen, min(max(usual, p.MinPrefixlen), p.MaxPrefixlen))
}

// sorted are the ranges in order.
func (p *SubnetPool) sorted() []netip.Prefix { return sortedPrefixes(slices.Clone(p.Prefixes)) }

// Claims takes the name, and the place of the default.
func (p *SubnetPool) Claims(w schema.World, l schema.Ledger) error {
	if err := p.claim(w, l, "subnet_pool", "subnet_pools"); err != nil {
		return err
	}
	p.lengths()
	if !p.IsDefault {
		return nil
	}
	err := l.Name("default subnet pool", fmt.Sprintf("IPv%d", p.IPVersion))
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-NAME", Attribute: "is_default", Summary: "There is a default pool already", Detail: fmt.Sprintf("%s is the default of IPv%d.", taken.Holder, p.IPVersion)}
	}
	return err
}

// Checks reports subnets that the pool no longer holds.
func (p *SubnetPool) Checks(w schema.World) error {
	for s := range schema.Where[Subnet](w, "subnet_pool_id", p.ID) {
		if !p.Holds(s.CIDR) {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "prefixes", Summary: "A subnet would be outside its pool", Detail: fmt.Sprintf("Subnet %s has %s. Keep a range that holds it: a pool may grow, and shrink by what nobody has.", s.Name, s.CIDR)}
		}
	}
	return nil
}

// Holds reports whether a range lies in the pool.
func (p *SubnetPool) Holds(r netip.Prefix) bool {
	return slices.ContainsFunc(p.Prefixes, func(own netip.Prefix) bool { return own.Bits() <= r.Bits() && own.Contains(r.Addr()) })
}

// fromPool takes the subnet's range from its pool, or chooses a free one there.
func (s *Subnet) fromPool(w schema.World, l schema.Ledger) error {
	if s.SubnetPoolID == "" {
		switch {
		case s.CIDR.IsValid() && s.PrefixLength != 0 && s.PrefixLength != s.CIDR.Bits():
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: "prefix_length", Summary: "The range is of another length", Detail: fmt.Sprintf("%s is said by cidr. Take prefix_length out.", s.CIDR)}
		case s.CIDR.IsValid():
			s.PrefixLength = s.CIDR.Bits()
			return nil
		}
		if s.SubnetPoolID = defaultPool(w); s.SubnetPoolID == "" {
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: "cidr", Summary: "The subnet has no range", Detail: "Set cidr, or subnet_pool_id to have one chosen. No pool is the cloud's default."}
		}
	}
	p := schema.Look(w, s.SubnetPoolID)
	if p == nil {
		return gone("subnet_pool_id", "subnet_pool", string(s.SubnetPoolID))
	}
	if s.CIDR.IsValid() {
		s.PrefixLength = s.CIDR.Bits()
	}
	s.PrefixLength = cmp.Or(s.PrefixLength, p.DefaultPrefixlen)
	if s.PrefixLength < p.MinPrefixlen || s.PrefixLength > p.MaxPrefixlen {
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "prefix_length", Summary: fmt.Sprintf("The pool gives no /%d", s.PrefixLength), Detail: fmt.Sprintf("Prefixes of pool %s have from %d to %d bits.", p.Name, p.MinPrefixlen, p.MaxPrefixlen)}
	}
	if err := p.share(s, l); err != nil {
		return err
	}
	if s.CIDR.IsValid() {
		if !p.Holds(s.CIDR) {
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: "cidr", Summary: "The range is outside the pool", Detail: fmt.Sprintf("Pool %s has %s. Leave cidr out, or take a part of it.", p.Name, p)}
		}
		err := p.take(s.CIDR, l)
		var taken *schema.TakenError
		if errors.As(err, &taken) {
			return schema.Problem{Code: "CRN-CIDR-1", Attribute: "cidr", Summary: "The range is taken", Detail: fmt.Sprintf("%s has a part of %s from pool %s. Choose another one, or leave it to cairn.", taken.Holder, s.CIDR, p.Name)}
		}
		return err
	}
	return p.choose(w, s, l)
}

func (p *SubnetPool) String() string {
	texts := make([]string, len(p.Prefixes))
	for i, r := range p.sorted() {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// defaultPool is the pool of subnets that name none, the one of IPv4 first.
func defaultPool(w schema.World) schema.Ref[SubnetPool] {
	var six schema.Ref[SubnetPool]
	for p := range schema.All[SubnetPool](w) {
		switch {
		case p.IsDefault && p.IPVersion == 4:
			return schema.Ref[SubnetPool](p.ID)
		case p.IsDefault:
			six = schema.Ref[SubnetPool](p.ID)
		}
	}
	return six
}

// share counts what a subnet has of the pool in its project's part of it.
func (p *SubnetPool) share(s *Subnet, l schema.Ledger) error {
	if p.DefaultQuota == nil {
		return nil
	}
	unit := 64
	if p.IPVersion == 4 {
		unit = 32
	}
	n := int64(1)
	if free := unit - s.PrefixLength; free > 0 {
		n = 1 << min(free, 62)
	}
	space, key := "addresses of subnet pool "+p.Name, string(s.ProjectID)
	l.Limit(space, key, int64(*p.DefaultQuota))
	return l.Share(space, key, n)
}

// take claims a range of the pool.
func (p *SubnetPool) take(r netip.Prefix, l schema.Ledger) error {
	lo, hi := r.Addr().As16(), last(r).As16()
	return l.Range("ranges of subnet pool "+p.ID, lo[:], hi[:])
}

// choose takes the first range of the pool that no subnet has a part of.
func (p *SubnetPool) choose(w schema.World, s *Subnet, l schema.Ledger) error {
	var had []netip.Prefix
	for other := range schema.Where[Subnet](w, "subnet_pool_id", p.ID) {
		if other.CIDR.IsValid() && other.ID != s.ID {
			had = append(had, other.CIDR)
		}
	}
	had = sortedPrefixes(had)
	for _, own := range p.sorted() {
		if own.Bits() > s.PrefixLength {
			continue
		}
		for at := own.Addr(); own.Contains(at); {
			r := netip.PrefixFrom(at, s.PrefixLength)
			next := last(r).Next()
			if i := slices.IndexFunc(had, r.Overlaps); i >= 0 {
				if end := last(had[i]); end.Compare(last(r)) > 0 {
					next = end.Next() // a range that is larger begins where both do
				}
			} else {
				err := p.take(r, l)
				var taken *schema.TakenError
				if err == nil {
					s.CIDR = r
					return nil
				}
				if !errors.As(err, &taken) { // else somebody else is about to have it
					return err
				}
			}
			if !next.IsValid() || next.Less(at) {
				break
			}
			at = next
		}
	}
	return schema.Problem{Code: "CRN-IP-1", Attribute: "subnet_pool_id", Summary: "The pool has no room left", Detail: fmt.Sprintf("No /%d of %s is free in pool %s. Add a range to its prefixes, or ask for less.", s.PrefixLength, p, p.Name)}
}
