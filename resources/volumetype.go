package resources

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// VolumeType is a class of volumes: the tier of storage that they are on, and what
// they can do.
type VolumeType struct {
	// ID of the type.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique in the cloud: what volumes name it by.
	Name string `hcl:"name" check:"len=255"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// Tier is the cloud's class of storage. Its first one, unless set.
	Tier string `hcl:"tier,optional" plan:"assigned,replace"`

	// AvailabilityZones are where instances reach its volumes. Those of the tier,
	// unless set.
	AvailabilityZones schema.Set[string] `hcl:"availability_zones,optional" plan:"assigned,live"`

	// Multiattach lets its volumes be attached to several instances.
	Multiattach bool `hcl:"multiattach,optional"`
}

// Claims takes the name and finds the tier.
func (t *VolumeType) Claims(w schema.World, l schema.Ledger) error {
	if err := named(l.Name("volume_type name", t.Name), "volume_type", t.Name); err != nil {
		return err
	}
	tiers := w.Cloud().Tiers
	if t.Tier == "" && len(tiers) > 0 {
		t.Tier = tiers[0].Name
	}
	var names []string
	for _, tier := range tiers {
		if names = append(names, tier.Name); tier.Name != t.Tier {
			continue
		}
		if t.AvailabilityZones == nil {
			t.AvailabilityZones = slices.Clone(tier.Zones)
		}
		for _, z := range t.AvailabilityZones {
			if !slices.Contains(tier.Zones, z) {
				return schema.Problem{Code: "CRN-AZ-1", Attribute: "availability_zones", Summary: fmt.Sprintf("Tier %s does not reach zone %q", t.Tier, z), Detail: fmt.Sprintf("It reaches: %s.", strings.Join(tier.Zones, ", "))}
			}
		}
		return nil
	}
	return schema.Problem{Code: "CRN-VOL-1", Attribute: "tier", Summary: fmt.Sprintf("The cloud has no tier %q", t.Tier), Detail: fmt.Sprintf("It has: %s.", strings.Join(names, ", "))}
}

// typeOfVolume finds a volume's type by its id or name; a tier of the cloud is
// a type by itself. "" is the first tier's.
func typeOfVolume(w schema.World, name string) (*VolumeType, error) {
	if t := schema.Look(w, schema.Ref[VolumeType](name)); t != nil {
		return t, nil
	}
	if name != "" {
		for t := range schema.Where[VolumeType](w, "name", name) {
			return t, nil
		}
	}
	var names []string
	for _, tier := range w.Cloud().Tiers {
		if name == "" || tier.Name == name {
			return &VolumeType{Name: tier.Name, Tier: tier.Name, AvailabilityZones: tier.Zones}, nil
		}
		names = append(names, tier.Name)
	}
	for t := range schema.All[VolumeType](w) {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	detail := fmt.Sprintf("There are: %s.", strings.Join(slices.Compact(names), ", "))
	if near := schema.Nearest(name, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return nil, schema.Problem{Code: "CRN-VOL-1", Attribute: "volume_type", Summary: fmt.Sprintf("There is no volume type %q", name), Detail: detail}
}
