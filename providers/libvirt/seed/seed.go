// Package seed is the disc that tells a guest who it is: cloud-init's NoCloud, or
// OpenStack's config drive.
package seed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kdomanski/iso9660"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// File is one file of the disc.
type File struct{ Name, Text string }

// Build answers with the bytes of an instance's disc, in ISO 9660.
func Build(i *resources.Instance, w schema.World) (_ []byte, err error) {
	label := "cidata"
	if i.ConfigFormat == resources.ConfigDrive2 {
		label = "config-2"
	}
	iso, err := iso9660.NewWriter()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iso.Cleanup()) }()
	for _, f := range Files(i, w) {
		if err := iso.AddFile(strings.NewReader(f.Text), f.Name); err != nil {
			return nil, fmt.Errorf("seed of %s: %w", i.Name, err)
		}
	}
	var b bytes.Buffer
	if err := iso.WriteTo(&b, label); err != nil {
		return nil, fmt.Errorf("seed of %s: %w", i.Name, err)
	}
	return b.Bytes(), nil
}

// Files are what is on the disc.
func Files(i *resources.Instance, w schema.World) []File {
	var keys []string
	for k := range schema.Where[resources.Keypair](w, "name", i.KeyPair) {
		if i.KeyPair != "" && k.ProjectID == i.ProjectID {
			keys = append(keys, strings.TrimSpace(k.PublicKey))
		}
	}
	if i.ConfigFormat == resources.ConfigDrive2 {
		return configDrive(i, w, keys)
	}
	return noCloud(i, w, keys)
}

// hostname is an instance's name as a host may be called (RFC 1123 section 2.1).
func hostname(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	name = strings.Trim(name[:min(63, len(name))], "-")
	if name == "" {
		return "instance"
	}
	return name
}

// noCloud is cloud-init's datasource of that name. Its texts are YAML; what stands
// in quotes is JSON, which YAML has.
func noCloud(i *resources.Instance, w schema.World, keys []string) []File {
	var meta strings.Builder
	fmt.Fprintf(&meta, "instance-id: %s\nlocal-hostname: %s\n", i.ID, hostname(i.Name))
	if len(keys) > 0 {
		meta.WriteString("public-keys:\n")
		for _, k := range keys {
			fmt.Fprintf(&meta, "  - %s\n", quoted(k))
		}
	}
	if len(i.Metadata) > 0 {
		meta.WriteString("meta:\n")
		for _, k := range slices.Sorted(maps.Keys(i.Metadata)) {
			fmt.Fprintf(&meta, "  %s: %s\n", quoted(k), quoted(i.Metadata[k]))
		}
	}
	all := []File{{"meta-data", meta.String()}, {"user-data", i.UserData}}
	if len(i.Networks) > 0 {
		all = append(all, File{"network-config", text(netplan(i, w))})
	}
	return all
}

// quoted is a text in JSON.
func quoted(s string) string { return strings.TrimSuffix(text(s), "\n") }

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("seed: " + err.Error()) // maps and texts can always be written
	}
	return b.String()
}

// netplan is cloud-init's network configuration, version 2.
func netplan(i *resources.Instance, w schema.World) any {
	cards := map[string]any{}
	for n := range i.Networks {
		x := &i.Networks[n]
		card := map[string]any{"match": map[string]any{"macaddress": x.MAC.String()}}
		if x.Outside() { // whoever gives out addresses there is not of the cloud
			card["dhcp4"] = true
		}
		var static, servers []string
		var routes []any
		for _, a := range addresses(x, w) {
			switch {
			case a.dhcp && a.subnet.IPVersion == 4:
				card["dhcp4"] = true
			case a.dhcp:
				card["dhcp6"] = true
			default:
				static = append(static, fmt.Sprintf("%s/%d", a.IPAddress, a.subnet.CIDR.Bits()))
				if g := a.subnet.GatewayIP; g.IsValid() {
					to := "0.0.0.0/0"
					if g.Is6() {
						to = "::/0"
					}
					routes = append(routes, map[string]any{"to": to, "via": g.String()})
				}
				for _, s := range a.subnet.DNSNameservers {
					servers = append(servers, s.String())
				}
			}
		}
		if static != nil {
			card["addresses"] = static
		}
		if routes != nil {
			card["routes"] = routes
		}
		if servers != nil {
			card["nameservers"] = map[string]any{"addresses": servers}
		}
		if mtu := mtuOf(x, w); mtu > 0 {
			card["mtu"] = mtu
		}
		cards[fmt.Sprintf("nic%d", n)] = card
	}
	return map[string]any{"version": 2, "ethernets": cards}
}

