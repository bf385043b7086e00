package embedded

import (
	"context"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// volumeDisk is the file of a volume: a copy of where it begins.
func volumeDisk(t *tx, _ schema.World, had, want *resources.Volume) ([]disk, error) {
	d := disk{path: t.cloud.path(volumeFiles, want.ID), size: int64(want.Size) * gib}
	if had != nil {
		return []disk{d}, nil
	}
	least := int64(0)
	switch {
	case want.ImageID != "":
		i := schema.Look(t, want.ImageID)
		least = max(int64(i.VirtualSize), int64(i.MinDiskGB)*gib)
		d.fill = copyOf(t.cloud.path(imageFiles, i.ID))
	case want.SnapshotID != "":
		s := schema.Look(t, want.SnapshotID)
		least = int64(s.Size) * gib
		d.fill = copyOf(t.cloud.path(snapshotFiles, s.ID))
	case want.SourceVolID != "":
		v := schema.Look(t, want.SourceVolID)
		least = int64(v.Size) * gib
		d.fill = copyOf(t.cloud.path(volumeFiles, v.ID))
	}
	if d.size < least {
		return nil, refused("a volume of %d GiB has no room for %d bytes", want.Size, least)
	}
	return []disk{d}, nil
}

func checkVolume(t *tx, _ schema.World, had, want *resources.Volume) error {
	if want.Size < 1 {
		return refused("a volume needs a size")
	}
	if had == nil {
		return nil
	}
	if want.Size < had.Size {
		return refused("a volume can only grow: it has %d GiB", had.Size)
	}
	by, err := t.users("volume", want.ID)
	if err != nil {
		return err
	}
	if !want.Multiattach && len(by) > 1 {
		return refused("%s use the volume: it must stay multiattach", strings.Join(by, ", "))
	}
	return grow(t.cloud.path(volumeFiles, want.ID), int64(want.Size)*gib)
}

// dropVolume refuses what is in use, then deletes the file: a call that is broken
// off between the two is repeated, for the row is still there.
func dropVolume(t *tx, v *resources.Volume) error {
	by, err := t.users("volume", v.ID)
	if err != nil {
		return err
	}
	if len(by) > 0 {
		return refused("the volume is attached to %s", strings.Join(by, ", "))
	}
	for s := range schema.Where[resources.Snapshot](t, "volume_id", v.ID) {
		return refused("snapshot %s is of the volume", s.ID)
	}
	return remove(t.cloud.path(volumeFiles, v.ID))
}

// volumeStatus tells which volumes are attached.
func volumeStatus(ctx context.Context, db *database, id string) (func(*resources.Volume), error) {
	used, err := inUse(ctx, db, "volume", id)
	return func(v *resources.Volume) {
		v.Status = "available"
		if used[v.ID] {
			v.Status = "in-use"
		}
	}, err
}

// attachable refuses a volume that is not there, or has another user.
func attachable(t *tx, id, by string) error {
	v := schema.Look(t, schema.Ref[resources.Volume](id))
	if v == nil {
		return refused("there is no volume %s", id)
	}
	others, err := t.users("volume", id)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other != by && !v.Multiattach {
			return refused("volume %s is attached to %s", id, other)
		}
	}
	return nil
}

func checkAttachment(t *tx, _ schema.World, had, want *resources.VolumeAttachment) error {
	by := "instance " + string(want.InstanceID)
	if had == nil {
		for a := range schema.Where[resources.VolumeAttachment](t, "volume_id", string(want.VolumeID)) {
			if a.InstanceID == want.InstanceID {
				return refused("volume %s is attached to %s already", want.VolumeID, by)
			}
		}
		if i := schema.Look(t, want.InstanceID); i != nil && hasVolume(i, string(want.VolumeID)) {
			return refused("volume %s is a disk of %s already", want.VolumeID, by)
		}
	}
	if err := attachable(t, string(want.VolumeID), by); err != nil {
		return err
	}
	return t.use("volume", string(want.VolumeID), by)
}

func hasVolume(i *resources.Instance, volume string) bool {
	for _, d := range i.BlockDevices {
		if d.VolumeID == volume {
			return true
		}
	}
	return false
}

func detach(t *tx, a *resources.VolumeAttachment) error {
	return t.exec(`DELETE FROM uses WHERE type = 'volume' AND id = ? AND by = ?`, string(a.VolumeID), "instance "+string(a.InstanceID))
}
