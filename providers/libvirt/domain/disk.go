package domain

import (
	"path"
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Disk is one of an instance's, and what it begins as.
type Disk struct {
	Target string // vda
	File   string // its volume's name in the pool
	Alias  string
	Boots  bool
	Pool   cloud.Pool
	SizeGB int // at least
	// Image that it begins as a copy of; "": nothing.
	Image schema.Ref[resources.Image]
	// Volume of the cloud that it is; nil: it is the instance's own.
	Volume *resources.Volume
	// Format and path of a file or device of the host's own, in no pool; "": it is none.
	format, path string
}

// Path is where the disk is on its host.
func (x Disk) Path() string {
	if x.Foreign() {
		return x.path
	}
	return Path(x.Pool, x.File)
}

// Foreign reports a disk that is the host's own: it is neither made nor removed.
func (x Disk) Foreign() bool { return x.path != "" }

// Local is the name of an instance's own disk in its host's pool.
func Local(instance, target string) string { return "disk-" + instance + "-" + target }

// VolumeFile is the name of a volume in the pool of a host.
func VolumeFile(id string) string { return "volume-" + id }

// ImageFile is the name of an image in the pool of a host.
func ImageFile(id string) string { return "image-" + id }

// SeedFile is the name of what tells a guest who it is.
func SeedFile(id string) string { return "seed-" + id + ".iso" }

// Disks are those that an instance has by its own declaration; volumes that are
// attached to it are not among them. Where it is planned on no host, it has none.
func Disks(i *resources.Instance, w schema.World) []Disk {
	h := w.Cloud().Host(i.Host)
	if h == nil || !h.Real() {
		return nil
	}
	var all []Disk
	if i.ImageID != "" {
		root := i.DiskGB
		for _, d := range i.BlockDevices {
			if d.DestinationType == resources.ToLocal {
				root -= d.VolumeSize
			}
		}
		all = append(all, Disk{Target: resources.RootDevice, File: Local(i.ID, resources.RootDevice), Alias: Alias(resources.RootDevice), Boots: true, Pool: h.Pools[0], SizeGB: root, Image: i.ImageID})
	}
	for _, d := range i.BlockDevices {
		boots := d.BootIndex != nil && *d.BootIndex == 0
		if d.SourceType == resources.SourceFile {
			all = append(all, Disk{Target: d.Device, File: path.Base(d.Path), Alias: Alias(d.Device), Boots: boots, format: string(d.DiskFormat), path: d.Path})
			continue
		}
		if d.DestinationType == resources.ToLocal {
			all = append(all, Disk{Target: d.Device, File: Local(i.ID, d.Device), Alias: Alias(d.Device), Boots: boots, Pool: h.Pools[0], SizeGB: d.VolumeSize})
			continue
		}
		if v := schema.Look(w, schema.Ref[resources.Volume](d.VolumeID)); v != nil {
			all = append(all, OfVolume(v, d.Device, boots, w, h))
		}
	}
	return all
}

// OfVolume is a volume as a disk on a host.
func OfVolume(v *resources.Volume, target string, boots bool, w schema.World, h *cloud.Host) Disk {
	return Disk{Target: target, File: VolumeFile(v.ID), Alias: Alias(v.ID), Boots: boots, Pool: PoolOf(v, w, h), SizeGB: v.Size, Image: v.ImageID, Volume: v}
}

// PoolOf is the pool of a host that a volume's tier is in; the first one where the
// host has no such tier, which the plan has refused.
func PoolOf(v *resources.Volume, w schema.World, h *cloud.Host) cloud.Pool {
	tier := v.Tier(w)
	for _, p := range h.Pools {
		if p.Tier == tier && tier != "" {
			return p
		}
	}
	return h.Pools[0]
}

// Device is the disk in a domain on its host.
func (x Disk) Device(at Place) libvirtxml.DomainDisk {
	d := libvirtxml.DomainDisk{
		Device: "disk",
		Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: x.Format(), Cache: "none", Discard: "unmap"},
		Source: sourceAt(x.Path(), x.Pool.Type == cloud.PoolLogical || strings.HasPrefix(x.path, "/dev/")),
		Target: &libvirtxml.DomainDiskTarget{Dev: x.Target, Bus: "virtio"},
		Alias:  &libvirtxml.DomainAlias{Name: x.Alias},
		IOTune: ioTune(at.Specs),
	}
	if x.Boots {
		d.Boot = &libvirtxml.DomainDeviceBoot{Order: 1}
	}
	if x.Volume != nil {
		d.Serial = x.Volume.ID
		if x.Volume.Multiattach {
			d.Shareable = &libvirtxml.DomainDiskShareable{}
		}
	}
	return d
}

// Format is how the disk is written.
func (x Disk) Format() string {
	if x.Foreign() {
		return x.format
	}
	return Format(x.Pool)
}

// Format is how disks are written in a pool.
func Format(p cloud.Pool) string {
	if p.Type == cloud.PoolLogical {
		return "raw"
	}
	return "qcow2"
}

func source(p cloud.Pool, file string) *libvirtxml.DomainDiskSource {
	return sourceAt(Path(p, file), p.Type == cloud.PoolLogical)
}

func sourceAt(path string, device bool) *libvirtxml.DomainDiskSource {
	if device {
		return &libvirtxml.DomainDiskSource{Block: &libvirtxml.DomainDiskSourceBlock{Dev: path}}
	}
	return &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: path}}
}

// Seed is the disc that tells the guest who it is. Its bus is one that kernels of
// cloud images know: many of them have no SATA.
func Seed(i *resources.Instance, w schema.World, h *cloud.Host) libvirtxml.DomainDisk {
	bus := "scsi"
	if image := schema.Look(w, i.ImageID); image != nil {
		switch {
		case image.Properties["hw_cdrom_bus"] != "":
			bus = image.Properties["hw_cdrom_bus"]
		case image.Properties["os_type"] == "windows":
			bus = "sata"
		}
	}
	target := "sda"
	if bus == "ide" {
		target = "hda"
	}
	return libvirtxml.DomainDisk{Device: "cdrom", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "raw"}, Source: source(h.Pools[0], SeedFile(i.ID)),
		Target: &libvirtxml.DomainDiskTarget{Dev: target, Bus: bus}, ReadOnly: &libvirtxml.DomainDiskReadOnly{}, Alias: &libvirtxml.DomainAlias{Name: Alias("seed")}}
}

// ioTune bounds a disk by the flavor's quota.
func ioTune(specs map[string]string) *libvirtxml.DomainDiskIOTune {
	n := func(key string) uint64 { return uint64(max(0, atoi(specs["quota:disk_"+key]))) }
	t := libvirtxml.DomainDiskIOTune{TotalBytesSec: n("total_bytes_sec"), ReadBytesSec: n("read_bytes_sec"), WriteBytesSec: n("write_bytes_sec"),
		TotalIopsSec: n("total_iops_sec"), ReadIopsSec: n("read_iops_sec"), WriteIopsSec: n("write_iops_sec")}
	if t == (libvirtxml.DomainDiskIOTune{}) {
		return nil
	}
	return &t
}