// address is one of a network card, and the subnet that says how it is given.
type address struct {
	resources.FixedIP
	subnet *resources.Subnet
	dhcp   bool
}

func addresses(x *resources.InstanceNetwork, w schema.World) []address {
	p := schema.Look(w, schema.Ref[resources.Port](x.PortID))
	if p == nil {
		return nil
	}
	var all []address
	for _, f := range p.FixedIPs {
		if s := schema.Look(w, f.SubnetID); s != nil {
			all = append(all, address{f, s, s.EnableDHCP == nil || *s.EnableDHCP})
		}
	}
	return all
}

func mtuOf(x *resources.InstanceNetwork, w schema.World) int {
	p := schema.Look(w, schema.Ref[resources.Port](x.PortID))
	if p == nil {
		return 0
	}
	n := schema.Look(w, p.NetworkID)
	if n == nil {
		return 0
	}
	return n.MTU
}

// configDrive is what Nova writes: meta_data.json, network_data.json and user_data.
func configDrive(i *resources.Instance, w schema.World, keys []string) []File {
	meta := map[string]any{"uuid": i.ID, "name": i.Name, "hostname": hostname(i.Name), "availability_zone": i.AvailabilityZone, "launch_index": 0,
		"project_id": string(i.ProjectID), "meta": i.Metadata}
	if len(keys) > 0 {
		named, list := map[string]string{}, []any{}
		for _, k := range keys {
			named[i.KeyPair] = k
			list = append(list, map[string]string{"name": i.KeyPair, "type": "ssh", "data": k})
		}
		meta["public_keys"], meta["keys"] = named, list
	}
	all := []File{{"openstack/latest/meta_data.json", text(meta)}, {"openstack/latest/network_data.json", text(networkData(i, w))}}
	if i.UserData != "" {
		all = append(all, File{"openstack/latest/user_data", i.UserData})
	}
	return all
}

// networkData is Nova's network_data.json.
func networkData(i *resources.Instance, w schema.World) any {
	links, networks, services := []any{}, []any{}, []any{}
	for n := range i.Networks {
		x := &i.Networks[n]
		link := map[string]any{"id": "tap" + x.PortID[:min(11, len(x.PortID))], "type": "ovs", "vif_id": x.PortID, "ethernet_mac_address": x.MAC.String()}
		if x.Outside() {
			link["id"], link["type"] = fmt.Sprintf("outside%d", n), "bridge"
			delete(link, "vif_id")
			networks = append(networks, map[string]any{"id": fmt.Sprintf("network%d", n), "link": link["id"], "type": "ipv4_dhcp"})
		}
		if mtu := mtuOf(x, w); mtu > 0 {
			link["mtu"] = mtu
		}
		links = append(links, link)
		for k, a := range addresses(x, w) {
			typ := fmt.Sprintf("ipv%d", a.subnet.IPVersion)
			one := map[string]any{"id": fmt.Sprintf("network%d-%d", n, k), "link": link["id"], "network_id": string(a.subnet.NetworkID), "type": typ}
			if a.dhcp {
				one["type"] = typ + "_dhcp"
			} else {
				one["ip_address"], one["netmask"] = a.IPAddress.String(), netmask(a.subnet.CIDR.Bits(), a.IPAddress.Is4())
				if g := a.subnet.GatewayIP; g.IsValid() {
					to := "0.0.0.0"
					if g.Is6() {
						to = "::"
					}
					one["routes"] = []any{map[string]any{"network": to, "netmask": netmask(0, g.Is4()), "gateway": g.String()}}
				}
			}
			networks = append(networks, one)
			for _, s := range a.subnet.DNSNameservers {
				services = append(services, map[string]string{"type": "dns", "address": s.String()})
			}
		}
	}
	return map[string]any{"links": links, "networks": networks, "services": services}
}
