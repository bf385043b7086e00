package resources

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// The last address of a range.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// plus is the address n further on. It wraps like a counter.
func plus(a netip.Addr, n uint64) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	lo := binary.BigEndian.Uint64(b[8:])
	if lo+n < lo {
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])+1)
	}
	binary.BigEndian.PutUint64(b[8:], lo+n)
	return netip.AddrFrom16(b)
}

// span is how many addresses lie from lo to hi, both included, at most the
// largest number there is.
func span(lo, hi netip.Addr) uint64 {
	if hi.Less(lo) {
		return 0
	}
	a, b := lo.As16(), hi.As16()
	top := binary.BigEndian.Uint64(b[:8]) - binary.BigEndian.Uint64(a[:8])
	n := binary.BigEndian.Uint64(b[8:]) - binary.BigEndian.Uint64(a[8:])
	if top > 1 || top == 1 && binary.BigEndian.Uint64(b[8:]) >= binary.BigEndian.Uint64(a[8:]) || n == math.MaxUint64 {
		return math.MaxUint64
	}
	return n + 1
}

// usable reports whether a port can have an address of the range: in IPv4
// neither the network's own nor the broadcast address.
func usable(p netip.Prefix, a netip.Addr) bool {
	if !p.Contains(a) {
		return false
	}
	if a.Is4() && p.Bits() < 31 {
		return a != p.Masked().Addr() && a != last(p)
	}
	return a.Is4() || p.Bits() >= 127 || a != p.Masked().Addr() // the subnet-router anycast address, RFC 4291 section 2.6.1
}

// sortedPrefixes puts ranges in order, each once.
func sortedPrefixes(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, func(a, b netip.Prefix) int { return a.Compare(b) })
	return slices.Compact(all)
}
