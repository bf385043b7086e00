package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// attachments is the driver of volumes that are plugged into guests.
type attachments struct{ *Driver }

// Create makes the volume on the instance's host, and plugs it in.
func (d attachments) Create(ctx context.Context, w schema.World, want resources.VolumeAttachment) (resources.VolumeAttachment, error) {
	if err := d.attach(ctx, w, &want); err != nil {
		return want, fmt.Errorf("attach volume %s to instance %s: %w", want.VolumeID, want.InstanceID, err)
	}
	return want, nil
}

func (d attachments) attach(ctx context.Context, w schema.World, want *resources.VolumeAttachment) error {
	i, v := schema.Look(w, want.InstanceID), schema.Look(w, want.VolumeID)
	switch {
	case i == nil:
		return fmt.Errorf("instance_id: there is no instance %s", want.InstanceID)
	case v == nil:
		return fmt.Errorf("volume_id: there is no volume %s", want.VolumeID)
	}
	m, err := d.find(ctx, i)
	if err != nil {
		return err
	}
	x := domain.OfVolume(v, want.Device, false, w, m.Host)
	if err := d.ready(ctx, w, m.host, x, nil); err != nil {
		return err
	}
	if user, _, err := d.user(ctx, m.host, x); err != nil || user != nil && user.dom.UUID != m.dom.UUID {
		if err == nil {
			err = fmt.Errorf("%w: domain %s has it", errUsed, user.dom.Name)
		}
		return err
	}
	return m.plugDisk(ctx, x.Device(d.place(m.host, w, i)))
}

// Read tells whether the guest has the volume.
func (d attachments) Read(ctx context.Context, w schema.World, have resources.VolumeAttachment) (resources.VolumeAttachment, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return have, err
	}
	return d.told(l, w, have)
}

// ReadAll answers from one look at all hosts.
func (d attachments) ReadAll(ctx context.Context, w schema.World) (func(resources.VolumeAttachment) (resources.VolumeAttachment, error), error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(have resources.VolumeAttachment) (resources.VolumeAttachment, error) {
		return d.told(l, w, have)
	}, nil
}

func (d attachments) told(l *look, w schema.World, have resources.VolumeAttachment) (resources.VolumeAttachment, error) {
	i := schema.Look(w, have.InstanceID)
	if i == nil {
		return have, providers.ErrNotFound
	}
	s, err := l.find(i)
	if err != nil {
		return have, err
	}
	file := domain.VolumeFile(string(have.VolumeID))
	for target, path := range s.disks {
		if len(path) > len(file) && path[len(path)-len(file)-1:] == "/"+file {
			have.Device = target
			return have, nil
		}
	}
	return have, providers.ErrNotFound
}

// Update has nothing to do: nothing of an attachment changes in place.
func (d attachments) Update(_ context.Context, _ schema.World, _, want resources.VolumeAttachment) (resources.VolumeAttachment, error) {
	return want, nil
}

// Delete unplugs the volume. It stays where it is.
func (d attachments) Delete(ctx context.Context, w schema.World, have resources.VolumeAttachment) error {
	i := schema.Look(w, have.InstanceID)
	if i == nil {
		return nil // it went with its instance
	}
	m, err := d.find(ctx, i)
	if errors.Is(err, errNoDomain) {
		return nil
	}
	if err == nil {
		err = m.unplugDisk(ctx, domain.VolumeFile(string(have.VolumeID)))
	}
	if err != nil {
		return fmt.Errorf("detach volume %s from instance %s: %w", have.VolumeID, have.InstanceID, err)
	}
	return nil
}
