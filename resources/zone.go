package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// AvailabilityZone is a zone that is made of hosts within one zone of the cloud file:
// its networks and volumes reach it. Instances name it as they name any other.
type AvailabilityZone struct {
	// ID of the zone.
	ID string `hcl:"id" plan:"assigned"`

	// Name, which no zone of the cloud file has.
	Name string `hcl:"name" plan:"replace" check:"len=255"`

	// Hosts that are in it, by name.
	Hosts schema.Set[string] `hcl:"hosts,optional"`

	// AggregateIDs are aggregates whose hosts are in it too.
	AggregateIDs schema.Set[schema.Ref[Aggregate]] `hcl:"aggregate_ids,optional"`
}

// Claims takes the name.
func (z *AvailabilityZone) Claims(w schema.World, l schema.Ledger) error {
	if inCloudFile(w, z.Name) {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: "name", Summary: fmt.Sprintf("The cloud file has zone %s", z.Name), Detail: "It is there without this block: write its name, or read data \"availability_zones\". A zone of some of its hosts needs a name of its own."}
	}
	if err := named(l.Name("availability_zone name", z.Name), "availability_zone", z.Name); err != nil {
		return err
	}
	return knownHosts(w, z.Hosts)
}

// Checks reports hosts that can't be in the zone, and instances that would be outside of it.
func (z *AvailabilityZone) Checks(w schema.World) error { return checkZone(w, z.Name, z.members(w)) }

// members are the hosts that the zone names, itself and by aggregates.
func (z *AvailabilityZone) members(w schema.World) []string {
	all := slices.Clone([]string(z.Hosts))
	for _, id := range z.AggregateIDs {
		if a := schema.Look(w, id); a != nil {
			all = append(all, a.Hosts...)
		}
	}
	return all
}

// inCloudFile reports whether the cloud file has a zone.
func inCloudFile(w schema.World, zone string) bool { return slices.Contains(w.Cloud().Zones(), zone) }

// madeZones are the zones that stacks make, with their hosts.
func madeZones(w schema.World) map[string][]string {
	all := map[string][]string{}
	for z := range schema.All[AvailabilityZone](w) {
		all[z.Name] = append(all[z.Name], z.members(w)...)
	}
	for a := range schema.All[Aggregate](w) {
		if a.Zone != "" && !inCloudFile(w, a.Zone) {
			all[a.Zone] = append(all[a.Zone], a.Hosts...)
		}
	}
	return all
}

// zoneNames lists the zones: those of the cloud file in its order, then the others.
func zoneNames(w schema.World) []string {
	made := madeZones(w)
	for _, z := range w.Cloud().Zones() {
		delete(made, z)
	}
	return append(w.Cloud().Zones(), slices.Sorted(maps.Keys(made))...)
}

// inZone reports whether a host is in a zone.
func inZone(w schema.World, h *cloud.Host, zone string) bool {
	return h.Zone == zone || !inCloudFile(w, zone) && slices.Contains(madeZones(w)[zone], h.Name)
}

// around is the zone of the cloud file that a zone is in, or is; "" for none.
func around(w schema.World, zone string) string {
	if zone == "" || inCloudFile(w, zone) {
		return zone
	}
	for _, name := range madeZones(w)[zone] {
		if h := w.Cloud().Host(name); h != nil {
			return h.Zone
		}
	}
	return ""
}

// checkZone reports hosts that a zone can't have together, or that another one has,
// and instances that are in the zone and on no host of it.
func checkZone(w schema.World, zone string, hosts []string) error {
	made := madeZones(w)
	wrong := func(summary, detail string) error {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: "hosts", Summary: summary, Detail: detail}
	}
	first := around(w, zone)
	for _, name := range hosts {
		if h := w.Cloud().Host(name); h != nil && h.Zone != first {
			return wrong(fmt.Sprintf("The hosts of zone %s are in several zones of the cloud file", zone), fmt.Sprintf("Host %s is in zone %s, and others are in %s. Make a zone of each part: volumes and networks reach zones of the cloud file.", name, h.Zone, first))
		}
		for _, other := range slices.Sorted(maps.Keys(made)) {
			if other != zone && slices.Contains(made[other], name) {
				return wrong(fmt.Sprintf("Host %s is in zone %s already", name, other), fmt.Sprintf("A host is in one zone that is made of hosts. Take it out of %s, or of %s.", other, zone))
			}
		}
	}
	return leavesZone(w, "hosts", zone, func(host string) bool { return slices.Contains(made[zone], host) })
}

// leavesZone reports an instance of a zone whose host would not be in it.
func leavesZone(w schema.World, attribute, zone string, in func(host string) bool) error {
	for i := range schema.Where[Instance](w, "availability_zone", zone) {
		if !in(i.Host) {
			return schema.Problem{Code: "CRN-AZ-1", Attribute: attribute, Summary: fmt.Sprintf("Instance %s is in zone %s, and on host %s", i.Name, zone, i.Host), Detail: "Its zone goes where its host goes. Move the instance to another host of the zone first, or leave the host in it."}
		}
	}
	return nil
}

// unzoned reports a zone that there is not.
func unzoned(w schema.World, zone string) error {
	names := zoneNames(w)
	if slices.Contains(names, zone) {
		return nil
	}
	detail := fmt.Sprintf("The cloud has: %s.", strings.Join(names, ", "))
	if near := schema.Nearest(zone, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return schema.Problem{Code: "CRN-AZ-1", Attribute: "availability_zone", Summary: fmt.Sprintf("There is no zone %q", zone), Detail: detail}
}
