package seed

import (
	"net"
	"net/netip"
)

// netmask is a length of prefix as Nova writes it: 255.255.255.0, ffff:ffff::.
func netmask(bits int, four bool) string {
	if four {
		return net.IP(net.CIDRMask(bits, 32)).String()
	}
	return netip.AddrFrom16([16]byte(net.CIDRMask(bits, 128))).String()
}
