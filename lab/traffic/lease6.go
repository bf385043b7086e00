//go:build linux

package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Lease6 asks the link of a device for a router (RFC 4861), and where the router
// refers to DHCPv6 asks that (RFC 8415). What it learns are lines "name value": router,
// managed, other, prefix, mtu, dns and search of the advertisement; address, dns and
// search of DHCPv6. It changes nothing; the kernel hears the advertisement too.
func Lease6(ctx context.Context, device string) ([]string, error) {
	ra, err := solicitRouter(ctx, device)
	if err != nil {
		return nil, fmt.Errorf("solicit a router on %s: %w", device, err)
	}
	lines := ra.lines()
	if !ra.managed && !ra.other {
		return lines, nil
	}
	more, err := askDHCP6(ctx, device, ra.managed)
	if err != nil {
		return lines, fmt.Errorf("ask DHCPv6 on %s: %w", device, err)
	}
	return append(lines, more...), nil
}

// control binds a socket to a device and lets packets of neighbour discovery out.
func control(device string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = errors.Join(
				unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device),
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255))
		}); e != nil {
			return e
		}
		return err
	}
}

// resend asks every half second until an answer is understood or ctx is done.
func resend(ctx context.Context, conn net.PacketConn, to net.Addr, question []byte, understand func([]byte) bool) error {
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		if _, err := conn.WriteTo(question, to); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			return err
		}
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break // nothing in half a second
			}
			if understand(buf[:n]) {
				return nil
			}
		}
	}
	return ctx.Err()
}

type advertisement struct {
	managed, other bool
	life           uint16
	prefixes       []string
	mtu            uint32
	dns, search    []string
}

func solicitRouter(ctx context.Context, device string) (ra advertisement, err error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return ra, err
	}
	lc := net.ListenConfig{Control: control(device)}
	conn, err := lc.ListenPacket(ctx, "ip6:ipv6-icmp", "::")
	if err != nil {
		return ra, err
	}
	defer conn.Close()
	// Type 133, and the source link-layer address option.
	question := append([]byte{133, 0, 0, 0, 0, 0, 0, 0, 1, 1}, dev.HardwareAddr...)
	to := &net.IPAddr{IP: net.IPv6linklocalallrouters, Zone: device}
	err = resend(ctx, conn, to, question, func(b []byte) (ok bool) {
		ra, ok = parseAdvertisement(b)
		return ok
	})
	return ra, err
}

// parseAdvertisement reads a router advertisement (RFC 4861 section 4.2, RFC 8106).
func parseAdvertisement(b []byte) (ra advertisement, ok bool) {
	if len(b) < 16 || b[0] != 134 {
		return ra, false
	}
	ra.managed, ra.other = b[5]&0x80 != 0, b[5]&0x40 != 0
	ra.life = binary.BigEndian.Uint16(b[6:])
	for b = b[16:]; len(b) >= 8; {
		size := 8 * int(b[1])
		if size == 0 || size > len(b) {
			return ra, false
		}
		o := b[:size]
		b = b[size:]
		switch {
		case o[0] == 3 && size == 32:
			a, _ := netip.AddrFromSlice(o[16:32])
			ra.prefixes = append(ra.prefixes, netip.PrefixFrom(a, int(o[2])).String())
		case o[0] == 5:
			ra.mtu = binary.BigEndian.Uint32(o[4:])
		case o[0] == 25:
			ra.dns = append(ra.dns, addresses(o[8:])...)
		case o[0] == 31:
			ra.search = append(ra.search, domains(o[8:])...)
		}
	}
	return ra, true
}

func (ra advertisement) lines() []string {
	lines := []string{fmt.Sprintf("router_lifetime %d", ra.life), fmt.Sprintf("managed %t", ra.managed), fmt.Sprintf("other %t", ra.other)}
	add := func(name string, values []string) {
		if len(values) > 0 {
			lines = append(lines, name+" "+strings.Join(values, " "))
		}
	}
	add("prefix", ra.prefixes)
	if ra.mtu != 0 {
		lines = append(lines, fmt.Sprintf("mtu %d", ra.mtu))
	}
	add("dns", ra.dns)
	add("search", ra.search)
	return lines
}

