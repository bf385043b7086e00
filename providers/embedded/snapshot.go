package embedded

import (
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// snapshotDisk is a copy of the volume as it is now.
func snapshotDisk(t *tx, _ schema.World, _, want *resources.Snapshot) ([]disk, error) {
	return []disk{{path: t.cloud.path(snapshotFiles, want.ID), fill: copyOf(t.cloud.path(volumeFiles, string(want.VolumeID)))}}, nil
}

func checkSnapshot(t *tx, _ schema.World, had, want *resources.Snapshot) error {
	if had != nil && had.VolumeID != want.VolumeID {
		return refused("a snapshot stays its volume's")
	}
	if v := schema.Look(t, want.VolumeID); had == nil && v.Size < want.Size {
		return refused("the volume has %d GiB, and a snapshot of %d was planned", v.Size, want.Size)
	}
	return nil
}

// dropSnapshot lets a snapshot go whatever was made of it: volumes are copies.
func dropSnapshot(t *tx, s *resources.Snapshot) error {
	return remove(t.cloud.path(snapshotFiles, s.ID))
}
