package resources

import (
	"fmt"
	"net/netip"
	"slices"

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
