package resources

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

// Instance is a virtual machine. Rules: Nova's servers.
type Instance struct {
	object

	// FlavorID is its size. Another one stops the guest for a moment, unless cpu and
	// memory leave room for it and it is not smaller.
	FlavorID schema.Ref[Flavor] `hcl:"flavor_id" plan:"stop" hot:"flavor"`

	// ImageID is what its root disk begins as a copy of, when that is local. With a
	// block device that boots, leave it out.
	ImageID schema.Ref[Image] `hcl:"image_id,optional" plan:"replace" hot:"image"`

	// BlockDevices are its disks besides a local root disk.
	BlockDevices []BlockDevice `hcl:"block_devices,optional" hot:"block_device_mapping_v2"`

	// Networks are its network interfaces, in the guest's order.
	Networks []InstanceNetwork `hcl:"networks,optional"`

	// SecurityGroupIDs are the groups of the ports that it brings along. The project's
	// default group, unless set.
	SecurityGroupIDs schema.Set[schema.Ref[SecurityGroup]] `hcl:"security_group_ids,optional" hot:"security_groups"`

	// UserData is what cloud-init runs at the first boot: at most 64 KiB.
	UserData string `hcl:"user_data,optional" plan:"replace" check:"len=65536" secrets:"maybe"`

	// Metadata are words with values that the guest can read.
	Metadata map[string]string `hcl:"metadata,optional"`

	// KeyPair is the name of the key that is let in.
	KeyPair string `hcl:"key_pair,optional" plan:"replace" hot:"key_name"`

	// AvailabilityZone that it is in: of the cloud file, or one that an
	// availability_zone or aggregate makes. The cloud file's of its host, unless set.
	AvailabilityZone string `hcl:"availability_zone,optional" plan:"assigned,replace"`

	// Host that it is on. Chosen among all that have room, unless set; setting it pins
	// the instance there.
	Host string `hcl:"host,optional" plan:"assigned,live"`

	// SchedulerHints say which other instances it should be with.
	SchedulerHints *SchedulerHints `hcl:"scheduler_hints,optional"`

	// CPU says more of its processors.
	CPU *InstanceCPU `hcl:"cpu,optional" plan:"stop"`

	// Memory says more of its memory.
	Memory *InstanceMemory `hcl:"memory,optional" plan:"stop"`

	// MachineType is what the guest sees a machine of, such as pc or q35. The host's,
	// unless set.
	MachineType string `hcl:"machine_type,optional" plan:"stop"`

	// ConfigDrive gives the guest a disc that says who it is: its name, its addresses,
	// the key and user_data. Without one it must find out otherwise.
	ConfigDrive *bool `hcl:"config_drive,optional" plan:"stop" default:"true"`

	// ConfigFormat is how the disc is written: nocloud, or configdrive2 for images that
	// know OpenStack's alone.
	ConfigFormat ConfigFormat `hcl:"config_format,optional" plan:"stop" default:"nocloud"`

	// Migration says how the instance goes to another host.
	Migration *Migration `hcl:"migration,optional"`

	// StopBeforeDestroy has the guest end by itself before it is deleted. Else its plug
	// is pulled, as Nova does.
	StopBeforeDestroy bool `hcl:"stop_before_destroy,optional"`

	// ShutdownTimeout is how many seconds the guest has to end by itself when it is
	// stopped; 0 pulls its plug at once.
	ShutdownTimeout *int `hcl:"shutdown_timeout,optional" default:"60" check:"min=0,max=3600"`

	// PowerState is active, shutoff, paused or suspended (its memory is on its host's
	// disk).
	PowerState PowerState `hcl:"power_state,optional" default:"active"`

	// VCPUs is how many virtual processors it has, by its flavor when that was last
	// applied: a flavor that goes or changes takes nothing from it.
	VCPUs int `hcl:"vcpus" plan:"assigned"`

	// RAMMB is how much memory it has, in MiB.
	RAMMB int `hcl:"ram_mb" plan:"assigned"`

	// DiskGB is how much storage of its host it has, in GiB.
	DiskGB int `hcl:"disk_gb" plan:"assigned"`

	// AccessIPv4 is its first IPv4 address.
	AccessIPv4 netip.Addr `hcl:"access_ip_v4" plan:"assigned"`

	// AccessIPv6 is its first IPv6 address.
	AccessIPv6 netip.Addr `hcl:"access_ip_v6" plan:"assigned"`

	// InstanceName is its name on the host.
	InstanceName string `hcl:"instance_name" plan:"assigned"`

	// Status is ACTIVE, SHUTOFF, PAUSED, SUSPENDED or ERROR.
	Status string `hcl:"status" plan:"live"`
}

