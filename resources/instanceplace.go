package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// SchedulerHints say which other instances one should be with. They count when it
// is placed.
type SchedulerHints struct {
	// Group whose policy holds for the instance.
	Group schema.Ref[ServerGroup] `hcl:"group,optional"`
	// SameHost are instances to be with on a host.
	SameHost []string `hcl:"same_host,optional"`
	// DifferentHost are instances not to be with on a host.
	DifferentHost []string `hcl:"different_host,optional"`
}

// zone is the zone of the cloud file that the author, or the host that the author
// pins, says.
func (i *Instance) zone(w schema.World) string {
	if i.AvailabilityZone != "" {
		return around(w, i.AvailabilityZone)
	}
	for _, h := range w.Cloud().Hosts {
		if h.Name == i.Host && i.Host != "" {
			return h.Zone
		}
	}
	return ""
}

// Demand is what the instance needs of a host.
func (i *Instance) Demand(w schema.World) (schema.Demand, error) {
	was := schema.Look(w, schema.Ref[Instance](i.ID))
	d := schema.Demand{VCPUs: i.VCPUs, RAMMB: i.RAMMB, DiskGB: i.DiskGB, Zone: around(w, i.AvailabilityZone), Host: i.Host}
	f := schema.Look(w, i.FlavorID)
	if f != nil {
		d.VCPUs, d.RAMMB, d.DiskGB = f.VCPUs, f.RAMMB, i.localDisk(w, f)
	} else if was == nil || was.FlavorID != i.FlavorID {
		return d, gone("flavor_id", "flavor", string(i.FlavorID))
	}
	if i.Host != "" && !slices.ContainsFunc(hostNames(w), func(n string) bool { return n == i.Host }) {
		return schema.Demand{}, schema.Problem{Code: "CRN-PLACE-1", Attribute: "host", Summary: fmt.Sprintf("There is no host %q", i.Host), Detail: fmt.Sprintf("The cloud has: %s.", strings.Join(hostNames(w), ", "))}
	}
	stays := was != nil && was.Host == i.Host
	if i.AvailabilityZone != "" && !(stays && was.AvailabilityZone == i.AvailabilityZone) {
		if err := unzoned(w, i.AvailabilityZone); err != nil {
			return schema.Demand{}, err
		}
	}
	if err := i.stays(w, was); err != nil {
		return d, err
	}
	d.Except = i.except(w, f)
	if stays {
		d.Host, d.Current, d.Stays = "", i.Host, was.FlavorID == i.FlavorID
	}
	if d.Zone == "" && d.Host == "" {
		d.Zone = i.storageZone(w)
	}
	if h := i.SchedulerHints; h != nil {
		d.Same, d.Different = h.SameHost, h.DifferentHost
		if h.Group != "" {
			g := schema.Look(w, h.Group)
			if g == nil {
				return d, gone("scheduler_hints", "server_group", string(h.Group))
			}
			d.Group, d.Policy = g.ID, string(g.Policy)
			if g.Rules != nil {
				d.MaxPerHost = g.Rules.MaxServerPerHost
			}
		}
	}
	return d, nil
}

// except are the hosts outside of the instance's zone, where that is made of hosts,
// and those whose aggregates are not what the flavor asks for.
func (i *Instance) except(w schema.World, f *Flavor) map[string]string {
	all := map[string]string{}
	if z := i.AvailabilityZone; z != "" && !inCloudFile(w, z) {
		in := madeZones(w)[z]
		for _, name := range hostNames(w) {
			if !slices.Contains(in, name) {
				all[name] = "it is not in zone " + z
			}
		}
	}
	if f == nil {
		return all
	}
	for _, key := range slices.Sorted(maps.Keys(f.ExtraSpecs)) {
		word, ok := strings.CutPrefix(key, aggregateSpec)
		if !ok {
			continue
		}
		asked := f.ExtraSpecs[key]
		for _, name := range hostNames(w) {
			if has := wordsOf(w, name)[word]; all[name] == "" && !slices.ContainsFunc(has, func(v string) bool { return suits(v, asked) }) {
				all[name] = fmt.Sprintf("flavor %s asks for an aggregate with %s = %q, and it is in none", f.Name, word, asked)
			}
		}
	}
	return all
}

