package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/cloud"
)

// poolName is what a pool is called on its host.
func poolName(p cloud.Pool) string { return "cairn-" + p.Name }

// pool answers with a pool of the host, which is made where there is none: the
// first look at a host is when that happens.
func (h *host) pool(ctx context.Context, p cloud.Pool) (pool golibvirt.StoragePool, err error) {
	h.mu.Lock()
	pool, ok := h.pools[p.Name]
	h.mu.Unlock()
	if ok {
		return pool, nil
	}
	h.making.Lock()
	defer h.making.Unlock()
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		pool, err = c.StoragePoolLookupByName(poolName(p))
		if is(err, golibvirt.ErrNoStoragePool) {
			pool, err = definePool(c, p)
			return unpooled(p, err)
		}
		if err == nil {
			err = elsewhere(c, pool, p)
		}
		if err != nil {
			return err
		}
		active, err := c.StoragePoolIsActive(pool)
		if err == nil && active == 0 {
			err = unpooled(p, c.StoragePoolCreate(pool, 0))
		}
		return err
	})
	if err != nil {
		return pool, fmt.Errorf("host %s: pool %s: %w", h.Name, p.Name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pools[p.Name] = pool
	return pool, nil
}

// definePool makes a pool and starts it, or leaves none.
func definePool(c *golibvirt.Libvirt, p cloud.Pool) (pool golibvirt.StoragePool, err error) {
	conf := libvirtxml.StoragePool{Type: string(p.Type), Name: poolName(p), Target: &libvirtxml.StoragePoolTarget{Path: p.Path}}
	if p.Type == cloud.PoolLogical {
		conf.Source = &libvirtxml.StoragePoolSource{Name: group(p)}
	}
	text, err := conf.Marshal()
	if err != nil {
		return pool, err
	}
	if pool, err = c.StoragePoolDefineXML(text, 0); err != nil {
		return pool, err
	}
	defer func() {
		if err != nil {
			_ = c.StoragePoolUndefine(pool)
		}
	}()
	if p.Type == cloud.PoolDir {
		if err := c.StoragePoolBuild(pool, 0); err != nil {
			return pool, err
		}
	}
	if err := c.StoragePoolCreate(pool, 0); err != nil {
		return pool, err
	}
	return pool, c.StoragePoolSetAutostart(pool, 1)
}

// group is the volume group of a pool.
func group(p cloud.Pool) string { return path.Base(p.Path) }

// elsewhere reports a pool of the name whose storage is not that of the cloud file:
// paths of disks would lead nowhere.
func elsewhere(c *golibvirt.Libvirt, pool golibvirt.StoragePool, p cloud.Pool) error {
	text, err := c.StoragePoolGetXMLDesc(pool, 0)
	if err != nil {
		return err
	}
	var form libvirtxml.StoragePool
	if err := form.Unmarshal(text); err != nil {
		return err
	}
	at := ""
	switch {
	case p.Type == cloud.PoolLogical && form.Source != nil:
		at = path.Join(path.Dir(path.Clean(p.Path)), form.Source.Name)
	case form.Target != nil:
		at = form.Target.Path
	}
	if form.Type == string(p.Type) && at == path.Clean(p.Path) {
		return nil
	}
	return fmt.Errorf("the host has it as %s %s, and the cloud file says %s %s: mend that, or have the host forget it (virsh pool-destroy %s, then pool-undefine; its files stay)", form.Type, at, p.Type, p.Path, pool.Name)
}

// unpooled says what to do where a pool can't be started.
func unpooled(p cloud.Pool, err error) error {
	var e golibvirt.Error
	if !errors.As(err, &e) {
		return err
	}
	remedy := "can there be a folder " + p.Path + " on it?"
	if p.Type == cloud.PoolLogical {
		remedy = "has it lvm2, and a volume group " + group(p) + " (vgs)?"
	}
	return fmt.Errorf("%s: %s", strings.TrimSpace(e.Message), remedy)
}

// A blank is a volume of a pool that is to be made.
type blank struct {
	name    string
	format  string // raw, qcow2
	size    int64
	backing string // the path of a qcow2 that it is a copy of; "": none
}

func (b blank) xml() (string, error) {
	v := libvirtxml.StorageVolume{Name: b.name, Capacity: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: uint64(b.size)},
		Allocation: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: 0},
		Target:     &libvirtxml.StorageVolumeTarget{Format: &libvirtxml.StorageVolumeTargetFormat{Type: b.format}}}
	if b.format == "qcow2" {
		v.Target.Compat = "1.1"
	}
	if b.backing != "" {
		v.BackingStore = &libvirtxml.StorageVolumeBackingStore{Path: b.backing, Format: &libvirtxml.StorageVolumeTargetFormat{Type: "qcow2"}}
	}
	return v.Marshal()
}