// BlockDevice is a disk of an instance.
type BlockDevice struct {
	// SourceType is what it begins as: image, snapshot or blank for a volume that the
	// instance brings along, volume for one that is there, file for what is on the host
	// already and stays its own.
	SourceType SourceType `hcl:"source_type"`
	// UUID of the image, snapshot or volume.
	UUID string `hcl:"uuid,optional"`
	// Path on the host, of a file or a block device, with source_type file.
	Path string `hcl:"path,optional" check:"pattern=/.+"`
	// DiskFormat of the file: raw or qcow2.
	DiskFormat diskimage.Format `hcl:"disk_format,optional"`
	// DestinationType is volume, or local for a disk on the host.
	DestinationType DestinationType `hcl:"destination_type,optional" default:"volume"`
	// BootIndex is 0 for the disk that the guest boots from.
	BootIndex *int `hcl:"boot_index,optional"`
	// VolumeSize in GiB. As large as what it is made from, unless set.
	VolumeSize int `hcl:"volume_size,optional" check:"min=1"`
	// VolumeType of the volume that the instance brings along.
	VolumeType string `hcl:"volume_type,optional"`
	// DeleteOnTermination deletes what the instance brought along with it, and has to:
	// a volume that outlives its instance is a resource of its own.
	DeleteOnTermination *bool `hcl:"delete_on_termination,optional"`
	// VolumeID is the volume.
	VolumeID string `hcl:"volume_id" plan:"assigned"`
	// Device is the disk's name in the guest, such as vda.
	Device string `hcl:"device" plan:"assigned"`
}

// SourceType is what a disk begins as.
type SourceType string

// The sources.
const (
	SourceBlank    SourceType = "blank"
	SourceImage    SourceType = "image"
	SourceVolume   SourceType = "volume"
	SourceSnapshot SourceType = "snapshot"
	SourceFile     SourceType = "file"
)

// Values lists the sources.
func (SourceType) Values() []string {
	return []string{string(SourceBlank), string(SourceImage), string(SourceVolume), string(SourceSnapshot), string(SourceFile)}
}

// DestinationType is where a disk lives.
type DestinationType string

// The places.
const (
	ToVolume DestinationType = "volume"
	ToLocal  DestinationType = "local"
)

// Values lists the places.
func (DestinationType) Values() []string { return []string{string(ToVolume), string(ToLocal)} }

// InstanceNetwork is a network interface: of a port that is there, of one that the
// instance brings along, or one that is plugged into something of the host's own.
type InstanceNetwork struct {
	// Port is the port that is plugged in.
	Port schema.Ref[Port] `hcl:"port,optional"`
	// NetworkID is the network that a port is made on.
	NetworkID schema.Ref[Network] `hcl:"network_id,optional" hot:"network"`
	// Subnet is the subnet that a port is made on.
	Subnet schema.Ref[Subnet] `hcl:"subnet,optional"`
	// Bridge is one of the host's own that it is plugged into, outside of the cloud's
	// networks.
	Bridge string `hcl:"bridge,optional"`
	// HostNetwork is a network of the host's libvirt that it is plugged into, such as
	// default.
	HostNetwork string `hcl:"host_network,optional"`
	// FixedIPv4 is its IPv4 address. A free one, unless set.
	FixedIPv4 netip.Addr `hcl:"fixed_ip_v4,optional" plan:"assigned" hot:"fixed_ip"`
	// FixedIPv6 is its IPv6 address. A free one, unless set.
	FixedIPv6 netip.Addr `hcl:"fixed_ip_v6,optional" plan:"assigned"`
	// PortID is the port.
	PortID string `hcl:"port_id" plan:"assigned"`
	// MAC is the port's address. Only an interface on a bridge or host_network takes one
	// from its author; there a free one, unless set.
	MAC MAC `hcl:"mac,optional" plan:"assigned"`
}

