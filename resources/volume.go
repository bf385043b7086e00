package resources

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// Volume is a disk that lives on its own. Rules: Cinder's volumes.
type Volume struct {
	object

	// Size in GiB. As large as what it is made from, unless set.
	Size int `hcl:"size,optional" plan:"assigned,grow" check:"min=1"`

	// VolumeType is the name of its type, or of a tier of the cloud. The cloud's first
	// tier, unless set.
	VolumeType string `hcl:"volume_type,optional" plan:"assigned,live"`

	// AvailabilityZone that it is in. The first zone of its type, unless set.
	AvailabilityZone string `hcl:"availability_zone,optional" plan:"assigned,replace"`

	// ImageID is the image that it begins as a copy of.
	ImageID schema.Ref[Image] `hcl:"image_id,optional" plan:"replace" hot:"image"`

	// SnapshotID is the snapshot that it begins as a copy of.
	SnapshotID schema.Ref[Snapshot] `hcl:"snapshot_id,optional" plan:"replace"`

	// SourceVolID is the volume that it begins as a copy of.
	SourceVolID schema.Ref[Volume] `hcl:"source_vol_id,optional" plan:"replace" hot:"source_volid"`

	// Multiattach lets it be attached to several instances, where its type does.
	Multiattach bool `hcl:"multiattach,optional"`

	// Metadata are free words with values.
	Metadata map[string]string `hcl:"metadata,optional"`

	// Status is available, or in-use when it is attached.
	Status string `hcl:"status" plan:"live"`
}

// Tier is the class of storage that the volume is on; "" where its type has gone.
func (v *Volume) Tier(w schema.World) string {
	if t, err := typeOfVolume(w, v.VolumeType); err == nil {
		return t.Tier
	}
	return ""
}

// Check reports a volume that would have two beginnings, or no size.
func (v *Volume) Check() error {
	var from []string
	for _, s := range []struct{ name, id string }{{"image_id", string(v.ImageID)}, {"snapshot_id", string(v.SnapshotID)}, {"source_vol_id", string(v.SourceVolID)}} {
		if s.id != "" {
			from = append(from, s.name)
		}
	}
	switch {
	case len(from) > 1:
		return schema.Problem{Code: "CRN-VOL-1", Attribute: from[1], Summary: "A volume begins as a copy of one thing", Detail: fmt.Sprintf("Leave only one of %s.", strings.Join(from, " and "))}
	case len(from) == 0 && v.Size == 0:
		return schema.Problem{Code: "CRN-VOL-1", Attribute: "size", Summary: "The volume has no size", Detail: "Set size, in GiB, or say what it is a copy of."}
	}
	return nil
}

// Claims chooses size, type and zone, and counts the volume.
func (v *Volume) Claims(w schema.World, l schema.Ledger) error {
	if err := v.claim(w, l, "volume", "volumes"); err != nil {
		return err
	}
	if err := v.begin(w); err != nil {
		return err
	}
	t, err := typeOfVolume(w, v.VolumeType)
	if err != nil {
		return err
	}
	if v.VolumeType == "" {
		v.VolumeType = t.Name
	}
	if v.AvailabilityZone == "" && len(t.AvailabilityZones) > 0 {
		v.AvailabilityZone = t.AvailabilityZones[0]
	}
	if !slices.Contains(t.AvailabilityZones, around(w, v.AvailabilityZone)) {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: "availability_zone", Summary: fmt.Sprintf("Volumes of type %s are not in zone %q", t.Name, v.AvailabilityZone), Detail: fmt.Sprintf("They are in: %s.", strings.Join(t.AvailabilityZones, ", "))}
	}
	if v.Multiattach && !t.Multiattach {
		return schema.Problem{Code: "CRN-VOL-1", Attribute: "multiattach", Summary: fmt.Sprintf("Volumes of type %s have one user at a time", t.Name), Detail: "Use a volume_type with multiattach = true, or take multiattach out."}
	}
	return l.Share("gigabytes", string(v.ProjectID), int64(v.Size))
}

