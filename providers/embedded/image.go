package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

// maxSource bounds what is fetched for an image.
const maxSource = 1 << 40

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
	path := t.cloud.path(imageFiles, want.ID)
	return []disk{{path: path, fill: func(ctx context.Context, to *os.File) error {
		source, err := os.CreateTemp(t.cloud.path(imageFiles, ""), "."+want.ID+".source.*")
		if err != nil {
			return err
		}
		defer func() { _, _ = source.Close(), os.Remove(source.Name()) }()
		if err := fetch(ctx, source, want); err != nil {
			return err
		}
		return convert(to, source, want)
	}}}, nil
}

// fetch takes the source's bytes, which nobody changes any more while they are
// looked at.
func fetch(ctx context.Context, to *os.File, i *resources.Image) error {
	if i.LocalFilePath != "" {
		return copyOf(i.LocalFilePath)(ctx, to)
	}
	u, err := url.Parse(i.SourceURL)
	if err != nil {
		return err
	}
	if u.Scheme == "file" {
		return copyOf(u.Path)(ctx, to)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.SourceURL, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", i.SourceURL, resp.Status)
	}
	n, err := io.Copy(to, io.LimitReader(resp.Body, maxSource+1))
	if err == nil && n > maxSource {
		err = fmt.Errorf("%s is larger than %d bytes", i.SourceURL, int64(maxSource))
	}
	return err
}

// convert checks the source and makes it raw.
func convert(to, source *os.File, i *resources.Image) error {
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum, err := resources.Hash(source, i.Checksum)
	if err != nil {
		return err
	}
	if !strings.EqualFold(sum, i.Checksum) {
		return refused("the source hashes to %s, and %s was planned", sum, i.Checksum)
	}
	info, err := source.Stat()
	if err != nil {
		return err
	}
	probed, err := diskimage.Probe(source, info.Size())
	if err == nil && probed.Format != i.DiskFormat {
		return refused("the source is %s, and %s was planned", probed.Format, i.DiskFormat)
	}
	if err == nil && probed.Format == diskimage.Raw {
		err = clone(context.Background(), to, source)
	} else if err == nil {
		if _, err = diskimage.WriteRaw(to, source, info.Size()); err == nil {
			err = to.Truncate(probed.VirtualSize)
		}
	}
	if errors.Is(err, diskimage.ErrUnsafe) || errors.Is(err, diskimage.ErrCorrupt) || errors.Is(err, diskimage.ErrUnsupported) {
		return refused("%v", err)
	}
	i.SizeBytes, i.VirtualSize = int(info.Size()), int(probed.VirtualSize)
	return err
}