// Outside reports whether the interface is plugged into something of the host's own.
func (x *InstanceNetwork) Outside() bool { return x.Bridge != "" || x.HostNetwork != "" }

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

// PowerState is whether a guest runs.
type PowerState string

// The states.
const (
	Active    PowerState = "active"
	Shutoff   PowerState = "shutoff"
	Paused    PowerState = "paused"
	Suspended PowerState = "suspended"
)

// Values lists the states.
func (PowerState) Values() []string {
	return []string{string(Active), string(Shutoff), string(Paused), string(Suspended)}
}

// InstanceCPU says more of an instance's processors.
type InstanceCPU struct {
	// MaxVCPUs is how many the instance may come to without a stop.
	MaxVCPUs int `hcl:"max_vcpus,optional" check:"min=1,max=4096"`
}

// InstanceMemory says more of an instance's memory.
type InstanceMemory struct {
	// MaxMB is how much the instance may come to without a stop, in MiB.
	MaxMB int `hcl:"max_mb,optional" check:"min=64"`
}

// MostVCPUs is how many processors the instance may have while it runs.
func (i *Instance) MostVCPUs() int {
	if i.CPU == nil {
		return i.VCPUs
	}
	return max(i.VCPUs, i.CPU.MaxVCPUs)
}

// MostRAMMB is how much memory the instance may have while it runs.
func (i *Instance) MostRAMMB() int {
	if i.Memory == nil {
		return i.RAMMB
	}
	return max(i.RAMMB, i.Memory.MaxMB)
}

// ConfigFormat is how a guest is told who it is.
type ConfigFormat string

// The formats.
const (
	NoCloud      ConfigFormat = "nocloud"
	ConfigDrive2 ConfigFormat = "configdrive2"
)

// Values lists the formats.
func (ConfigFormat) Values() []string { return []string{string(NoCloud), string(ConfigDrive2)} }

// HasSeed reports whether the guest has a disc that says who it is.
func (i *Instance) HasSeed() bool { return i.ConfigDrive == nil || *i.ConfigDrive }

// Migration says how an instance goes to another host.
type Migration struct {
	// Mode is live, or cold: the guest stops meanwhile.
	Mode MigrationMode `hcl:"mode,optional" default:"live"`
	// AutoConverge slows the guest down until its memory is copied faster than it
	// changes.
	AutoConverge bool `hcl:"auto_converge,optional"`
	// BandwidthMbps bounds how fast it is copied, in Mbit/s.
	BandwidthMbps int `hcl:"bandwidth_mbps,optional" check:"min=1"`
	// MaxDowntimeMS is how long the guest may stand still in the end, in milliseconds.
	MaxDowntimeMS int `hcl:"max_downtime_ms,optional" check:"min=1"`
	// TimeoutSeconds ends a migration that does not get done.
	TimeoutSeconds int `hcl:"timeout_seconds,optional" check:"min=1"`
}

// MigrationMode is whether a guest runs on while it moves.
type MigrationMode string

// The modes.
const (
	LiveMigration MigrationMode = "live"
	ColdMigration MigrationMode = "cold"
)

// Values lists the modes.
func (MigrationMode) Values() []string {
	return []string{string(LiveMigration), string(ColdMigration)}
}

