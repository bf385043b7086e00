// Package cloudfile reads cloud.hcl: where stacks are applied. A cloud without a
// file is the embedded one, with what Default says.
package cloudfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/resources/cloud"
)

// Name is what the file is called where nobody says otherwise.
const Name = "cloud.hcl"

// maxSize bounds the file. A host is one block of some 200 bytes.
const maxSize = 16 << 20

type file struct {
	Clouds []block `hcl:"cloud,block"`
}

type block struct {
	Name      string     `hcl:"name,label"`
	State     string     `hcl:"state,optional"`
	BaseMAC   string     `hcl:"base_mac,optional"`
	TinyImage string     `hcl:"tiny_image,optional"`
	Regions   []region   `hcl:"region,block"`
	Hosts     []host     `hcl:"host,block"`
	Physnets  []physnet  `hcl:"physnet,block"`
	Tiers     []tier     `hcl:"tier,block"`
	Embedded  *embedded  `hcl:"embedded,block"`
	Placement *placement `hcl:"placement,block"`
	Tunnel    *tunnel    `hcl:"tunnel,block"`
	OVN       []ovn      `hcl:"ovn,block"`
}

type region struct {
	Name  string `hcl:"name,label"`
	Zones []zone `hcl:"zone,block"`
}

type zone struct {
	Name string `hcl:"name,label"`
}

type physnet struct {
	Name       string   `hcl:"name,label"`
	MTU        int      `hcl:"mtu,optional"`
	VLANRanges []string `hcl:"vlan_ranges,optional"`
	Zones      []string `hcl:"zones,optional"`
}

type tier struct {
	Name  string   `hcl:"name,label"`
	Pool  string   `hcl:"pool,optional"`
	Zones []string `hcl:"zones,optional"`
}

type embedded struct {
	Hosts  int      `hcl:"hosts,optional"`
	VCPUs  int      `hcl:"vcpus,optional"`
	RAMMB  int      `hcl:"ram_mb,optional"`
	DiskGB int      `hcl:"disk_gb,optional"`
	Zones  []string `hcl:"zones,optional"`
	// For trying things out: how long each call takes, and which calls fail.
	Latency string   `hcl:"latency,optional"`
	Fail    []string `hcl:"fail,optional"`
}

type placement struct {
	CPU  float64 `hcl:"cpu_allocation_ratio,optional"`
	RAM  float64 `hcl:"ram_allocation_ratio,optional"`
	Disk float64 `hcl:"disk_allocation_ratio,optional"`
}

type tunnel struct {
	VNIRange    string `hcl:"vni_range,optional"`
	UnderlayMTU int    `hcl:"underlay_mtu,optional"`
}

// Find looks for the cloud of a stack: the file that is named, else cloud.hcl in
// the stack's folder or one above it. "" means the embedded cloud.
func Find(named, dir string) (string, error) {
	if named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("the cloud file %s can't be read: %w", named, err)
		}
		return named, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, Name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", nil
		}
		dir = up
	}
}

// Default is the embedded cloud of a folder: three hosts in two zones, one
// physical network, one tier of storage.
func Default(dir string) *cloud.Cloud {
	c := &cloud.Cloud{Name: "embedded", Dir: dir}
	fill(c, &embedded{})
	return c
}

// Load reads a cloud file.
func Load(path string) (*cloud.Cloud, map[string]*hcl.File, hcl.Diagnostics) {
	src, err := readBounded(path)
	if err != nil {
		return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "The cloud file can't be read", Detail: err.Error() + "."}}
	}
	return Parse(src, path, filepath.Dir(path))
}

// Parse reads the text of a cloud file; path is what complaints call it, and dir is
// the cloud's folder.
func Parse(src []byte, path, dir string) (*cloud.Cloud, map[string]*hcl.File, hcl.Diagnostics) {
	parser := hclparse.NewParser()
	f, diags := parser.ParseHCL(src, path)
	if diags.HasErrors() {
		return nil, parser.Files(), diags
	}
	var all file
	if diags = append(diags, gohcl.DecodeBody(f.Body, nil, &all)...); diags.HasErrors() {
		return nil, parser.Files(), diags
	}
	if len(all.Clouds) != 1 {
		return nil, parser.Files(), append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "A cloud file describes one cloud",
			Detail: fmt.Sprintf("This one has %d cloud blocks. Write cloud \"name\" { ... } once.", len(all.Clouds)), Subject: f.Body.MissingItemRange().Ptr()})
	}
	c, err := all.Clouds[0].cloud(dir)
	if err != nil {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unsuitable cloud", Detail: err.Error() + ".", Subject: place(f.Body, err)})
	}
	return c, parser.Files(), diags
}

// A blockError is about one block of a cloud: the nth of its type.
type blockError struct {
	typ string
	n   int
	error
}

// place is where in the file an error is about.
func place(body hcl.Body, err error) *hcl.Range {
	var at *blockError
	file, ok := body.(*hclsyntax.Body)
	if !errors.As(err, &at) || !ok || len(file.Blocks) == 0 {
		return body.MissingItemRange().Ptr()
	}
	n := 0
	for _, b := range file.Blocks[0].Body.Blocks {
		if b.Type != at.typ {
			continue
		}
		if n == at.n {
			return b.DefRange().Ptr()
		}
		n++
	}
	return body.MissingItemRange().Ptr()
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("%s has %d bytes, and %d is the limit", path, info.Size(), maxSize)
	}
	return os.ReadFile(path)
}

