package rows

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// subnet is one row of DHCP options: every port that refers to it sees a change
// at once.
func subnet(w schema.World, s *resources.Subnet) []Row {
	options := dhcpOptions(w, s)
	if options == nil {
		return nil
	}
	d := newRow(w, "subnet", s.ID, "DHCP_Options", "")
	d.Columns["cidr"] = s.CIDR.String()
	d.Columns["options"] = options
	return []Row{d}
}

// dhcpOptions is what DHCP tells the ports of a subnet; nil when nobody answers.
func dhcpOptions(w schema.World, s *resources.Subnet) Map {
	if !on(s.EnableDHCP) || s.IPv6AddressMode == resources.SLAAC {
		return nil
	}
	n := schema.Look(w, s.NetworkID)
	domain := ""
	if n != nil {
		domain = strings.TrimSuffix(n.DNSDomain, ".")
	}
	if s.CIDR.Addr().Is6() {
		o := Map{"server_id": serverMAC(s.ID)}
		put(o, "dns_server", braces(nameservers(s)))
		if domain != "" {
			o["domain_search"] = quoted(domain)
		}
		if s.IPv6AddressMode == resources.DHCPv6Stateless {
			o["dhcpv6_stateless"] = "true"
		}
		maps.Copy(o, subnetOptions(s, 6))
		return o
	}
	if !s.DHCPServerIP.IsValid() {
		return nil
	}
	o := Map{"server_id": s.DHCPServerIP.String(), "server_mac": serverMAC(s.ID), "lease_time": seconds(s)}
	put(o, "dns_server", braces(nameservers(s)))
	if n != nil && n.MTU > 0 {
		o["mtu"] = strconv.Itoa(n.MTU)
	}
	if domain != "" {
		o["domain_name"] = quoted(domain)
	}
	if s.GatewayIP.IsValid() {
		o["router"] = s.GatewayIP.String()
	}
	if len(s.HostRoutes) > 0 {
		var hops []string
		for _, r := range s.HostRoutes {
			hops = append(hops, r.Destination.String()+","+r.NextHop.String())
		}
		if s.GatewayIP.IsValid() { // who gets option 121 must ignore option 3 (RFC 3442)
			hops = append(hops, "0.0.0.0/0,"+s.GatewayIP.String())
		}
		o["classless_static_route"] = braces(hops)
	}
	maps.Copy(o, subnetOptions(s, 4))
	return o
}

func seconds(s *resources.Subnet) string {
	lease := cmp.Or(time.Duration(s.LeaseTime), resources.DefaultLeaseTime)
	return strconv.FormatInt(int64(lease/time.Second), 10)
}

// subnetOptions are those that the author of a subnet says besides.
func subnetOptions(s *resources.Subnet, version int) Map {
	all := Map{}
	for name, value := range s.DHCPOptions {
		name, value = option(name, value, version)
		all[name] = value
	}
	return all
}

func put(m Map, key, value string) {
	if value != "" {
		m[key] = value
	}
}

// nameservers are the subnet's; 0.0.0.0 stands for none at all, as in Neutron.
func nameservers(s *resources.Subnet) []string {
	var all []string
	for _, a := range s.DNSNameservers {
		if !a.IsUnspecified() {
			all = append(all, a.String())
		}
	}
	return all
}

func braces(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return "{" + strings.Join(values, ", ") + "}"
}

func quoted(s string) string { return `"` + s + `"` }

// serverMAC is who answers DHCP on the wire: a locally administered address, so
// that no port's can be the same.
func serverMAC(id string) string {
	h := sha256.Sum256([]byte("dhcp " + id))
	return fmt.Sprintf("0a:%02x:%02x:%02x:%02x:%02x", h[0], h[1], h[2], h[3], h[4])
}

// with writes an address with the length of its subnet's prefix.
func with(a netip.Addr, s *resources.Subnet) string {
	return netip.PrefixFrom(a, s.CIDR.Bits()).String()
}