// Check reports disks and interfaces that can't be.
func (i *Instance) Check() error {
	var all schema.Problems
	add := func(code, attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: code, Attribute: attribute, Summary: summary, Detail: detail})
	}
	boots := 0
	if i.ImageID != "" {
		boots++
	}
	for n, d := range i.BlockDevices {
		at := fmt.Sprintf("block_devices[%d]", n)
		if d.BootIndex != nil && *d.BootIndex == 0 {
			boots++
		}
		switch {
		case d.SourceType == SourceFile && (d.Path == "" || d.UUID != "" || d.DestinationType != ToLocal || d.DiskFormat != diskimage.Raw && d.DiskFormat != diskimage.QCOW2):
			add("CRN-VOL-1", at, "A file of the host is a local disk", "Set path, disk_format (raw or qcow2) and destination_type = \"local\", and leave uuid out.")
		case d.SourceType == SourceFile && (d.VolumeSize != 0 || d.DeleteOnTermination != nil && *d.DeleteOnTermination):
			add("CRN-VER", at, "A file of the host stays as it is", "Take volume_size and delete_on_termination out: cairn neither makes nor removes it.")
		case d.SourceType == SourceFile && i.Host == "":
			add("CRN-PLACE-1", "host", "Nobody knows which host the file is on", fmt.Sprintf("Set host to the one that has %s.", d.Path))
		case d.SourceType != SourceFile && (d.Path != "" || d.DiskFormat != ""):
			add("CRN-VOL-1", at, "Only a file of the host has a path", "Take path and disk_format out, or set source_type = \"file\".")
		case d.SourceType == SourceFile:
		case d.SourceType == SourceBlank && d.UUID != "":
			add("CRN-VOL-1", at, "A blank disk is a copy of nothing", "Take uuid out, or say what source_type it is of.")
		case d.SourceType != SourceBlank && d.UUID == "":
			add("CRN-VOL-1", at, "The disk has no source", fmt.Sprintf("Say which %s with uuid.", d.SourceType))
		case d.SourceType == SourceBlank && d.VolumeSize == 0:
			add("CRN-VOL-1", at, "The disk has no size", "Set volume_size, in GiB.")
		case d.DestinationType == ToLocal && d.SourceType != SourceBlank:
			add("CRN-VER", at, "Only a blank disk or a file of the host can be local", "The root disk is local with image_id; anything else has destination_type volume.")
		case d.DestinationType == ToLocal && d.BootIndex != nil && *d.BootIndex == 0:
			add("CRN-VOL-1", at, "There is nothing to boot from on a blank disk", "Take boot_index out.")
		case d.SourceType == SourceVolume && (d.VolumeSize != 0 || d.VolumeType != ""):
			add("CRN-VOL-1", at, "The volume is there already", "It has its size and type. Take volume_size and volume_type out.")
		case d.brings() && d.DeleteOnTermination != nil && !*d.DeleteOnTermination:
			add("CRN-VER", at, "The instance's own volume goes with it", "For one that outlives it, write a volume of its own and name it here with source_type = \"volume\".")
		}
	}
	switch {
	case boots == 0:
		add("CRN-FLV-1", "image_id", "The instance has nothing to boot from", "Set image_id, or give one of block_devices boot_index = 0.")
	case boots > 1:
		add("CRN-FLV-1", "image_id", "The instance boots from one disk", "Leave image_id or one block device with boot_index = 0, not both.")
	}
	implicit := 0
	for n, x := range i.Networks {
		at := fmt.Sprintf("networks[%d]", n)
		said := 0
		for _, s := range []string{string(x.Port), string(x.NetworkID), string(x.Subnet), x.Bridge, x.HostNetwork} {
			if s != "" {
				said++
			}
		}
		if x.Port == "" && !x.Outside() {
			implicit++
		}
		switch {
		case said != 1:
			add("CRN-AZ-1", at, "An interface is on one port, network or subnet", "Set exactly one of port, network_id and subnet (or of bridge and host_network, for what is the host's own).")
		case x.Outside() && (x.FixedIPv4.IsValid() || x.FixedIPv6.IsValid()):
			add("CRN-CIDR-2", at, "Nobody gives out addresses there", "What is plugged into the host's own has its addresses from elsewhere. Take fixed_ip_v4 and fixed_ip_v6 out.")
		case x.FixedIPv4.IsValid() && !x.FixedIPv4.Is4(), x.FixedIPv6.IsValid() && !x.FixedIPv6.Is6():
			add("CRN-CIDR-2", at, "The address is of the other IP version", "fixed_ip_v4 is such as 10.0.0.5, fixed_ip_v6 such as 2001:db8::5.")
		}
	}
	if len(i.SecurityGroupIDs) > 0 && implicit == 0 {
		add("CRN-PSEC", "security_group_ids", "No port takes the groups", "Named ports have groups of their own. Set security_group_ids on those.")
	}
	return all.Err()
}