// errExists is the answer for a volume that is there already.
var errExists = errors.New("the volume is there already")

// make makes a volume in a pool. One of the name that is there is errExists.
func (h *host) make(ctx context.Context, p cloud.Pool, b blank) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	text, err := b.xml()
	if err != nil {
		return err
	}
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		_, err := c.StorageVolCreateXML(pool, text, 0)
		if is(err, golibvirt.ErrOperationInvalid) { // a file is there that libvirt has not heard of
			if err := c.StoragePoolRefresh(pool, 0); err != nil {
				return err
			}
			_, err = c.StorageVolCreateXML(pool, text, 0)
		}
		return err
	})
	if is(err, golibvirt.ErrStorageVolExist) {
		return errExists
	}
	if err != nil {
		return fmt.Errorf("host %s: make %s in pool %s: %w", h.Name, b.name, p.Name, err)
	}
	return nil
}

// fill writes the bytes of a volume that is there.
func (h *host) fill(ctx context.Context, p cloud.Pool, name string, from io.ReadSeeker, size int64) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	from = providers.Telling(ctx, fmt.Sprintf("sending %s to host %s", name, h.Name), size, from)
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		if _, err := from.Seek(0, io.SeekStart); err != nil { // it may be tried again
			return err
		}
		return c.StorageVolUpload(v, from, 0, uint64(size), 0)
	})
	if err != nil {
		return fmt.Errorf("host %s: write %s in pool %s: %w", h.Name, name, p.Name, err)
	}
	return nil
}

// put makes a small volume with these bytes, or gives them to the one that is there.
func (h *host) put(ctx context.Context, p cloud.Pool, name string, b []byte) error {
	err := h.make(ctx, p, blank{name: name, format: "raw", size: int64(len(b))})
	if err != nil && !errors.Is(err, errExists) {
		return err
	}
	if len(b) == 0 {
		return nil
	}
	return h.fill(ctx, p, name, bytes.NewReader(b), int64(len(b)))
}

// read answers with the bytes of a volume as it is now, at most so many: the last. It
// says how many it wants, since a file that grows while it is read has no end.
func (h *host) read(ctx context.Context, p cloud.Pool, name string, most int) ([]byte, error) {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return nil, err
	}
	var b capped
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		b = capped{most: most} // it may be tried again
		v, err := c.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		const physical = 1 // VIR_STORAGE_VOL_GET_PHYSICAL
		_, _, size, err := c.StorageVolGetInfoFlags(v, physical)
		if err != nil || size == 0 {
			return err
		}
		length := min(size, uint64(most))
		return c.StorageVolDownload(v, &b, size-length, length, 0)
	})
	return b.Bytes(), err
}

// drop deletes volumes of a pool. What is gone already is no error.
func (h *host) drop(ctx context.Context, p cloud.Pool, names ...string) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := h.do(ctx, func(c *golibvirt.Libvirt) error {
			v, err := c.StorageVolLookupByName(pool, name)
			if err == nil {
				err = c.StorageVolDelete(v, 0)
			}
			return err
		})
		if err != nil && !is(err, golibvirt.ErrNoStorageVol) {
			return fmt.Errorf("host %s: delete %s in pool %s: %w", h.Name, name, p.Name, err)
		}
	}
	return nil
}

// size is how large the disk of a volume is, in bytes; there is false where there is
// no such volume.
func (h *host) size(ctx context.Context, p cloud.Pool, name string) (bytes int64, there bool, err error) {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return 0, false, err
	}
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		_, capacity, _, err := c.StorageVolGetInfo(v)
		bytes = int64(capacity)
		return err
	})
	if is(err, golibvirt.ErrNoStorageVol) {
		return 0, false, nil
	}
	return bytes, err == nil, err
}

// grow makes the disk of a volume that nobody uses larger.
func (h *host) grow(ctx context.Context, p cloud.Pool, name string, to int64) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, name)
		if err == nil {
			err = c.StorageVolResize(v, uint64(to), 0)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("host %s: grow %s in pool %s: %w", h.Name, name, p.Name, err)
	}
	return nil
}