func (b *block) cloud(dir string) (*cloud.Cloud, error) {
	c := &cloud.Cloud{Name: b.Name, State: b.State, Dir: dir, BaseMAC: b.BaseMAC, Physnets: map[string]cloud.Physnet{}}
	for _, r := range b.Regions {
		x := cloud.Region{Name: r.Name}
		for _, z := range r.Zones {
			x.Zones = append(x.Zones, z.Name)
		}
		c.Regions = append(c.Regions, x)
	}
	c.TinyImage = under(dir, b.TinyImage)
	for i := range b.Hosts {
		if err := b.Hosts[i].add(c); err != nil {
			return nil, &blockError{"host", i, fmt.Errorf("host %s: %w", b.Hosts[i].Name, err)}
		}
	}
	for _, p := range b.Physnets {
		x := cloud.Physnet{MTU: p.MTU, Zones: p.Zones}
		if err := vlans(&x, p.VLANRanges); err != nil {
			return nil, fmt.Errorf("physnet %s: %w", p.Name, err)
		}
		c.Physnets[p.Name] = x
	}
	localTiers(c)
	for _, t := range b.Tiers {
		c.Tiers = append(c.Tiers, cloud.Tier{Name: t.Name, Pool: t.Pool, Zones: t.Zones})
	}
	if p := b.Placement; p != nil {
		c.CPURatio, c.RAMRatio, c.DiskRatio = p.CPU, p.RAM, p.Disk
	}
	if t := b.Tunnel; t != nil {
		if err := t.add(c); err != nil {
			return nil, err
		}
	}
	if e := b.Embedded; e != nil && e.Latency != "" {
		d, err := time.ParseDuration(e.Latency)
		if err != nil {
			return nil, fmt.Errorf("latency: %q is no time span such as 200ms", e.Latency)
		}
		c.Latency = d
	}
	if b.Embedded != nil {
		c.Fail = b.Embedded.Fail
	}
	for i := range b.OVN {
		if err := b.OVN[i].add(c); err != nil {
			return nil, &blockError{"ovn", i, fmt.Errorf("ovn %s: %w", b.OVN[i].Region, err)}
		}
	}
	fill(c, b.Embedded)
	return c, c.Check()
}

// vlans reads the VLANs that may be chosen of a physical network.
func vlans(p *cloud.Physnet, ranges []string) error {
	for _, r := range ranges {
		lo, hi, err := bounds(r)
		if err != nil || lo < 1 || hi > 4094 {
			return fmt.Errorf("%q is no range of VLANs between 1 and 4094, such as \"100:199\"", r)
		}
		p.VLANs = append(p.VLANs, cloud.VLANRange{Lo: lo, Hi: hi})
	}
	return nil
}

func (t *tunnel) add(c *cloud.Cloud) error {
	if t.UnderlayMTU != 0 {
		c.Tunnel.UnderlayMTU = t.UnderlayMTU
	}
	if t.VNIRange == "" {
		return nil
	}
	lo, hi, err := bounds(t.VNIRange)
	if err != nil || lo < 1 || hi > 1<<24-1 {
		return fmt.Errorf("%q is no range of network ids between 1 and 16777215, such as \"1:65535\"", t.VNIRange)
	}
	c.Tunnel.VNILo, c.Tunnel.VNIHi = lo, hi
	return nil
}

func bounds(text string) (lo, hi int, err error) {
	a, b, ok := strings.Cut(text, ":")
	if !ok {
		return 0, 0, fmt.Errorf("no colon")
	}
	if lo, err = strconv.Atoi(a); err != nil {
		return
	}
	if hi, err = strconv.Atoi(b); err == nil && hi < lo {
		err = fmt.Errorf("ends before it begins")
	}
	return
}

// fill gives a cloud what it needs to be used, where its file is silent.
func fill(c *cloud.Cloud, e *embedded) {
	if e == nil && len(c.Hosts) == 0 {
		e = &embedded{}
	}
	if e != nil {
		zones := e.Zones
		if len(zones) == 0 {
			if zones = c.Zones(); len(zones) == 0 {
				zones = []string{"a", "b"}
			}
		}
		n := e.Hosts
		if n == 0 {
			n = 3
		}
		for i := range n {
			c.Hosts = append(c.Hosts, cloud.Host{Name: fmt.Sprintf("host%d", i+1), URI: "embedded:", Zone: zones[i%len(zones)],
				Chassis: fmt.Sprintf("chassis%d", i+1), VCPUs: or(e.VCPUs, 16), RAMMB: or(e.RAMMB, 65536), DiskGB: or(e.DiskGB, 1000)})
		}
		if len(c.Regions) == 0 {
			c.Regions = []cloud.Region{{Name: "local", Zones: slices.Compact(slices.Clone(zones))}}
		}
	}
	if len(c.Physnets) == 0 {
		c.Physnets = map[string]cloud.Physnet{"physnet1": {MTU: 1500, VLANs: []cloud.VLANRange{{Lo: 100, Hi: 199}}, Zones: c.Zones()}}
	}
	for n, p := range c.Physnets {
		if p.MTU == 0 {
			p.MTU = 1500
		}
		if p.Zones == nil {
			p.Zones = c.Zones()
		}
		c.Physnets[n] = p
	}
	if len(c.Tiers) == 0 {
		c.Tiers = []cloud.Tier{{Name: "standard", Pool: "volumes", Zones: c.Zones()}}
	}
	c.CPURatio, c.RAMRatio, c.DiskRatio = orf(c.CPURatio, 4), orf(c.RAMRatio, 1), orf(c.DiskRatio, 1)
	c.Tunnel.VNILo, c.Tunnel.VNIHi, c.Tunnel.UnderlayMTU = or(c.Tunnel.VNILo, 1), or(c.Tunnel.VNIHi, 65535), or(c.Tunnel.UnderlayMTU, 1500)
	if c.BaseMAC == "" {
		c.BaseMAC = "fa:16:3e"
	}
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func orf(n, otherwise float64) float64 {
	if n == 0 {
		return otherwise
	}
	return n
}
