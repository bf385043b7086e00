package rows

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// port is a plug on its network's switch and a member of its groups. Its name is
// its id: what is plugged in says the same as iface-id.
func port(w schema.World, p *resources.Port) []Row {
	n := schema.Look(w, p.NetworkID)
	secure := on(p.PortSecurityEnabled)
	own := []string{p.MACAddress.String()}
	var cidrs []string
	for _, f := range p.FixedIPs {
		own = append(own, f.IPAddress.String())
		if s := schema.Look(w, f.SubnetID); s != nil {
			cidrs = append(cidrs, with(f.IPAddress, s))
		}
	}
	l := newRow(w, "port", p.ID, "Logical_Switch_Port", "")
	l.Columns["name"] = p.ID
	l.Columns["type"] = ""
	l.Columns["enabled"] = on(p.AdminStateUp) && (n == nil || on(n.AdminStateUp))
	if secure {
		l.Columns["port_security"] = portSecurity(p, own)
		l.Columns["addresses"] = addresses(p, own)
	} else {
		l.Columns["addresses"] = set(strings.Join(own, " "), "unknown")
		l.Columns["port_security"] = Set{}
	}
	l.mark("port_name", p.Name)
	l.mark("cidrs", strings.Join(cidrs, " "))
	l.in("Logical_Switch", string(p.NetworkID), "", "ports")
	if secure {
		groups := slices.Clone(p.SecurityGroupIDs)
		slices.Sort(groups)
		var ids []string
		for _, g := range groups {
			ids = append(ids, string(g))
			l.in("Port_Group", string(g), "", "ports")
		}
		l.mark("sg_ids", strings.Join(ids, " "))
		l.in("Port_Group", string(p.NetworkID), "", "ports")
	}
	vip := resources.BalancerAt(w, schema.Ref[resources.Port](p.ID)) != nil
	if vip { // who has the address is OVN itself
		l.Columns["addresses"], l.Columns["port_security"] = Set{}, Set{}
	}
	if a := p.Virtual(); a.IsValid() && !vip {
		l.Columns["type"] = "virtual"
		parents := slices.Clone(p.VirtualIP.Parents)
		slices.Sort(parents)
		o := l.options()
		o["virtual-ip"], o["virtual-parents"] = a.String(), join(parents)
	}
	if h := chassisOf(w, p.BindingHost); h != "" {
		l.options()["requested-chassis"] = h
	}
	all := append(dhcp(w, p, &l), portQoS(w, p, n, &l)...)
	if d, ok := names(w, p, n); ok {
		all = append(all, d)
	}
	return append([]Row{l}, all...)
}

// addresses are where packets for the port are sent to: its own, and the MACs of
// its pairs, which nobody would find otherwise.
func addresses(p *resources.Port, own []string) Set {
	all := set(strings.Join(own, " "))
	for _, pair := range p.AllowedAddressPairs {
		mac := pair.MACAddress.String()
		if pair.MACAddress.IsValid() && mac != own[0] && !slices.Contains(all, any(mac)) {
			all = append(all, mac)
		}
	}
	return all
}

// options is the column of that name, to write into.
func (r Row) options() Map {
	m, ok := r.Columns["options"].(Map)
	if !ok {
		m = Map{}
		r.Columns["options"] = m
	}
	return m
}

func join(ids []schema.Ref[resources.Port]) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ",")
}

// chassisOf is a host's name in OVN, or "".
func chassisOf(w schema.World, host string) string {
	for _, h := range w.Cloud().Hosts {
		if host != "" && h.Name == host {
			return h.Chassis
		}
	}
	return ""
}

