package embedded

import (
	"context"
	"errors"

	"github.com/cairncloud/cairn/providers/intake"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkImage(_ *tx, _ schema.World, had, want *resources.Image) error {
	if had != nil && had.Checksum != want.Checksum {
		return refused("an image's bytes never change: make another image")
	}
	if had != nil { // what was found out when it was made
		want.SizeBytes, want.VirtualSize = had.SizeBytes, had.VirtualSize
	}
	return nil
}

// dropImage lets an image go whatever was made of it: volumes and root disks are
// copies, as with Ceph's clone v2.
func dropImage(t *tx, i *resources.Image) error { return remove(t.cloud.path(imageFiles, i.ID)) }

// imageDisk is the raw disk of an image.
func imageDisk(t *tx, _ schema.World, _, want *resources.Image) ([]disk, error) {
	return []disk{{path: t.cloud.path(imageFiles, want.ID), place: func(ctx context.Context, path string) (err error) {
		source, err := intake.Fetch(ctx, want, t.cloud.path(imageFiles, ""))
		if err != nil {
			return unfit(err)
		}
		defer func() { err = errors.Join(err, source.Close()) }()
		info, err := intake.Convert(ctx, source.Path, path, want.DiskFormat, diskimage.Raw)
		if err != nil {
			return unfit(err)
		}
		want.SizeBytes, want.VirtualSize = int(source.Size), int(info.VirtualSize)
		return nil
	}}}, nil
}

// unfit tells what no repeat would mend.
func unfit(err error) error {
	for _, no := range []error{intake.ErrUnfit, diskimage.ErrUnsafe, diskimage.ErrCorrupt, diskimage.ErrUnsupported} {
		if errors.Is(err, no) {
			return refused("%v", err)
		}
	}
	return err
}