// brings reports whether the instance brings the volume along.
func (d *BlockDevice) brings() bool {
	return d.SourceType != SourceVolume && d.DestinationType != ToLocal
}

// Replaces reports other disks: they can be added and taken away at the end, and
// grow, and nothing else.
func (i *Instance) Replaces(prior any) []string {
	was := prior.(*Instance).BlockDevices
	for n := range min(len(was), len(i.BlockDevices)) {
		a, b := &was[n], &i.BlockDevices[n]
		if a.SourceType != b.SourceType || a.UUID != b.UUID || a.DestinationType != b.DestinationType || a.VolumeType != b.VolumeType || a.Path != b.Path || a.boots() != b.boots() {
			return []string{"block_devices"}
		}
	}
	for _, rest := range [][]BlockDevice{was[min(len(was), len(i.BlockDevices)):], i.BlockDevices[min(len(was), len(i.BlockDevices)):]} {
		if slices.ContainsFunc(rest, func(d BlockDevice) bool { return d.boots() }) {
			return []string{"block_devices"}
		}
	}
	return nil
}

// MemoryBlock is what memory is plugged in by, in MiB.
const MemoryBlock = 128

// Stops leaves out the flavor, where the guest can come to its size while it runs;
// a guest that does not run stops for nothing. In software QEMU ends when it has used
// up its translation buffer and gets one more processor (7.2, tcg/region.c), so there
// a guest stops for that.
func (i *Instance) Stops(w schema.World, prior any, changed []string) []string {
	was := prior.(*Instance)
	if was.PowerState != Active && was.PowerState != Paused {
		return nil
	}
	more := i.RAMMB - was.RAMMB
	h := w.Cloud().Host(i.Host)
	software := h != nil && h.Machine.Virt == cloud.VirtQEMU
	live := (i.VCPUs == was.VCPUs || i.VCPUs > was.VCPUs && !software) && i.VCPUs <= was.MostVCPUs() && more >= 0 && i.RAMMB <= was.MostRAMMB() && more%MemoryBlock == 0
	return slices.DeleteFunc(slices.Clone(changed), func(name string) bool {
		return name == "flavor_id" && live
	})
}

func (d *BlockDevice) boots() bool { return d.BootIndex != nil && *d.BootIndex == 0 }

