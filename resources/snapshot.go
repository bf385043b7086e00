package resources

import "github.com/cairncloud/cairn/resources/schema"

// Snapshot is what a volume held at a moment. Its volume can't be deleted before it.
type Snapshot struct {
	object

	// VolumeID is the volume.
	VolumeID schema.Ref[Volume] `hcl:"volume_id" plan:"replace"`

	// Metadata are free words with values.
	Metadata map[string]string `hcl:"metadata,optional"`

	// Size of the volume at that moment, in GiB.
	Size int `hcl:"size" plan:"assigned"`
}

// Claims counts the snapshot and notes the size.
func (s *Snapshot) Claims(w schema.World, l schema.Ledger) error {
	if err := s.claim(w, l, "snapshot", "snapshots"); err != nil {
		return err
	}
	v := schema.Look(w, s.VolumeID)
	if v == nil {
		return gone("volume_id", "volume", string(s.VolumeID))
	}
	if s.Size == 0 {
		s.Size = v.Size
	}
	return nil
}
