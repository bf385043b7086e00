package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// interfaces is the driver of ports that are plugged into guests beside their own.
type interfaces struct{ *Driver }

// Create plugs a network card into the guest, and waits until its port carries packets.
func (d interfaces) Create(ctx context.Context, w schema.World, want resources.InterfaceAttachment) (resources.InterfaceAttachment, error) {
	if err := d.attach(ctx, w, &want); err != nil {
		return want, fmt.Errorf("plug port %s into instance %s: %w", want.PortID, want.InstanceID, err)
	}
	return want, nil
}

func (d interfaces) attach(ctx context.Context, w schema.World, want *resources.InterfaceAttachment) error {
	i := schema.Look(w, want.InstanceID)
	switch {
	case i == nil:
		return fmt.Errorf("instance_id: there is no instance %s", want.InstanceID)
	case schema.Look(w, want.PortID) == nil:
		return fmt.Errorf("port_id: there is no port %s", want.PortID)
	}
	m, err := d.find(ctx, i)
	if err != nil {
		return err
	}
	card := want.Interface()
	if err := m.plugNIC(ctx, domain.NIC(&card, w, d.place(m.host, w, i))); err != nil {
		return err
	}
	if !m.running() || d.Network == nil {
		return nil
	}
	return d.Network.Up(ctx, []string{string(want.PortID)})
}

// Read tells whether the guest has the network card.
func (d interfaces) Read(ctx context.Context, w schema.World, have resources.InterfaceAttachment) (resources.InterfaceAttachment, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return have, err
	}
	return d.told(ctx, l, w, have)
}

// ReadAll answers from one look at all hosts. A guest that does not run is asked for
// its form: no statistics tell of its cards.
func (d interfaces) ReadAll(ctx context.Context, w schema.World) (func(resources.InterfaceAttachment) (resources.InterfaceAttachment, error), error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(have resources.InterfaceAttachment) (resources.InterfaceAttachment, error) {
		return d.told(ctx, l, w, have)
	}, nil
}

func (d interfaces) told(ctx context.Context, l *look, w schema.World, have resources.InterfaceAttachment) (resources.InterfaceAttachment, error) {
	i := schema.Look(w, have.InstanceID)
	if i == nil {
		return have, providers.ErrNotFound
	}
	s, err := l.find(i)
	if err != nil {
		return have, err
	}
	has := s.nics[domain.Tap(string(have.PortID))]
	if !s.running() {
		if has, err = d.configured(ctx, s, &have); err != nil {
			return have, err
		}
	}
	if !has {
		return have, providers.ErrNotFound
	}
	return have, nil
}

// configured reports whether a domain will have a network card when it runs.
func (d interfaces) configured(ctx context.Context, s *seen, have *resources.InterfaceAttachment) (bool, error) {
	h, err := d.host(s.host)
	if err != nil {
		return false, err
	}
	m, err := h.machine(ctx, string(have.InstanceID))
	if errors.Is(err, errNoDomain) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	form, err := m.form(ctx, false)
	return err == nil && nicOf(form, have.MAC.String()) != nil, err
}

// Update has nothing to do: nothing of an attachment changes in place.
func (d interfaces) Update(_ context.Context, _ schema.World, _, want resources.InterfaceAttachment) (resources.InterfaceAttachment, error) {
	return want, nil
}

// Delete unplugs the network card.
func (d interfaces) Delete(ctx context.Context, w schema.World, have resources.InterfaceAttachment) error {
	i := schema.Look(w, have.InstanceID)
	if i == nil {
		return nil // it went with its instance
	}
	m, err := d.find(ctx, i)
	if errors.Is(err, errNoDomain) {
		return nil
	}
	if err == nil {
		err = m.unplugNIC(ctx, have.MAC.String())
	}
	if err != nil {
		return fmt.Errorf("unplug port %s from instance %s: %w", have.PortID, have.InstanceID, err)
	}
	return nil
}

// cardsOf are the network cards of an instance on ports: its own, and those attached
// to it.
func cardsOf(i *resources.Instance, w schema.World) []resources.InstanceNetwork {
	all := slices.DeleteFunc(slices.Clone(i.Networks), func(n resources.InstanceNetwork) bool { return n.Outside() })
	for a := range schema.Where[resources.InterfaceAttachment](w, "instance_id", i.ID) {
		all = append(all, a.Interface())
	}
	return all
}