// Owned lists the ports and volumes that the instance brings along.
func (i *Instance) Owned(w schema.World, l schema.Ledger) ([]schema.Owned, error) {
	var all []schema.Owned
	for n := range i.Networks {
		x := &i.Networks[n]
		if x.Port != "" || x.Outside() {
			continue
		}
		at, role := fmt.Sprintf("networks[%d]", n), fmt.Sprintf("port[%d]", n)
		p := &Port{object: object{ID: l.ID(role), ProjectID: i.ProjectID}, NetworkID: x.NetworkID, SecurityGroupIDs: i.SecurityGroupIDs}
		var subnet schema.Ref[Subnet]
		if x.Subnet != "" {
			s := schema.Look(w, x.Subnet)
			if s == nil {
				return nil, gone(at, "subnet", string(x.Subnet))
			}
			p.NetworkID, subnet = s.NetworkID, x.Subnet
			p.FixedIPs = []FixedIP{{SubnetID: subnet}}
		}
		if wants := x.wants(w, p.ID, subnet); wants != nil {
			p.FixedIPs = wants
		}
		all = append(all, schema.Owned{Role: role, Object: p})
	}
	for n := range i.BlockDevices {
		d := &i.BlockDevices[n]
		if !d.brings() {
			continue
		}
		role := fmt.Sprintf("volume[%d]", n)
		v := &Volume{object: object{ID: l.ID(role), ProjectID: i.ProjectID}, Size: d.VolumeSize, VolumeType: d.VolumeType, AvailabilityZone: i.zone(w)}
		switch d.SourceType {
		case SourceImage:
			v.ImageID = schema.Ref[Image](d.UUID)
		case SourceSnapshot:
			v.SnapshotID = schema.Ref[Snapshot](d.UUID)
		}
		if p := schema.Look(w, schema.Ref[Volume](v.ID)); p != nil { // it stays where it was made
			v.AvailabilityZone = p.AvailabilityZone
		}
		all = append(all, schema.Owned{Role: role, Object: v})
	}
	return all, nil
}

