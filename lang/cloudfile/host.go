package cloudfile

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/cairncloud/cairn/resources/cloud"
)

// host is a machine that runs instances.
type host struct {
	Name        string         `hcl:"name,label"`
	URI         string         `hcl:"uri,optional"`
	PeerURI     string         `hcl:"migration_uri,optional"`
	Zone        string         `hcl:"zone,optional"`
	Chassis     string         `hcl:"chassis,optional"`
	VCPUs       int            `hcl:"vcpus,optional"`
	RAMMB       int            `hcl:"ram_mb,optional"`
	DiskGB      int            `hcl:"disk_gb,optional"`
	Virt        string         `hcl:"virt,optional"`
	MachineType string         `hcl:"machine_type,optional"`
	CPU         string         `hcl:"cpu_model,optional"`
	Bridge      string         `hcl:"bridge,optional"`
	Datapath    string         `hcl:"datapath,optional"`
	Listen      string         `hcl:"vnc_listen,optional"`
	SSHKey      string         `hcl:"ssh_key,optional"`
	KnownHosts  string         `hcl:"known_hosts,optional"`
	Pools       hcl.Expression `hcl:"pools,optional"`
	TLS         *tlsFiles      `hcl:"tls,block"`
}

// transports are the ways to a host's libvirt, as its URIs have them.
var transports = []string{"qemu", "qemu+unix", "qemu+tcp", "qemu+tls", "qemu+ssh"}

func (h *host) add(c *cloud.Cloud) error {
	x := cloud.Host{Name: h.Name, URI: h.URI, Zone: h.Zone, Chassis: h.Chassis, VCPUs: h.VCPUs, RAMMB: h.RAMMB, DiskGB: h.DiskGB}
	if x.URI == "" || x.URI == cloud.Embedded {
		x.URI = cloud.Embedded
		c.Hosts = append(c.Hosts, x)
		return nil
	}
	m := cloud.Machine{PeerURI: h.PeerURI, Virt: cloud.Virt(orText(h.Virt, string(cloud.VirtAuto))), Type: h.MachineType, CPU: h.CPU,
		Bridge: orText(h.Bridge, "br-int"), Datapath: cloud.Datapath(orText(h.Datapath, string(cloud.DatapathSystem))), Listen: orText(h.Listen, "127.0.0.1"),
		SSHKey: under(c.Dir, h.SSHKey), KnownHosts: under(c.Dir, h.KnownHosts)}
	if t := h.TLS; t != nil {
		m.CA, m.Cert, m.Key = under(c.Dir, t.CA), under(c.Dir, t.Cert), under(c.Dir, t.Key)
		if (m.Cert == "") != (m.Key == "") {
			return errors.New("tls: cert and key go together")
		}
	}
	for _, u := range []string{x.URI, m.PeerURI} {
		if err := libvirtURI(u, m); err != nil {
			return err
		}
	}
	if !slices.Contains([]cloud.Virt{cloud.VirtAuto, cloud.VirtKVM, cloud.VirtQEMU}, m.Virt) {
		return fmt.Errorf("virt = %q is not known; it is \"kvm\", \"qemu\" (in software) or \"auto\"", h.Virt)
	}
	if !slices.Contains([]cloud.Datapath{cloud.DatapathSystem, cloud.DatapathNetdev, cloud.DatapathLinux}, m.Datapath) {
		return fmt.Errorf("datapath = %q is not known; it is \"system\", \"netdev\" or \"linux\"", h.Datapath)
	}
	var err error
	if x.Pools, err = pools(h.Pools); err != nil {
		return err
	}
	x.Machine = m
	c.Hosts = append(c.Hosts, x)
	return nil
}

// libvirtURI holds a URI to the forms that are understood.
func libvirtURI(text string, m cloud.Machine) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !slices.Contains(transports, u.Scheme):
		return fmt.Errorf("%q is no way to a libvirt; write qemu:///system, qemu+tls://HOST/system, qemu+ssh://USER@HOST/system, qemu+tcp://HOST/system or qemu+unix:///system?socket=PATH", text)
	case u.Path != "/system":
		return fmt.Errorf("%q does not end with /system: guests of sessions have no network of the cloud's", text)
	case u.Host == "" && (u.Scheme == "qemu+tcp" || u.Scheme == "qemu+tls" || u.Scheme == "qemu+ssh"):
		return fmt.Errorf("%q names no host", text)
	case u.Scheme == "qemu+tls" && m.CA == "":
		return fmt.Errorf("%s needs to know whom to trust: say tls { ca = \"file:FILE\" }", text)
	case u.Scheme == "qemu+ssh" && m.KnownHosts == "":
		return fmt.Errorf("%s needs to know whom to trust: say known_hosts = \"FILE\"", text)
	}
	return nil
}

// pools are a host's, such as { local = { path = "/var/lib/cairn", tier = "local" } }, by name.
func pools(e hcl.Expression) (all []cloud.Pool, err error) {
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		return nil, diags
	}
	if v.IsNull() {
		return nil, errors.New("it has no pool for disks; write pools = { local = { path = \"/var/lib/cairn\", tier = \"local\" } }")
	}
	if !v.Type().IsObjectType() {
		return nil, errors.New("pools is no object; write pools = { local = { path = \"/var/lib/cairn\" } }")
	}
	for it := v.ElementIterator(); it.Next(); {
		name, p := it.Element()
		x, err := newPool(name.AsString(), p)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", name.AsString(), err)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, errors.New("pools is empty: guests need disks")
	}
	return all, nil
}

func newPool(name string, v cty.Value) (p cloud.Pool, err error) {
	p = cloud.Pool{Name: name, Type: cloud.PoolDir}
	if v.IsNull() || !v.Type().IsObjectType() {
		return p, errors.New("write { path = \"/var/lib/cairn\" }")
	}
	typ := string(p.Type)
	for word, a := range v.AsValueMap() {
		to := map[string]*string{"path": &p.Path, "tier": &p.Tier, "type": &typ}[word]
		if to == nil {
			return p, fmt.Errorf("there is no %q; it has path, tier and type", word)
		}
		if a, err = convert.Convert(a, cty.String); err == nil {
			err = gocty.FromCtyValue(a, to)
		}
		if err != nil {
			return p, fmt.Errorf("%s: %w", word, err)
		}
	}
	p.Type = cloud.PoolType(typ)
	switch {
	case p.Type != cloud.PoolDir && p.Type != cloud.PoolLogical:
		return p, fmt.Errorf("type = %q is not known; it is \"dir\" or \"logical\"", typ)
	case p.Type == cloud.PoolDir && !strings.HasPrefix(p.Path, "/"):
		return p, fmt.Errorf("path = %q is no absolute path on the host", p.Path)
	case p.Path == "":
		return p, errors.New("path names the volume group, such as \"/dev/vg0\"")
	}
	return p, nil
}

// localTiers are the classes of storage that are in pools of hosts.
func localTiers(c *cloud.Cloud) {
	for _, h := range c.Hosts {
		for _, p := range h.Pools {
			if p.Tier == "" {
				continue
			}
			i := slices.IndexFunc(c.Tiers, func(t cloud.Tier) bool { return t.Name == p.Tier })
			if i < 0 {
				i = len(c.Tiers)
				c.Tiers = append(c.Tiers, cloud.Tier{Name: p.Tier, Pool: p.Name, Local: true})
			}
			if t := &c.Tiers[i]; !slices.Contains(t.Zones, h.Zone) {
				t.Zones = append(t.Zones, h.Zone)
			}
		}
	}
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
