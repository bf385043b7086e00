package libvirt

import (
	"context"
	"errors"
	"fmt"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

const gib = 1 << 30

var errShrinks = errors.New("disks only grow: what is on this one may need all of it")

// ready makes sure that a disk is in its pool on a host, and large enough. live is
// the guest that uses it; nil: nobody does.
func (d *Driver) ready(ctx context.Context, w schema.World, h *host, x domain.Disk, live *machine) error {
	if x.Foreign() {
		return nil
	}
	if x.Volume != nil {
		if err := d.bring(ctx, w, h, x); err != nil {
			return err
		}
	}
	want := int64(x.SizeGB) * gib
	has, there, err := h.size(ctx, x.Pool, x.File)
	switch {
	case err != nil:
		return err
	case there && has > want && x.SizeGB > 0:
		return fmt.Errorf("%s: %w", x.File, errShrinks)
	case there && has >= want:
		return nil
	case there && live != nil && live.running():
		return live.do(ctx, func(c *golibvirt.Libvirt) error {
			return c.DomainBlockResize(live.dom, x.Target, uint64(want), golibvirt.DomainBlockResizeBytes)
		})
	case there:
		return h.grow(ctx, x.Pool, x.File, want)
	}
	b := blank{name: x.File, format: domain.Format(x.Pool), size: want}
	if x.Image != "" {
		image := schema.Look(w, x.Image)
		if image == nil {
			return fmt.Errorf("image_id: there is no image %s", x.Image)
		}
		size, err := d.send(ctx, image, h, x.Pool)
		if err != nil {
			return err
		}
		if x.SizeGB > 0 && size > want {
			return fmt.Errorf("image %s has a disk of %.1f GiB, and %s of %d GiB can't be a copy of it: take a larger flavor or size", image.Name, float64(size)/gib, x.File, x.SizeGB)
		}
		b.size = max(b.size, size)
		if x.Pool.Type == cloud.PoolLogical {
			return h.clone(ctx, x.Pool, b, domain.ImageFile(image.ID))
		}
		b.backing = domain.Path(x.Pool, domain.ImageFile(image.ID))
	}
	if err := h.make(ctx, x.Pool, b); err != nil && !errors.Is(err, errExists) {
		return err
	}
	return nil
}

// clone makes a volume with the bytes of another one of the pool.
func (h *host) clone(ctx context.Context, p cloud.Pool, b blank, from string) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	text, err := b.xml()
	if err != nil {
		return err
	}
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, from)
		if err == nil {
			_, err = c.StorageVolCreateXMLFrom(pool, text, v, 0)
		}
		return err
	})
	if err != nil && !is(err, golibvirt.ErrStorageVolExist) {
		return fmt.Errorf("host %s: copy %s to %s in pool %s: %w", h.Name, from, b.name, p.Name, err)
	}
	return nil
}

// disksOf are all disks of an instance: its own, and the volumes attached to it.
func disksOf(i *resources.Instance, w schema.World) []domain.Disk {
	all := domain.Disks(i, w)
	h := w.Cloud().Host(i.Host)
	if h == nil {
		return all
	}
	for a := range schema.Where[resources.VolumeAttachment](w, "instance_id", i.ID) {
		if v := schema.Look(w, a.VolumeID); v != nil {
			all = append(all, domain.OfVolume(v, a.Device, false, w, h))
		}
	}
	return all
}

// local are the volumes in a host's pool that are an instance's alone.
func local(i *resources.Instance) (files []string) {
	files = append(files, domain.SeedFile(i.ID), domain.ConsoleLog(i.ID))
	if i.ImageID != "" {
		files = append(files, domain.Local(i.ID, resources.RootDevice))
	}
	for _, d := range i.BlockDevices {
		if d.DestinationType == resources.ToLocal && d.SourceType != resources.SourceFile {
			files = append(files, domain.Local(i.ID, d.Device))
		}
	}
	return files
}