// stays reports an instance that shall go where its files are not, or be where nothing
// is.
func (i *Instance) stays(w schema.World, was *Instance) error {
	h := w.Cloud().Host(i.Host)
	for _, d := range i.BlockDevices {
		if d.SourceType != SourceFile {
			continue
		}
		if was != nil && was.Host != i.Host && was.Host != "" {
			return schema.Problem{Code: "CRN-PLACE-1", Attribute: "host", Summary: "The instance's disk is a file of its host", Detail: fmt.Sprintf("%s is on host %s, and goes nowhere. Leave host = %q, or give the instance disks that are the cloud's.", d.Path, was.Host, was.Host)}
		}
		if h != nil && !h.Real() {
			return schema.Problem{Code: "CRN-VER", Attribute: "block_devices", Summary: fmt.Sprintf("Host %s is only modelled, and has no file %s", h.Name, d.Path), Detail: "Files of hosts are for clouds with real hosts."}
		}
	}
	for n := range i.Networks {
		if i.Networks[n].Outside() && h != nil && !h.Real() {
			return schema.Problem{Code: "CRN-VER", Attribute: fmt.Sprintf("networks[%d]", n), Summary: fmt.Sprintf("Host %s is only modelled, and has no bridges of its own", h.Name), Detail: "Name a network, a subnet or a port."}
		}
	}
	return nil
}

func hostNames(w schema.World) []string {
	var all []string
	for _, h := range w.Cloud().Hosts {
		all = append(all, h.Name)
	}
	return all
}

// Place puts the instance on a host.
func (i *Instance) Place(host string) { i.Host = host }

// The counters of what a host has.
const (
	HostVCPUs = "vcpus on host"
	HostRAM   = "ram_mb on host"
	HostDisk  = "disk_gb on host"
)

// room takes the flavor's share of the host and of the project's quota.
func (i *Instance) room(w schema.World, l schema.Ledger, f *Flavor) error {
	project := string(i.ProjectID)
	disk := i.localDisk(w, f)
	i.VCPUs, i.RAMMB, i.DiskGB = f.VCPUs, f.RAMMB, disk
	shares := []share{{"cores", project, f.VCPUs}, {"ram_mb", project, f.RAMMB}}
	c := w.Cloud()
	for _, h := range c.Hosts {
		if h.Name != i.Host {
			continue
		}
		if i.AvailabilityZone == "" {
			i.AvailabilityZone = h.Zone
		}
		if was := schema.Look(w, schema.Ref[Instance](i.ID)); !inZone(w, &h, i.AvailabilityZone) && (was == nil || was.Host != i.Host || was.AvailabilityZone != i.AvailabilityZone) {
			return schema.Problem{Code: "CRN-AZ-1", Attribute: "host", Summary: fmt.Sprintf("Host %s is not in zone %s", h.Name, i.AvailabilityZone), Detail: fmt.Sprintf("It is in zone %s. Leave one of host and availability_zone out.", h.Zone)}
		}
		if h.Away == "" { // else what it has may not be known
			l.Limit(HostVCPUs, h.Name, int64(float64(h.VCPUs)*c.CPURatio))
			l.Limit(HostRAM, h.Name, int64(float64(h.RAMMB)*c.RAMRatio))
			l.Limit(HostDisk, h.Name, int64(float64(h.DiskGB)*c.DiskRatio))
		}
		shares = append(shares, share{HostVCPUs, h.Name, f.VCPUs}, share{HostRAM, h.Name, f.RAMMB}, share{HostDisk, h.Name, disk})
	}
	for _, s := range shares {
		if err := l.Share(s.space, s.key, int64(s.amount)); err != nil {
			return err
		}
	}
	return nil
}

type share struct {
	space, key string
	amount     int
}
