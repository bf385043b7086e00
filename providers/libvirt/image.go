package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// images is the driver of the type. An image is fetched, checked and converted in
// the cloud's own folder when it is made, and goes to the pool of a host when
// something there begins as a copy of it. There it stays as long as copies hang on
// it, whether the image is deleted or not.
type images struct{ *Driver }

// Create fetches the source, and makes a qcow2 of it.
func (d images) Create(ctx context.Context, _ schema.World, want resources.Image) (resources.Image, error) {
	if err := d.fetch(ctx, &want); err != nil {
		return want, fmt.Errorf("create image %s: %w", want.ID, err)
	}
	return want, nil
}

// Read tells whether the image is in the folder, or in the pool of a host.
func (d images) Read(ctx context.Context, w schema.World, have resources.Image) (resources.Image, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return have, err
	}
	return d.told(l, have)
}

// ReadAll answers from one look at all hosts.
func (d images) ReadAll(ctx context.Context, _ schema.World) (func(resources.Image) (resources.Image, error), error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(have resources.Image) (resources.Image, error) { return d.told(l, have) }, nil
}

func (d images) told(l *look, have resources.Image) (resources.Image, error) {
	if _, err := os.Stat(d.file(have.ID)); err == nil || !errors.Is(err, os.ErrNotExist) {
		return have, err
	}
	if l.holds(d.whole(have.ID)) != "" {
		return have, nil
	}
	return have, l.unknown("")
}

// Update changes what only the record has, and fetches what is gone.
func (d images) Update(ctx context.Context, w schema.World, have, want resources.Image) (resources.Image, error) {
	if have.Checksum != want.Checksum {
		return want, fmt.Errorf("update image %s: what an image holds never changes: make another one", want.ID)
	}
	if _, err := d.Read(ctx, w, have); !errors.Is(err, providers.ErrNotFound) {
		return want, err
	}
	return d.Create(ctx, w, want)
}

// Delete removes the image from the folder, and from the pools where nothing began
// as a copy of it.
func (d images) Delete(ctx context.Context, w schema.World, have resources.Image) error {
	for _, file := range []string{d.file(have.ID), d.note(have.ID)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("delete image %s: %w", have.ID, err)
		}
	}
	for _, err := range d.each(ctx, func(ctx context.Context, h *host) error {
		return d.sweep(ctx, w, h, schema.Ref[resources.Image](have.ID))
	}) {
		return fmt.Errorf("delete image %s: %w", have.ID, err)
	}
	return context.Cause(ctx)
}

// whole is the name of the empty volume beside an image in a pool that says that
// all of it is there, and whose it is.
func (d *Driver) whole(image string) string {
	return domain.ImageFile(image) + "." + d.cloud.ID[:min(8, len(d.cloud.ID))]
}

// lull is how long an image may not grow in a pool before whoever sends it is taken
// for dead.
const lull = 30 * time.Second

// send makes sure that an image is in a pool of a host, once, and answers with the
// size of its disk.
func (d *Driver) send(ctx context.Context, image *resources.Image, h *host, p cloud.Pool) (size int64, err error) {
	turn, _ := d.sending.LoadOrStore(h.Name+" "+p.Name+" "+image.ID, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	name, mark := domain.ImageFile(image.ID), d.whole(image.ID)
	for {
		_, whole, err := h.size(ctx, p, mark)
		if err != nil {
			return 0, err
		}
		if whole {
			size, _, err := h.size(ctx, p, name)
			return size, err
		}
		if err := d.upload(ctx, image, h, p); !errors.Is(err, errExists) {
			if err != nil {
				return 0, err
			}
			continue
		}
		if err := d.await(ctx, h, p, name, mark); err != nil {
			return 0, err
		}
	}
}

// upload sends an image to a pool that has none of its name.
func (d *Driver) upload(ctx context.Context, image *resources.Image, h *host, p cloud.Pool) error {
	if err := d.fetch(ctx, image); err != nil { // it is in the folder, unless that was emptied
		return err
	}
	f, err := os.Open(d.file(image.ID))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	name := domain.ImageFile(image.ID)
	b := blank{name: name, format: "qcow2", size: max(int64(image.VirtualSize), 1)}
	if err := h.make(ctx, p, b); err != nil {
		return err
	}
	if err := h.fill(ctx, p, name, f, info.Size()); err != nil {
		return errors.Join(err, h.drop(context.WithoutCancel(ctx), p, name))
	}
	if err := h.make(ctx, p, blank{name: d.whole(image.ID), format: "raw"}); err != nil && !errors.Is(err, errExists) {
		return err
	}
	return nil
}

// await waits while somebody else sends an image; when it does not grow any more,
// what there is of it is removed.
func (d *Driver) await(ctx context.Context, h *host, p cloud.Pool, name, mark string) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	var had uint64
	grew := time.Now()
	for time.Since(grew) < lull {
		if _, whole, err := h.size(ctx, p, mark); whole || err != nil {
			return err
		}
		var has uint64
		err := h.do(ctx, func(c *golibvirt.Libvirt) error {
			v, err := c.StorageVolLookupByName(pool, name)
			if err == nil {
				_, _, has, err = c.StorageVolGetInfo(v)
			}
			return err
		})
		if is(err, golibvirt.ErrNoStorageVol) {
			return nil // it was given up
		}
		if err != nil {
			return err
		}
		if has != had {
			had, grew = has, time.Now()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
	return h.drop(ctx, p, name)
}

// sweep removes an image from a host that is no image of the cloud any more and that
// nothing there hangs on.
func (d *Driver) sweep(ctx context.Context, w schema.World, h *host, image schema.Ref[resources.Image]) error {
	if image == "" || schema.Look(w, image) != nil {
		return nil
	}
	for _, p := range h.Pools {
		if _, there, err := h.size(ctx, p, d.whole(string(image))); err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		name := domain.ImageFile(string(image))
		hangs, err := h.hangsOn(ctx, p, domain.Path(p, name))
		if err != nil || hangs {
			return err
		}
		if err := h.drop(ctx, p, d.whole(string(image)), name); err != nil {
			return err
		}
	}
	return nil
}

// hangsOn reports whether a volume of a pool is a copy that reads from a path.
func (h *host) hangsOn(ctx context.Context, p cloud.Pool, path string) (bool, error) {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return false, err
	}
	hangs := false
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		all, _, err := c.StoragePoolListAllVolumes(pool, 1, 0)
		if err != nil {
			return err
		}
		for _, v := range all {
			text, err := c.StorageVolGetXMLDesc(v, 0)
			if is(err, golibvirt.ErrNoStorageVol) {
				continue
			}
			var form libvirtxml.StorageVolume
			if err == nil {
				err = form.Unmarshal(text)
			}
			if err != nil {
				return err
			}
			if form.BackingStore != nil && form.BackingStore.Path == path {
				hangs = true
				return nil
			}
		}
		return nil
	})
	return hangs, err
}

// Purge removes the images that this cloud has left in pools.
func (d *Driver) Purge(ctx context.Context) error {
	mark := "." + d.cloud.ID[:min(8, len(d.cloud.ID))]
	var errs []error
	for _, err := range d.each(ctx, func(ctx context.Context, h *host) error {
		names, err := h.volumes(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			image, ours := strings.CutSuffix(name, mark)
			if !ours {
				continue
			}
			for _, p := range h.Pools {
				if err := h.drop(ctx, p, name, image); err != nil {
					return err
				}
			}
		}
		return nil
	}) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, os.RemoveAll(d.folder))...)
}

var _ providers.Bulk[resources.Image] = images{}
