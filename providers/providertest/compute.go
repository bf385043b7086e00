package providertest

import (
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Farm is a few instances with their disks, beside an App.
type Farm struct {
	*App
	Small, Large    *resources.Flavor
	Image           *resources.Image
	Data, Shared    *resources.Volume
	Snapshot        *resources.Snapshot
	One, Two        *resources.Instance
	Attached, Again *resources.VolumeAttachment
	Plugged         *resources.InterfaceAttachment
}

// NewFarm makes the objects as a plan would. The image is made from a file of so
// many bytes, in raw or qcow2, with that checksum.
func NewFarm(file string, format diskimage.Format, checksum string) *Farm {
	f := &Farm{App: NewApp()}
	f.Small = &resources.Flavor{ID: id("small"), Name: "small", VCPUs: 2, RAMMB: 2048, DiskGB: 2, IsPublic: ptr(true)}
	f.Large = &resources.Flavor{ID: id("large"), Name: "large", VCPUs: 12, RAMMB: 4096, DiskGB: 3, IsPublic: ptr(true)}
	f.Image = &resources.Image{LocalFilePath: file, DiskFormat: format, Checksum: checksum, Visibility: "private", MinRAMMB: 512}
	f.Image.ID, f.Image.Name = id("image"), "image"
	f.Data = newVolume("data", 2)
	f.Shared = newVolume("shared", 1)
	f.Shared.Multiattach = true
	f.Snapshot = &resources.Snapshot{VolumeID: ref[resources.Volume]("data"), Size: 2}
	f.Snapshot.ID, f.Snapshot.Name = id("before"), "before"
	f.One, f.Two = newInstance("one", "web"), newInstance("two", "app")
	f.Attached = &resources.VolumeAttachment{ID: id("attached"), InstanceID: ref[resources.Instance]("one"), VolumeID: ref[resources.Volume]("data"), Device: "vdb"}
	f.Again = &resources.VolumeAttachment{ID: id("again"), InstanceID: ref[resources.Instance]("two"), VolumeID: ref[resources.Volume]("data"), Device: "vdb"}
	f.Plugged = &resources.InterfaceAttachment{ID: id("plugged"), InstanceID: ref[resources.Instance]("one"), PortID: ref[resources.Port]("port db"), FixedIP: ip("10.20.0.13"), MAC: mac("fa:16:3e:00:00:13")}
	return f
}

func newVolume(name string, size int) *resources.Volume {
	v := &resources.Volume{Size: size, VolumeType: "standard", AvailabilityZone: "z1"}
	v.ID, v.Name = id(name), name
	return v
}

func newInstance(name, port string) *resources.Instance {
	i := &resources.Instance{FlavorID: ref[resources.Flavor]("small"), ImageID: ref[resources.Image]("image"), AvailabilityZone: "z1", Host: "h1",
		VCPUs: 2, RAMMB: 2048, DiskGB: 2, PowerState: resources.Active, InstanceName: "instance-" + name, Networks: []resources.InstanceNetwork{plugged(port)}}
	i.ID, i.Name = id(name), name
	return i
}

// enlarge gives an instance the large flavor.
func enlarge(i *resources.Instance) {
	i.FlavorID, i.VCPUs, i.RAMMB, i.DiskGB = ref[resources.Flavor]("large"), 12, 4096, 3
}

func plugged(port string) resources.InstanceNetwork {
	return resources.InstanceNetwork{Port: ref[resources.Port]("port " + port), PortID: id("port " + port), MAC: mac("fa:16:3e:00:00:10")}
}

// base is what instances stand on.
func (f *Farm) base(more ...any) []any {
	return append(append(f.upTo(f.WebAddress), f.Small, f.Large, f.Image), more...)
}

// ComputeSamples are samples of images, volumes and instances. The file with its
// twin holds an image.
func ComputeSamples(f *Farm, twin string) []Sample {
	grown := changed(f.Data, func(v *resources.Volume) { v.Size, v.Name, v.Description = 3, "grown", "larger" })
	kept := changed(f.Snapshot, func(s *resources.Snapshot) {
		s.Name, s.Description, s.Tags, s.Metadata = "kept", "of the data", []string{"keep"}, map[string]string{"why": "upgrade"}
	})
	image := changed(f.Image, func(i *resources.Image) { i.ID, i.Name = id("lone image"), "lone image" })
	moved := changed(image, func(i *resources.Image) {
		i.LocalFilePath, i.Name, i.Description, i.Tags = twin, "ubuntu", "the same bytes from elsewhere", []string{"lts"}
		i.MinDiskGB, i.MinRAMMB, i.Visibility, i.Properties = 2, 1024, "public", map[string]string{"os_distro": "ubuntu"}
	})
	return []Sample{
		{Type: "image", Object: image, Changes: []any{moved, changed(moved, func(i *resources.Image) {
			i.LocalFilePath, i.SourceURL, i.SourceChecksum = "", "file://"+twin, i.Checksum
		})}},
		{Type: "volume", With: []any{f.Image}, Object: f.Data, Changes: []any{grown, changed(grown, func(v *resources.Volume) {
			v.VolumeType, v.Multiattach, v.Tags, v.Metadata = "fast", true, []string{"db"}, map[string]string{"of": "db"}
		})}},
		{Type: "snapshot", With: []any{f.Data}, Object: f.Snapshot, Changes: []any{kept}},
		{Type: "volume_attachment", With: f.base(f.One, f.Data), Object: f.Attached},
		{Type: "interface_attachment", With: f.base(f.One), Object: f.Plugged},
		{Type: "instance", With: f.base(f.Data, f.Shared, f.Two), Object: f.One, Changes: instanceChanges(f.One)},
	}
}

func instanceChanges(i *resources.Instance) []any {
	words := changed(i, func(i *resources.Instance) {
		i.Name, i.Description, i.Tags, i.Metadata = "renamed", "an instance", []string{"web"}, map[string]string{"role": "web"}
		i.SchedulerHints = &resources.SchedulerHints{DifferentHost: []string{id("two")}}
		i.Migration, i.ShutdownTimeout, i.StopBeforeDestroy = &resources.Migration{Mode: resources.ColdMigration}, ptr(0), true
	})
	off := changed(words, func(i *resources.Instance) { i.PowerState = resources.Shutoff })
	larger := changed(off, func(i *resources.Instance) {
		enlarge(i)
		i.Host, i.PowerState = "h2", resources.Paused
	})
	disks := changed(larger, func(i *resources.Instance) {
		i.DiskGB++
		i.PowerState = resources.Shutoff // nothing in the guest lets go of a card
		i.BlockDevices = []resources.BlockDevice{
			{SourceType: resources.SourceVolume, DestinationType: resources.ToVolume, UUID: id("data"), VolumeID: id("data"), Device: "vdb"},
			{SourceType: resources.SourceBlank, DestinationType: resources.ToLocal, VolumeSize: 1, Device: "vdc"},
		}
		i.SecurityGroupIDs = in("web")
		i.Networks = []resources.InstanceNetwork{{NetworkID: ref[resources.Network]("inside"), PortID: id("port db"), MAC: mac("fa:16:3e:00:00:12"), FixedIPv4: ip("10.20.0.13")}}
	})
	return []any{words, off, larger, disks}
}

// ComputeRefusals are the calls about disks and instances that every system must
// answer with no.
func ComputeRefusals(f *Farm) []Refusal {
	from := func(name string, change func(*resources.Volume)) *resources.Volume {
		return changed(newVolume(name, 1), change)
	}
	spare := func(change func(*resources.Instance)) *resources.Instance {
		return changed(newInstance("spare", "db"), change)
	}
	big := changed(f.Snapshot, func(s *resources.Snapshot) { s.Size = 3 })
	return []Refusal{
		{Reason: "a volume that is attached is deleted", Given: f.base(f.One, f.Data, f.Attached), Delete: f.Data, Says: "attached"},
		{Reason: "a volume with snapshots is deleted", Given: []any{f.Data, f.Snapshot}, Delete: f.Data, Says: "snapshot"},
		{Reason: "a volume gets smaller", Given: []any{f.Data}, Update: changed(f.Data, func(v *resources.Volume) { v.Size = 1 }), Says: "grow"},
		{Reason: "a volume is attached twice", Given: f.base(f.One, f.Two, f.Data, f.Attached), Create: f.Again, Says: "attached"},
		{Reason: "a volume is attached to nobody", Given: []any{f.Data}, Create: f.Attached, Says: "instance_id"},
		{Reason: "a volume that is not there is attached", Given: f.base(f.One), Create: f.Attached, Says: "volume_id"},
		{Reason: "a snapshot of no volume", Create: f.Snapshot, Says: "volume_id"},
		{Reason: "a snapshot of a larger volume than there is", Given: []any{f.Data}, Create: big},
		{Reason: "a volume of no image", Create: from("lost", func(v *resources.Volume) { v.ImageID = ref[resources.Image]("image") }), Says: "image_id"},
		{Reason: "a volume of no snapshot", Create: from("lost", func(v *resources.Volume) { v.SnapshotID = ref[resources.Snapshot]("before") }), Says: "snapshot_id"},
		{Reason: "a volume smaller than its snapshot", Given: []any{f.Data, f.Snapshot}, Create: from("tight", func(v *resources.Volume) { v.SnapshotID = ref[resources.Snapshot]("before") }), Says: "room"},
		{Reason: "a volume smaller than the one that it is a copy of", Given: []any{f.Data}, Create: from("tight", func(v *resources.Volume) { v.SourceVolID = ref[resources.Volume]("data") }), Says: "room"},
		{Reason: "a volume of two beginnings", Given: []any{f.Image, f.Data}, Create: from("twofold", func(v *resources.Volume) {
			v.ImageID, v.SourceVolID = ref[resources.Image]("image"), ref[resources.Volume]("data")
		})},
		{Reason: "an image becomes another one", Given: []any{f.Image}, Update: changed(f.Image, func(i *resources.Image) { i.Checksum = "sha256:00" })},
		{Reason: "an image of other bytes than planned", Create: changed(f.Image, func(i *resources.Image) {
			i.Checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
		}), Says: "hashes"},
		{Reason: "a port with an instance is deleted", Given: f.base(f.One), Delete: f.Web, Says: "instance"},
		{Reason: "an instance on a host without room", Given: f.base(), Create: spare(func(i *resources.Instance) { i.Host = "h9" }), Says: "h9"},
		{Reason: "more vcpus than the host has", Given: f.base(f.Closed, changed(f.One, enlarge)),
			Create: changed(f.Two, enlarge), Says: "vcpus"},
		{Reason: "an instance of no image", Given: without(f.base(), f.Image), Create: f.One, Says: "image_id"},
		{Reason: "an instance with too little memory for its image", Given: without(f.base(changed(f.Image, func(i *resources.Image) { i.MinRAMMB = 99999 })), f.Image), Create: f.One, Says: "memory"},
		{Reason: "an instance with too small a disk for its image", Given: without(f.base(changed(f.Image, func(i *resources.Image) { i.MinDiskGB = 99 })), f.Image), Create: f.One, Says: "GiB"},
		{Reason: "a root disk gets smaller", Given: f.base(changed(f.One, enlarge)), Update: f.One, Says: "grow"},
		{Reason: "an instance of no port", Given: without(f.base(), f.Web, f.WebAddress, f.Closed), Create: f.One, Says: "port"},
		{Reason: "two instances in one port", Given: f.base(f.One), Create: changed(f.Two, func(i *resources.Instance) { i.Networks = f.One.Networks }), Says: "plugged"},
		{Reason: "a port that is plugged in is attached", Given: f.base(f.One, f.Two), Create: changed(f.Plugged, func(a *resources.InterfaceAttachment) { a.PortID = ref[resources.Port]("port app") }), Says: "plugged"},
		{Reason: "a port that is attached is an instance's own", Given: f.base(f.One, f.Plugged), Create: changed(f.Two, func(i *resources.Instance) { i.Networks = []resources.InstanceNetwork{plugged("db")} }), Says: "plugged"},
		{Reason: "a port that is attached is deleted", Given: f.base(f.One, f.Plugged), Delete: f.DB, Says: "instance"},
		{Reason: "a port is attached to nobody", Given: f.base(), Create: f.Plugged, Says: "instance_id"},
		{Reason: "a port that is not there is attached", Given: without(f.base(f.One), f.DB), Create: f.Plugged, Says: "port"},
		{Reason: "an instance with a disk that is attached elsewhere", Given: f.base(f.One, f.Data, f.Attached), Create: changed(f.Two, func(i *resources.Instance) {
			i.BlockDevices = []resources.BlockDevice{{SourceType: resources.SourceVolume, DestinationType: resources.ToVolume, UUID: id("data"), VolumeID: id("data"), Device: "vdb"}}
		}), Says: "attached"},
		{Reason: "the end of multiattach while two use it", Given: f.base(f.One, f.Two, f.Shared, sharing("s1", "one"), sharing("s2", "two")),
			Update: changed(f.Shared, func(v *resources.Volume) { v.Multiattach = false }), Says: "multiattach"},
	}
}

func sharing(name, instance string) *resources.VolumeAttachment {
	return &resources.VolumeAttachment{ID: id(name), InstanceID: ref[resources.Instance](instance), VolumeID: ref[resources.Volume]("shared"), Device: "vdb"}
}

// NoFlavor is the refusal of an instance whose flavor nobody knows. It is apart,
// because flavors live in records: whoever runs it gives a world without one.
func NoFlavor(f *Farm) (*resources.Instance, []any) {
	return changed(f.One, func(i *resources.Instance) { i.FlavorID = schema.Ref[resources.Flavor](id("gone")) }), f.base()
}