// What DHCPv6 calls its messages and options.
const (
	solicit, advertise, request, reply, inform = 1, 2, 3, 7, 11

	optClient, optServer, optIANA, optIAAddr, optWants, optElapsed, optDNS, optSearch = 1, 2, 3, 5, 6, 8, 23, 24
)

// askDHCP6 gets an address, or where none is managed what else there is.
func askDHCP6(ctx context.Context, device string, address bool) ([]string, error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: control(device)}
	conn, err := lc.ListenPacket(ctx, "udp6", "[::]:546")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	to := &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: device}
	client := option(optClient, append([]byte{0, 3, 0, 1}, dev.HardwareAddr...))
	common := append(client, option(optElapsed, []byte{0, 0})...)
	common = append(common, option(optWants, []byte{0, optDNS, 0, optSearch})...)
	ask := func(kind, want byte, more ...byte) (got dhcp6, err error) {
		id := []byte{kind, 0xca, 0x17, kind}
		question := append(append(append([]byte{}, id...), common...), more...)
		err = resend(ctx, conn, to, question, func(b []byte) (ok bool) {
			if len(b) < 4 || b[0] != want || string(b[1:4]) != string(id[1:]) {
				return false
			}
			got, ok = parseDHCP6(b[4:])
			return ok
		})
		return got, err
	}
	if !address {
		got, err := ask(inform, reply)
		return got.lines(), err
	}
	// Servers may take an identity association of 0 for none.
	association := append([]byte{0, 0, 0, 1}, make([]byte, 8)...)
	iana := option(optIANA, association)
	offer, err := ask(solicit, advertise, iana...)
	if err != nil {
		return nil, err
	}
	if !offer.address.IsValid() {
		return nil, errors.New("the server offers no address")
	}
	a16 := offer.address.As16()
	iaaddr := option(optIAAddr, append(a16[:], make([]byte, 8)...))
	iana = option(optIANA, append(association, iaaddr...))
	got, err := ask(request, reply, append(option(optServer, offer.server), iana...)...)
	return got.lines(), err
}

type dhcp6 struct {
	server      []byte
	address     netip.Addr
	dns, search []string
}

func (d dhcp6) lines() []string {
	var lines []string
	if d.address.IsValid() {
		lines = append(lines, "address "+d.address.String())
	}
	if len(d.dns) > 0 {
		lines = append(lines, "dns "+strings.Join(d.dns, " "))
	}
	if len(d.search) > 0 {
		lines = append(lines, "search "+strings.Join(d.search, " "))
	}
	return lines
}

// parseDHCP6 reads the options of a message.
func parseDHCP6(b []byte) (d dhcp6, ok bool) {
	for len(b) >= 4 {
		code, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b)-4 {
			return d, false
		}
		o := b[4 : 4+size]
		b = b[4+size:]
		switch {
		case code == optServer:
			d.server = append([]byte{}, o...)
		case code == optIANA && size >= 12:
			inner, ok := parseDHCP6(o[12:])
			if !ok {
				return d, false
			}
			d.address = inner.address
		case code == optIAAddr && size >= 24:
			d.address, _ = netip.AddrFromSlice(o[:16])
		case code == optDNS:
			d.dns = append(d.dns, addresses(o)...)
		case code == optSearch:
			d.search = append(d.search, domains(o)...)
		}
	}
	return d, len(b) == 0
}

func option(code uint16, value []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

func addresses(b []byte) (all []string) {
	for ; len(b) >= 16; b = b[16:] {
		a, _ := netip.AddrFromSlice(b[:16])
		all = append(all, a.String())
	}
	return all
}

// domains reads names as DNS has them, uncompressed (RFC 1035 section 3.1).
func domains(b []byte) (all []string) {
	var labels []string
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || n >= len(b) {
			if len(labels) > 0 {
				all = append(all, strings.Join(labels, "."))
			}
			labels = nil
			b = b[1:]
			continue
		}
		labels = append(labels, string(b[1:1+n]))
		b = b[1+n:]
	}
	return all
}