// begin gives a volume the size of what it is a copy of, or reports that it has
// no room for that.
func (v *Volume) begin(w schema.World) error {
	attribute, what, least := "", "", 0
	switch {
	case v.ImageID != "":
		i := schema.Look(w, v.ImageID)
		if i == nil {
			return gone("image_id", "image", string(v.ImageID))
		}
		attribute, what, least = "image_id", "image "+i.Name, i.LeastDiskGB()
	case v.SnapshotID != "":
		s := schema.Look(w, v.SnapshotID)
		if s == nil {
			return gone("snapshot_id", "snapshot", string(v.SnapshotID))
		}
		attribute, what, least = "snapshot_id", "snapshot "+s.Name, s.Size
	case v.SourceVolID != "":
		s := schema.Look(w, v.SourceVolID)
		if s == nil {
			return gone("source_vol_id", "volume", string(v.SourceVolID))
		}
		if v.Size > 0 && schema.Look(w, schema.Ref[Volume](v.ID)) != nil {
			return nil // it has been copied: the other one may have grown since
		}
		attribute, what, least = "source_vol_id", "volume "+s.Name, s.Size
	}
	if v.Size == 0 {
		v.Size = least
	}
	switch {
	case v.Size == 0:
		return schema.Problem{Code: "CRN-VOL-1", Attribute: "size", Summary: "The size of the volume is not known", Detail: fmt.Sprintf("How large %s is will be known when it has been fetched. Set size, in GiB.", what)}
	case v.Size < least:
		return schema.Problem{Code: "CRN-VOL-1", Attribute: "size", Summary: "The volume is smaller than what it is a copy of", Detail: fmt.Sprintf("The %s needs %d GiB (%s). Make size at least that.", what, least, attribute)}
	}
	return nil
}

// VolumeAttachment gives an instance the use of a volume.
type VolumeAttachment struct {
	// ID of the attachment.
	ID string `hcl:"id" plan:"assigned"`

	// InstanceID is the instance.
	InstanceID schema.Ref[Instance] `hcl:"instance_id" plan:"replace" hot:"instance_uuid"`

	// VolumeID is the volume.
	VolumeID schema.Ref[Volume] `hcl:"volume_id" plan:"replace"`

	// Device is the disk's name in the guest, such as vdb.
	Device string `hcl:"device" plan:"assigned"`
}

// Claims takes the volume, unless it may have several users, and the device's name.
func (a *VolumeAttachment) Claims(w schema.World, l schema.Ledger) error {
	i := schema.Look(w, a.InstanceID)
	if i == nil {
		return gone("instance_id", "instance", string(a.InstanceID))
	}
	v := schema.Look(w, a.VolumeID)
	if v == nil {
		return gone("volume_id", "volume", string(a.VolumeID))
	}
	if err := v.attach(w, l, "volume_id", string(a.InstanceID), i.AvailabilityZone); err != nil {
		return err
	}
	return device(l, string(a.InstanceID), &a.Device)
}

// attach takes a volume for an instance in a zone.
func (v *Volume) attach(w schema.World, l schema.Ledger, attribute, instance, zone string) error {
	key := v.ID
	if v.Multiattach {
		key += " " + instance
	}
	err := l.Claim("attachment of volume", key)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-VOL-1", Attribute: attribute, Summary: "The volume is attached already", Detail: fmt.Sprintf("%s has volume %s. Detach it there, or make both the volume and its type multiattach.", taken.Holder, v.Name)}
	}
	if err != nil {
		return err
	}
	return reaches(w, attribute, v.VolumeType, zone)
}

// reaches reports a zone whose instances do not reach the volumes of a type.
func reaches(w schema.World, attribute, volumeType, zone string) error {
	t, err := typeOfVolume(w, volumeType)
	if err != nil {
		return err
	}
	if zone = around(w, zone); zone != "" && !slices.Contains(t.AvailabilityZones, zone) {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: attribute, Summary: fmt.Sprintf("Zone %s does not reach volumes of type %s", zone, t.Name), Detail: fmt.Sprintf("They are reached from: %s.", strings.Join(t.AvailabilityZones, ", "))}
	}
	return nil
}

// maxDevices is how many disks a guest can have: vda to vdz.
const maxDevices = 26

// device takes the name of a disk in a guest, or the first one that is free.
func device(l schema.Ledger, instance string, name *string) error {
	space := "device of instance " + instance
	if *name != "" {
		return l.Claim(space, *name)
	}
	for i := range byte(maxDevices) {
		got, err := l.Choose(space, 1, func(uint64) string { return "vd" + string('a'+i) })
		if err == nil {
			*name = got
			return nil
		}
		if !errors.Is(err, schema.ErrNoneLeft) {
			return err
		}
	}
	return schema.Problem{Code: "CRN-VOL-1", Summary: "The instance can have no more disks", Detail: fmt.Sprintf("It has %d of them already. Detach one.", maxDevices)}
}
