package libvirt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cairncloud/cairn/providers/intake"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
)

// file is where an image is in the cloud's folder, as a qcow2 of its own.
func (d *Driver) file(image string) string { return filepath.Join(d.folder, image+".qcow2") }

// note is the file beside it that tells how many bytes the image was made of.
func (d *Driver) note(image string) string { return filepath.Join(d.folder, image+".size") }

// fetch makes sure that an image is in the folder, and fills in its sizes.
func (d *Driver) fetch(ctx context.Context, i *resources.Image) (err error) {
	to, note := d.file(i.ID), d.note(i.ID)
	if size, err := virtualSize(to); err == nil {
		i.VirtualSize = int(size)
		text, err := os.ReadFile(note)
		if err == nil {
			i.SizeBytes, err = strconv.Atoi(string(text))
		}
		if !errors.Is(err, os.ErrNotExist) { // it may have come back from a host
			return err
		}
		return nil
	}
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return err
	}
	source, err := intake.Fetch(ctx, i, d.folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := os.WriteFile(note, []byte(strconv.FormatInt(source.Size, 10)), 0o600); err != nil {
		return err
	}
	info, err := intake.Convert(ctx, source.Path, to, i.DiskFormat, diskimage.QCOW2)
	if err != nil {
		return errors.Join(err, os.Remove(note))
	}
	i.SizeBytes, i.VirtualSize = int(source.Size), int(info.VirtualSize)
	return nil
}

// virtualSize is how large the disk of an image in the folder is.
func virtualSize(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	probed, err := diskimage.Probe(f, info.Size())
	return probed.VirtualSize, err
}
