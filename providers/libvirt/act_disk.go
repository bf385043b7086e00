package libvirt

import (
	"errors"
	"fmt"
	"os"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// rescueDevice is the name of the disk that a guest is rescued from. Instances use
// the letters from the other end.
const rescueDevice = "vdz"

// rescue puts a fresh disk before the others.
func (d *Driver) rescue(t task) error {
	form, err := t.m.form(t.ctx, false)
	if err != nil {
		return err
	}
	x := d.rescuer(t)
	if diskOf(form, x.Path()) != nil {
		return errors.New("it is rescued already: unrescue it first")
	}
	if x.Image = schema.Ref[resources.Image](t.words["image"]); x.Image == "" {
		x.Image = t.i.ImageID
	}
	if schema.Look(t.w, x.Image) == nil {
		return errors.New("say which image to start from: the instance has none of its own, or that is no more")
	}
	if err := t.m.stop(t.ctx, t.i); err != nil {
		return err
	}
	if err := d.ready(t.ctx, t.w, t.m.host, x, nil); err != nil {
		return err
	}
	for i := range form.Devices.Disks {
		if b := form.Devices.Disks[i].Boot; b != nil {
			b.Order++
		}
	}
	form.Devices.Disks = append(form.Devices.Disks, x.Device(d.place(t.m.host, t.w, t.i)))
	return d.restart(t, form)
}

// rescuer is the disk that an instance is rescued from.
func (d *Driver) rescuer(t task) domain.Disk {
	return domain.Disk{Target: rescueDevice, File: domain.Local(t.i.ID, rescueDevice), Alias: domain.Alias("rescue"), Boots: true, Pool: t.m.Pools[0]}
}

func (d *Driver) unrescue(t task) error {
	form, err := t.m.form(t.ctx, false)
	if err != nil {
		return err
	}
	x := d.rescuer(t)
	rest := form.Devices.Disks[:0]
	found := false
	for _, disk := range form.Devices.Disks {
		if diskPath(&disk) == x.Path() {
			found = true
			continue
		}
		if disk.Boot != nil && disk.Boot.Order > 1 {
			disk.Boot.Order--
		}
		rest = append(rest, disk)
	}
	if !found {
		return errors.New("it is not rescued")
	}
	form.Devices.Disks = rest
	if err := t.m.stop(t.ctx, t.i); err != nil {
		return err
	}
	if err := d.restart(t, form); err != nil {
		return err
	}
	return t.m.drop(t.ctx, x.Pool, x.File)
}

// restart configures a domain that is off, and starts it.
func (d *Driver) restart(t task, form *libvirtxml.Domain) error {
	m, err := t.m.define(t.ctx, form)
	if err != nil {
		return err
	}
	t.i.PowerState = resources.Active
	return d.become(t.ctx, t.w, m, t.i)
}

// remake makes the root disk anew.
func (d *Driver) remake(t task) error {
	for _, x := range domain.Disks(t.i, t.w) {
		if !x.Boots || x.Image == "" || x.Volume != nil {
			continue
		}
		if schema.Look(t.w, x.Image) == nil {
			return fmt.Errorf("its image %s is no more", x.Image)
		}
		to := t.i.PowerState
		if err := t.m.unplug(t.ctx); err != nil {
			return err
		}
		if err := t.m.forget(t.ctx); err != nil {
			return err
		}
		if err := t.m.drop(t.ctx, x.Pool, x.File); err != nil {
			return err
		}
		if err := d.ready(t.ctx, t.w, t.m.host, x, nil); err != nil {
			return err
		}
		t.i.PowerState = to
		return d.become(t.ctx, t.w, t.m, t.i)
	}
	return errors.New("its root disk is no copy of an image on its host")
}

// syncTime bounds how long a disk that a guest writes to is copied.
const syncTime = time.Hour

// snapshot writes the root disk into a file, as it is at one moment.
func (d *Driver) snapshot(t task) error {
	root := domain.Disks(t.i, t.w)
	if len(root) == 0 {
		return errors.New("it has no disk")
	}
	x := root[0]
	size, _, err := t.m.size(t.ctx, x.Pool, x.File)
	if err != nil {
		return err
	}
	copied := blank{name: "snapshot-" + t.i.ID, format: "qcow2", size: size}
	if err := t.m.drop(t.ctx, x.Pool, copied.name); err != nil { // of one that was broken off
		return err
	}
	if t.m.running() {
		err = d.mirror(t, x, copied)
	} else {
		err = t.m.clone(t.ctx, x.Pool, copied, x.File)
	}
	if err != nil {
		return errors.Join(err, t.m.drop(t.ctx, x.Pool, copied.name))
	}
	f, err := os.OpenFile(t.words["file"], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(t.m.save(t.ctx, x.Pool, copied.name, f), f.Close())
	}
	return errors.Join(err, t.m.drop(t.ctx, x.Pool, copied.name))
}

// mirror copies a disk while a guest writes to it, until the copy is the same; where
// an agent listens, its file systems stand still at that moment.
func (d *Driver) mirror(t task, x domain.Disk, to blank) error {
	if x.Pool.Type == cloud.PoolLogical {
		return errors.New("a disk in a volume group is copied while its guest is off")
	}
	if err := t.m.make(t.ctx, x.Pool, to); err != nil {
		return err
	}
	dest := fmt.Sprintf(`<disk type='file'><source file='%s'/><driver type='qcow2'/></disk>`, domain.Path(x.Pool, to.name))
	const transient, reuse = 1 << 2, 1 << 1 // VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB, _REUSE_EXT
	if err := t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		return c.DomainBlockCopy(t.m.dom, x.Target, dest, nil, transient|reuse)
	}); err != nil {
		return err
	}
	same, err := until(t.ctx, syncTime, func() (same bool, err error) {
		err = t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
			found, _, _, now, end, err := c.DomainGetBlockJobInfo(t.m.dom, x.Target, 0)
			if err == nil && found == 0 {
				err = errors.New("the copy was broken off on the host")
			}
			same = end > 0 && now == end
			return err
		})
		return same, err
	})
	if err == nil && !same {
		err = fmt.Errorf("the copy is not done after %v", syncTime)
	}
	return t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		if _, frozen := c.DomainFsfreeze(t.m.dom, nil, 0); frozen == nil {
			defer func() { _, _ = c.DomainFsthaw(t.m.dom, nil, 0) }()
		}
		return errors.Join(err, c.DomainBlockJobAbort(t.m.dom, x.Target, 0))
	})
}
