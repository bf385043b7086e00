package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// volumes is the driver of volumes on hosts' own storage. Such a volume is on the
// host of the first instance that has it, and made there when that takes it: before,
// it is its record.
type volumes struct{ *Driver }

// Create has nothing to do.
func (d volumes) Create(ctx context.Context, w schema.World, want resources.Volume) (resources.Volume, error) {
	if want.ImageID != "" && schema.Look(w, want.ImageID) == nil {
		return want, fmt.Errorf("create volume %s: image_id: there is no image %s", want.ID, want.ImageID)
	}
	want.Status = "available"
	return want, context.Cause(ctx)
}

// Read tells whether a guest has the volume. One that a guest has must be there.
func (d volumes) Read(ctx context.Context, w schema.World, have resources.Volume) (resources.Volume, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return have, err
	}
	return d.told(l, w, have)
}

// ReadAll answers from one look at all hosts.
func (d volumes) ReadAll(ctx context.Context, w schema.World) (func(resources.Volume) (resources.Volume, error), error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(have resources.Volume) (resources.Volume, error) { return d.told(l, w, have) }, nil
}

func (d volumes) told(l *look, w schema.World, have resources.Volume) (resources.Volume, error) {
	have.Status = "available"
	if !used(w, have.ID) {
		return have, nil
	}
	have.Status = "in-use"
	if l.holds(domain.VolumeFile(have.ID)) == "" {
		return have, l.unknown("")
	}
	return have, nil
}

// used reports whether an instance has a volume.
func used(w schema.World, volume string) bool {
	for range schema.Where[resources.VolumeAttachment](w, "volume_id", volume) {
		return true
	}
	for i := range schema.All[resources.Instance](w) {
		for _, d := range i.BlockDevices {
			if d.VolumeID == volume {
				return true
			}
		}
	}
	return false
}

// Update grows the volume: under the guest that has it, or by itself.
func (d volumes) Update(ctx context.Context, w schema.World, have, want resources.Volume) (resources.Volume, error) {
	if err := d.update(ctx, w, &have, &want); err != nil {
		return want, fmt.Errorf("update volume %s: %w", want.ID, err)
	}
	return want, nil
}

func (d volumes) update(ctx context.Context, w schema.World, have, want *resources.Volume) error {
	if want.Size < have.Size {
		return errShrinks
	}
	h, err := d.where(ctx, want.ID)
	if h == nil || err != nil {
		return err
	}
	x := domain.OfVolume(want, "", false, w, h.Host)
	m, target, err := d.user(ctx, h, x)
	if err != nil {
		return err
	}
	x.Target = target
	return d.ready(ctx, w, h, x, m)
}

// user finds the guest on a host that has a volume, and by which name; nil: none.
func (d *Driver) user(ctx context.Context, h *host, x domain.Disk) (*machine, string, error) {
	all, err := h.domains(ctx)
	if err != nil {
		return nil, "", err
	}
	for id, s := range all {
		for target, path := range s.disks {
			if path == x.Path() {
				m, err := h.machine(ctx, id)
				return m, target, err
			}
		}
	}
	return nil, "", nil
}

// where finds the host that a volume is on; nil: none has it, and all were asked.
func (d *Driver) where(ctx context.Context, id string) (*host, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return nil, err
	}
	if name := l.holds(domain.VolumeFile(id)); name != "" {
		return d.host(name)
	}
	for _, err := range l.away {
		return nil, err
	}
	return nil, nil
}

// Delete removes the volume, wherever it is.
func (d volumes) Delete(ctx context.Context, w schema.World, have resources.Volume) error {
	err := d.delete(ctx, w, &have)
	if err != nil {
		return fmt.Errorf("delete volume %s: %w", have.ID, err)
	}
	return nil
}

func (d volumes) delete(ctx context.Context, w schema.World, have *resources.Volume) error {
	l, err := d.lookAll(ctx)
	if err != nil {
		return err
	}
	hosts := l.volumes[domain.VolumeFile(have.ID)] // several after a move that was broken off
	for _, err := range l.away {
		if len(hosts) == 0 {
			return err
		}
	}
	for _, name := range hosts {
		if err := d.remove(ctx, w, d.hosts[name], have); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a volume on a host.
func (d volumes) remove(ctx context.Context, w schema.World, h *host, have *resources.Volume) error {
	x := domain.OfVolume(have, "", false, w, h.Host)
	for _, p := range h.Pools { // its type may have gone before it
		if _, there, err := h.size(ctx, p, x.File); err == nil && there {
			x.Pool = p
		}
	}
	if m, _, err := d.user(ctx, h, x); err != nil || m != nil {
		if err == nil {
			err = fmt.Errorf("%w: domain %s has it", errUsed, m.dom.Name)
		}
		return err
	}
	if err := h.drop(ctx, x.Pool, x.File); err != nil {
		return err
	}
	return d.sweep(ctx, w, h, have.ImageID)
}

// bring has a volume on a host that is on another one: it is copied, and removed
// where it was.
func (d *Driver) bring(ctx context.Context, w schema.World, h *host, x domain.Disk) error {
	if _, there, err := h.size(ctx, x.Pool, x.File); there || err != nil {
		return err
	}
	from, err := d.where(ctx, x.Volume.ID)
	if err != nil || from == nil || from == h {
		return err
	}
	old := domain.OfVolume(x.Volume, "", false, w, from.Host)
	if m, _, err := d.user(ctx, from, old); err != nil || m != nil {
		if err == nil {
			err = fmt.Errorf("%w: domain %s on host %s has it", errUsed, m.dom.Name, from.Name)
		}
		return err
	}
	if err := d.copy(ctx, w, from, h, old, x); err != nil {
		return err
	}
	return from.drop(ctx, old.Pool, old.File)
}

var errUsed = errors.New("the volume is attached")

// plain reports what a volume on a host's own storage can't be.
func plain(v *resources.Volume) error {
	switch {
	case v.SnapshotID != "":
		return schema.Problem{Code: "CRN-VER", Attribute: "snapshot_id", Summary: "A volume in the pool of a host begins as no snapshot", Detail: "It begins empty, or as a copy of image_id."}
	case v.SourceVolID != "":
		return schema.Problem{Code: "CRN-VER", Attribute: "source_vol_id", Summary: "A volume in the pool of a host begins as no other volume", Detail: "It begins empty, or as a copy of image_id."}
	case v.Multiattach:
		return schema.Problem{Code: "CRN-VER", Attribute: "multiattach", Summary: "A volume in the pool of a host has one user at a time", Detail: "Take multiattach out, or use a volume_type whose storage all hosts reach."}
	}
	return nil
}
