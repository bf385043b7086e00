package resources

import (
	"fmt"
	"net"
	"net/netip"
)

// MAC is the address of an Ethernet interface: one that can belong to a single
// interface (IEEE 802, the group bit is not set).
type MAC struct {
	b  [6]byte
	ok bool
}

// ParseMAC reads an address such as fa:16:3e:00:00:01.
func ParseMAC(s string) (MAC, error) {
	h, err := net.ParseMAC(s)
	if err != nil || len(h) != 6 {
		return MAC{}, fmt.Errorf("%q is no MAC address such as fa:16:3e:00:00:01", s)
	}
	if h[0]&1 != 0 {
		return MAC{}, fmt.Errorf("%q is a group address, which no single interface can have", s)
	}
	return MAC{[6]byte(h), true}, nil
}

// IsValid reports whether there is an address at all.
func (m MAC) IsValid() bool { return m.ok }

func (m MAC) String() string {
	if !m.ok {
		return ""
	}
	return net.HardwareAddr(m.b[:]).String()
}

// MarshalText writes the address with colons.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads an address.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// eui64 is the address that an interface gives itself in a /64 (RFC 4291,
// appendix A).
func eui64(p netip.Prefix, m MAC) netip.Addr {
	a := p.Masked().Addr().As16()
	copy(a[8:], []byte{m.b[0] ^ 2, m.b[1], m.b[2], 0xff, 0xfe, m.b[3], m.b[4], m.b[5]})
	return netip.AddrFrom16(a)
}
