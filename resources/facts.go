package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// AvailabilityZones are the zones of the cloud.
type AvailabilityZones struct {
	// Names of the zones: those of the cloud file in its order, then those that stacks
	// make.
	Names []string `hcl:"names" plan:"computed"`
}

// Lookup reads the cloud's zones.
func (z *AvailabilityZones) Lookup(w schema.World) error {
	z.Names = zoneNames(w)
	return nil
}

// PhysicalNetwork is a wire that hosts are plugged into.
type PhysicalNetwork struct {
	// Name of the physical network. The first by name, unless set.
	Name string `hcl:"name,optional" plan:"computed"`

	// MTU is the largest packet that it carries, in bytes.
	MTU int `hcl:"mtu" plan:"computed"`

	// Zones that it reaches.
	Zones []string `hcl:"zones" plan:"computed"`
}

// Lookup reads what the cloud file says of the physical network.
func (p *PhysicalNetwork) Lookup(w schema.World) error {
	names := slices.Sorted(maps.Keys(w.Cloud().Physnets))
	if p.Name == "" && len(names) > 0 {
		p.Name = names[0]
	}
	fact, ok := w.Cloud().Physnets[p.Name]
	if !ok {
		return schema.Problem{Attribute: "name", Summary: fmt.Sprintf("There is no physical network %q", p.Name), Detail: physnetsText(w)}
	}
	p.MTU, p.Zones = fact.MTU, fact.Zones
	return nil
}

// Host is a machine that runs instances.
type Host struct {
	// Name of the host.
	Name string `hcl:"name"`

	// Zone that it is in.
	Zone string `hcl:"zone" plan:"computed"`

	// Chassis is its name in OVN.
	Chassis string `hcl:"chassis" plan:"computed"`

	// VCPUs is how many processors it has.
	VCPUs int `hcl:"vcpus" plan:"computed"`

	// RAMMB is how much memory it has, in MiB.
	RAMMB int `hcl:"ram_mb" plan:"computed"`

	// DiskGB is how much storage of its own it has, in GiB.
	DiskGB int `hcl:"disk_gb" plan:"computed"`
}

// Lookup reads what the cloud file says of the host.
func (h *Host) Lookup(w schema.World) error {
	names := hostNames(w)
	for _, x := range w.Cloud().Hosts {
		if x.Name == h.Name {
			h.Zone, h.Chassis, h.VCPUs, h.RAMMB, h.DiskGB = x.Zone, x.Chassis, x.VCPUs, x.RAMMB, x.DiskGB
			return nil
		}
	}
	detail := fmt.Sprintf("The cloud has: %s.", strings.Join(names, ", "))
	if near := schema.Nearest(h.Name, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return schema.Problem{Attribute: "name", Summary: fmt.Sprintf("There is no host %q", h.Name), Detail: detail}
}

// Hosts are the machines of the cloud that run instances.
type Hosts struct {
	// Zone to list the hosts of. Every zone, unless set.
	Zone string `hcl:"zone,optional"`

	// Names of the hosts, in the order of the cloud file.
	Names []string `hcl:"names" plan:"computed"`
}

// Lookup lists the cloud's hosts.
func (h *Hosts) Lookup(w schema.World) error {
	h.Names = []string{}
	for _, x := range w.Cloud().Hosts {
		if h.Zone == "" || h.Zone == x.Zone {
			h.Names = append(h.Names, x.Name)
		}
	}
	return nil
}