// portSecurity is what the port may send from: its own addresses and the pairs
// that share its MAC in one entry, the pairs of each other MAC in one more.
func portSecurity(p *resources.Port, own []string) Set {
	entries := map[string][]string{own[0]: slices.Clone(own)}
	order := []string{own[0]}
	for _, pair := range p.AllowedAddressPairs {
		mac := own[0]
		if pair.MACAddress.IsValid() {
			mac = pair.MACAddress.String()
		}
		if entries[mac] == nil {
			entries[mac] = []string{mac}
			order = append(order, mac)
		}
		if !slices.Contains(entries[mac], pair.IPAddress) {
			entries[mac] = append(entries[mac], pair.IPAddress)
		}
	}
	var all Set
	for _, mac := range order {
		all = append(all, strings.Join(entries[mac], " "))
	}
	return all
}

// dhcp refers to the options of the port's first subnet of each IP version; with
// options of its own the port has a row of its own.
func dhcp(w schema.World, p *resources.Port, l *Row) []Row {
	var all []Row
	for _, v := range []struct {
		version int
		column  string
	}{{4, "dhcpv4_options"}, {6, "dhcpv6_options"}} {
		s, options := dhcpOf(w, p, v.version)
		if s == nil {
			continue
		}
		extra := extraOptions(p, v.version)
		if len(extra) == 0 {
			l.Columns[v.column] = Ref(ID(s.ID, "DHCP_Options", ""))
			continue
		}
		d := newRow(w, "port", p.ID, "DHCP_Options", v.column)
		maps.Copy(options, extra)
		d.Columns["cidr"] = s.CIDR.String()
		d.Columns["options"] = options
		l.Columns[v.column] = Ref(d.ID)
		all = append(all, d)
	}
	return all
}

func dhcpOf(w schema.World, p *resources.Port, version int) (*resources.Subnet, Map) {
	for _, f := range p.FixedIPs {
		if f.IPAddress.Is4() != (version == 4) {
			continue
		}
		if s := schema.Look(w, f.SubnetID); s != nil {
			if o := dhcpOptions(w, s); o != nil {
				return s, o
			}
		}
	}
	return nil, nil
}

// renamed are the options whose name in OVN is not the author's with _ for -.
var renamed = map[string]string{
	"arp-timeout": "arp_cache_timeout", "boot-file-name": "bootfile_name", "server-ip-address": "tftp_server_address",
	"T1": "T1", "T2": "T2",
}

// texts are the options whose values OVN wants in quotes.
var texts = []string{"bootfile_name", "bootfile_name_alt", "domain_name", "domain_search", "domain_search_list", "path_prefix", "tftp_server", "wpad"}

func extraOptions(p *resources.Port, version int) Map {
	all := Map{}
	for _, o := range p.ExtraDHCPOptions {
		if v := o.IPVersion; v != version && (v != 0 || version != 4) {
			continue
		}
		name, value := option(o.Name, o.Value, version)
		all[name] = value
	}
	return all
}

// option is an option of DHCP as OVN writes it.
func option(name, value string, version int) (ovn, text string) {
	ovn = renamed[name]
	if ovn == "" {
		ovn = strings.ReplaceAll(name, "-", "_")
	}
	if ovn == "domain_search" && version == 4 {
		ovn = "domain_search_list"
	}
	if slices.Contains(texts, ovn) && !strings.HasPrefix(value, `"`) {
		value = quoted(value)
	}
	return ovn, value
}

// names is what the switch answers when asked for the port's name.
func names(w schema.World, p *resources.Port, n *resources.Network) (Row, bool) {
	if p.DNSName == "" || len(p.FixedIPs) == 0 {
		return Row{}, false
	}
	var ips []string
	for _, f := range p.FixedIPs {
		ips = append(ips, f.IPAddress.String())
	}
	slices.SortFunc(ips, func(a, b string) int { return netip.MustParseAddr(a).Compare(netip.MustParseAddr(b)) })
	d := newRow(w, "port", p.ID, "DNS", "")
	records := Map{p.DNSName: strings.Join(ips, " ")}
	if n != nil && n.DNSDomain != "" {
		records[p.DNSName+"."+strings.TrimSuffix(n.DNSDomain, ".")] = strings.Join(ips, " ")
	}
	d.Columns["records"] = records
	d.in("Logical_Switch", string(p.NetworkID), "", "dns_records")
	return d, true
}