// wants are the addresses that an author asks for on an interface: what its port
// has already was chosen for it, and is not asked for again.
func (x *InstanceNetwork) wants(w schema.World, port string, subnet schema.Ref[Subnet]) []FixedIP {
	var has []FixedIP
	if p := schema.Look(w, schema.Ref[Port](port)); p != nil {
		has = p.FixedIPs
	}
	var all []FixedIP
	fresh := false
	for _, a := range []netip.Addr{x.FixedIPv4, x.FixedIPv6} {
		if !a.IsValid() {
			continue
		}
		all = append(all, FixedIP{SubnetID: subnet, IPAddress: a})
		fresh = fresh || !slices.ContainsFunc(has, func(f FixedIP) bool { return f.IPAddress == a })
	}
	if !fresh {
		return nil
	}
	return all
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

// localDisk is how much of the host's own storage the instance needs, in GiB.
func (i *Instance) localDisk(w schema.World, f *Flavor) int {
	n := 0
	if i.ImageID != "" {
		n = f.DiskGB
		if image := schema.Look(w, i.ImageID); n == 0 && image != nil {
			n = image.LeastDiskGB()
		}
	}
	return n + i.blankGB()
}

// blankGB is how large the local disks besides the root are.
func (i *Instance) blankGB() int {
	n := 0
	for _, d := range i.BlockDevices {
		if d.DestinationType == ToLocal {
			n += d.VolumeSize
		}
	}
	return n
}

// storageZone is the zone that the instance must be in for its volumes, where
// one of them is in reach of a single zone.
func (i *Instance) storageZone(w schema.World) string {
	for _, d := range i.BlockDevices {
		typ := d.VolumeType
		switch {
		case d.DestinationType == ToLocal:
			continue
		case d.SourceType == SourceVolume:
			v := schema.Look(w, schema.Ref[Volume](d.UUID))
			if v == nil {
				continue
			}
			typ = v.VolumeType
		}
		if t, err := typeOfVolume(w, typ); err == nil && len(t.AvailabilityZones) == 1 {
			return t.AvailabilityZones[0]
		}
	}
	return ""
}

// Place puts the instance on a host.
func (i *Instance) Place(host string) { i.Host = host }

// The counters of what a host has.
const (
	HostVCPUs = "vcpus on host"
	HostRAM   = "ram_mb on host"
	HostDisk  = "disk_gb on host"
)

// Claims takes room on the host, names and addresses, and counts the instance.
func (i *Instance) Claims(w schema.World, l schema.Ledger) error {
	if err := i.claim(w, l, "instance", "instances"); err != nil {
		return err
	}
	f := schema.Look(w, i.FlavorID)
	if f == nil {
		return gone("flavor_id", "flavor", string(i.FlavorID))
	}
	if err := i.fits(w, f); err != nil {
		return err
	}
	if err := i.room(w, l, f); err != nil {
		return err
	}
	if i.InstanceName == "" {
		name, err := l.Choose("instance_name", 1<<32, func(n uint64) string { return fmt.Sprintf("instance-%08x", n) })
		if err != nil {
			return err
		}
		i.InstanceName = name
	} else if err := l.Claim("instance_name", i.InstanceName); err != nil {
		return err
	}
	if err := i.disks(w, l); err != nil {
		return err
	}
	return i.plug(w, l)
}

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

// fits reports a flavor or disk that the image has no room in.
func (i *Instance) fits(w schema.World, f *Flavor) error {
	wrong := func(attribute, summary, detail string) error {
		return schema.Problem{Code: "CRN-FLV-1", Attribute: attribute, Summary: summary, Detail: detail}
	}
	id := i.ImageID
	for _, d := range i.BlockDevices {
		if d.boots() && d.SourceType == SourceImage {
			id = schema.Ref[Image](d.UUID)
		}
	}
	if was := schema.Look(w, schema.Ref[Instance](i.ID)); was != nil && was.FlavorID != i.FlavorID && i.ImageID != "" {
		if had, gets := was.DiskGB-was.blankGB(), i.localDisk(w, f)-i.blankGB(); gets < had {
			return wrong("flavor_id", "The root disk can only grow", fmt.Sprintf("It has %d GiB, and with flavor %s it would have %d.", had, f.Name, gets))
		}
	}
	if id == "" {
		return nil
	}
	image := schema.Look(w, id)
	switch {
	case image == nil:
		return gone("image_id", "image", string(id))
	case image.MinRAMMB > f.RAMMB:
		return wrong("flavor_id", "The image needs more memory", fmt.Sprintf("Image %s asks for %d MiB, and flavor %s has %d.", image.Name, image.MinRAMMB, f.Name, f.RAMMB))
	case i.ImageID != "" && f.DiskGB > 0 && image.LeastDiskGB() > f.DiskGB:
		return wrong("flavor_id", "The image needs a larger disk", fmt.Sprintf("Image %s needs %d GiB, and flavor %s has %d. Choose a flavor with a larger disk_gb, or an image of a smaller disk.", image.Name, image.LeastDiskGB(), f.Name, f.DiskGB))
	}
	return nil
}

// disks names the disks, and takes the volumes that are there.
func (i *Instance) disks(w schema.World, l schema.Ledger) error {
	if i.ImageID != "" {
		root := RootDevice
		if err := device(l, i.ID, &root); err != nil {
			return err
		}
	}
	order := make([]int, 0, len(i.BlockDevices))
	for n := range i.BlockDevices { // what boots comes first
		if i.BlockDevices[n].boots() {
			order = slices.Insert(order, 0, n)
		} else {
			order = append(order, n)
		}
	}
	for _, n := range order {
		d, at := &i.BlockDevices[n], fmt.Sprintf("block_devices[%d]", n)
		d.VolumeID = ""
		switch {
		case d.brings():
			d.VolumeID = l.ID(fmt.Sprintf("volume[%d]", n))
			if v := schema.Look(w, schema.Ref[Volume](d.VolumeID)); v != nil {
				if err := v.attach(w, l, at, i.ID, i.AvailabilityZone); err != nil {
					return err
				}
			}
		case d.SourceType == SourceVolume:
			v := schema.Look(w, schema.Ref[Volume](d.UUID))
			if v == nil {
				return gone(at, "volume", d.UUID)
			}
			d.VolumeID = v.ID
			if err := v.attach(w, l, at, i.ID, i.AvailabilityZone); err != nil {
				return err
			}
		}
		if err := device(l, i.ID, &d.Device); err != nil {
			return err
		}
	}
	return nil
}

// RootDevice is the name of a guest's first disk.
const RootDevice = "vda"

// plug takes the ports, and copies what they say.
func (i *Instance) plug(w schema.World, l schema.Ledger) error {
	i.AccessIPv4, i.AccessIPv6 = netip.Addr{}, netip.Addr{}
	for n := range i.Networks {
		x, at := &i.Networks[n], "networks["+strconv.Itoa(n)+"]"
		if x.Outside() {
			mac, err := chooseMACIn(w, l, fmt.Sprintf("MAC on host %s at %s", i.Host, x.Bridge+x.HostNetwork), at, x.MAC)
			if err != nil {
				return err
			}
			x.MAC = mac
			continue
		}
		id := x.Port
		if id == "" {
			id = schema.Ref[Port](l.ID(fmt.Sprintf("port[%d]", n)))
		}
		p, err := plugInto(w, l, at, id)
		if err != nil {
			return err
		}
		asked := *x
		x.PortID, x.MAC, x.FixedIPv4, x.FixedIPv6 = string(id), p.MACAddress, netip.Addr{}, netip.Addr{}
		for _, f := range p.FixedIPs {
			switch a := f.IPAddress; {
			case a.Is4() && (!x.FixedIPv4.IsValid() || a == asked.FixedIPv4):
				x.FixedIPv4 = a
			case a.Is6() && (!x.FixedIPv6.IsValid() || a == asked.FixedIPv6):
				x.FixedIPv6 = a
			}
		}
		if asked.PortID == "" && asked.MAC.IsValid() && asked.MAC != p.MACAddress {
			return schema.Problem{Code: "CRN-IP-1", Attribute: at, Summary: "The port has another MAC", Detail: fmt.Sprintf("Port %s brings its own. Set mac_address there.", p.Name)}
		}
		if x.Port != "" && asked.PortID == "" && (asked.FixedIPv4.IsValid() && asked.FixedIPv4 != x.FixedIPv4 || asked.FixedIPv6.IsValid() && asked.FixedIPv6 != x.FixedIPv6) {
			return schema.Problem{Code: "CRN-CIDR-2", Attribute: at, Summary: "The port has other addresses", Detail: fmt.Sprintf("Port %s brings its own. Set fixed_ips there.", p.Name)}
		}
		if !i.AccessIPv4.IsValid() {
			i.AccessIPv4 = x.FixedIPv4
		}
		if !i.AccessIPv6.IsValid() {
			i.AccessIPv6 = x.FixedIPv6
		}
	}
	return nil
}

// Checks reports a key and groups that would have no effect.
func (i *Instance) Checks(w schema.World) error {
	var all schema.Problems
	if i.KeyPair != "" {
		found := false
		for k := range schema.Where[Keypair](w, "name", i.KeyPair) {
			found = found || k.ProjectID == i.ProjectID
		}
		if !found {
			all = append(all, schema.Problem{Code: "CRN-ID-1", Attribute: "key_pair", Summary: fmt.Sprintf("The project has no keypair named %q", i.KeyPair), Detail: "key_pair is the name of a keypair of the instance's project, not its id."})
		}
	}
	if len(i.SecurityGroupIDs) == 0 {
		return all.Err()
	}
	for n, x := range i.Networks {
		p := schema.Look(w, schema.Ref[Port](x.PortID))
		if x.Port == "" && p != nil && p.PortSecurityEnabled != nil && !*p.PortSecurityEnabled {
			all = append(all, schema.Problem{Code: "CRN-PSEC", Attribute: fmt.Sprintf("networks[%d]", n), Summary: "Groups have no effect without port security", Detail: "The network's ports have none. Take security_group_ids out, or enable port security on the network."})
		}
	}
	return all.Err()
}
