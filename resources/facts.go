package resources

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// AvailabilityZones are the zones of the cloud.
type AvailabilityZones struct {
	// Names of the zones, in the order of the cloud file.
	Names []string `hcl:"names" plan:"computed"`
}

// Lookup reads the cloud's zones.
func (z *AvailabilityZones) Lookup(w schema.World) error {
	z.Names = w.Cloud().Zones()
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
