package resources

import (
	"fmt"
	"slices"

	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

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

func (d *BlockDevice) boots() bool { return d.BootIndex != nil && *d.BootIndex == 0 }

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
