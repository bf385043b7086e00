//go:build linux

package traffic

import (
	"slices"
	"testing"
)

func TestParseAdvertisement(t *testing.T) {
	t.Parallel()
	ra := []byte{134, 0, 0, 0, 255, 0xc0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	ra = append(ra, 5, 1, 0, 0, 0, 0, 0x05, 0xa2)
	prefix := make([]byte, 32)
	copy(prefix, []byte{3, 4, 64, 0xc0})
	copy(prefix[16:], []byte{0xfd, 0, 0, 7})
	ra = append(ra, prefix...)
	ra = append(ra, 25, 3, 0, 0, 0, 0, 0, 60, 0xfd, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53)
	ra = append(ra, 31, 3, 0, 0, 0, 0, 0, 60, 3, 'l', 'a', 'b', 4, 't', 'e', 's', 't', 0, 0, 0, 0, 0, 0, 0)
	got, ok := parseAdvertisement(ra)
	want := []string{"router_lifetime 1800", "managed true", "other true", "prefix fd00:7::/64", "mtu 1442", "dns fd00:7::53", "search lab.test"}
	if !ok || !slices.Equal(got.lines(), want) {
		t.Errorf("%t %q, want %q", ok, got.lines(), want)
	}
	for n := range ra {
		parseAdvertisement(ra[:n]) // must not panic
	}
	if _, ok := parseAdvertisement(append(ra, 1, 0, 0, 0, 0, 0, 0, 0)); ok {
		t.Error("an option of no length was read")
	}
}

func TestParseDHCP6(t *testing.T) {
	t.Parallel()
	addr := append([]byte{0xfd, 0, 0, 7}, make([]byte, 11)...)
	addr = append(addr, 0x11)
	b := option(optServer, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1})
	b = append(b, option(optIANA, append(make([]byte, 12), option(optIAAddr, append(addr, make([]byte, 8)...))...))...)
	b = append(b, option(optDNS, addr)...)
	b = append(b, option(optSearch, []byte{3, 'l', 'a', 'b', 4, 't', 'e', 's', 't', 0, 1, 'b', 0})...)
	got, ok := parseDHCP6(b)
	if want := []string{"address fd00:7::11", "dns fd00:7::11", "search lab.test b"}; !ok || !slices.Equal(got.lines(), want) || len(got.server) != 10 {
		t.Errorf("%t %q, server % x; want %q", ok, got.lines(), got.server, want)
	}
	for n := range b {
		parseDHCP6(b[:n]) // must not panic
	}
}
