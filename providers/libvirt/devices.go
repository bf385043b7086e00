package libvirt

import (
	"context"
	"fmt"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// letGo is how long a guest has to let go of a device.
const letGo = 30 * time.Second

// plugDisk gives the domain a disk, unless it has it.
func (m *machine) plugDisk(ctx context.Context, x libvirtxml.DomainDisk) error {
	text, err := x.Marshal()
	if err != nil {
		return err
	}
	return m.plug(ctx, text, func(d *libvirtxml.Domain) bool { return diskOf(d, diskPath(&x)) != nil })
}

// plugNIC gives the domain a network card, unless it has it.
func (m *machine) plugNIC(ctx context.Context, x libvirtxml.DomainInterface) error {
	text, err := x.Marshal()
	if err != nil {
		return err
	}
	return m.plug(ctx, text, func(d *libvirtxml.Domain) bool { return nicOf(d, x.MAC.Address) != nil })
}

// plug adds a device to the configuration, and to the guest as it runs: to each that
// does not have it.
func (m *machine) plug(ctx context.Context, device string, has func(*libvirtxml.Domain) bool) error {
	for _, live := range m.forms() {
		form, err := m.form(ctx, live)
		if err != nil {
			return err
		}
		if has(form) {
			continue
		}
		err = m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainAttachDeviceFlags(m.dom, device, impact(live)) })
		if err != nil && ctx.Err() == nil { // somebody may have been faster
			if form, again := m.form(ctx, live); again == nil && has(form) {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("host %s: plug into domain %s: %w", m.Name, m.dom.Name, err)
		}
	}
	return nil
}

// forms are the forms of a domain: as it runs, if it does, and as it is configured.
func (m *machine) forms() []bool {
	if m.running() {
		return []bool{true, false}
	}
	return []bool{false}
}

func impact(live bool) uint32 {
	if live {
		return uint32(golibvirt.DomainAffectLive)
	}
	return uint32(golibvirt.DomainAffectConfig)
}

// unplugDisk takes the disk whose volume has a name from the domain, and waits until
// the guest has let go of it.
func (m *machine) unplugDisk(ctx context.Context, file string) error {
	return m.pull(ctx, func(d *libvirtxml.Domain) (string, error) {
		for i := range d.Devices.Disks {
			if strings.HasSuffix(diskPath(&d.Devices.Disks[i]), "/"+file) {
				return d.Devices.Disks[i].Marshal()
			}
		}
		return "", nil
	})
}

// unplugNIC takes the network card with a MAC from the domain.
func (m *machine) unplugNIC(ctx context.Context, mac string) error {
	return m.pull(ctx, func(d *libvirtxml.Domain) (string, error) {
		if n := nicOf(d, mac); n != nil {
			return n.Marshal()
		}
		return "", nil
	})
}

// pull removes a device from each form of the domain. Guests may take their time:
// they are asked again, and what they don't let go of is an error.
func (m *machine) pull(ctx context.Context, find func(*libvirtxml.Domain) (string, error)) error {
	for _, live := range m.forms() {
		var asked time.Time
		gone, err := until(ctx, letGo, func() (bool, error) {
			form, err := m.form(ctx, live)
			if err != nil {
				return false, err
			}
			device, err := find(form)
			if device == "" || err != nil {
				return true, err
			}
			if time.Since(asked) < again {
				return false, nil
			}
			asked = time.Now()
			err = m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainDetachDeviceFlags(m.dom, device, impact(live)) })
			if is(err, golibvirt.ErrDeviceMissing) || live && is(err, golibvirt.ErrOperationFailed) {
				err = nil // it is going already
			}
			return false, err
		})
		if err != nil {
			return fmt.Errorf("host %s: unplug from domain %s: %w", m.Name, m.dom.Name, err)
		}
		if !gone {
			return fmt.Errorf("host %s: the guest of domain %s has not let go of the device within %v: is it up, and does it know hot plugging?", m.Name, m.dom.Name, letGo)
		}
	}
	return nil
}

// diskPath is where the bytes of a disk are on the host.
func diskPath(x *libvirtxml.DomainDisk) string {
	switch {
	case x.Source == nil:
	case x.Source.File != nil:
		return x.Source.File.File
	case x.Source.Block != nil:
		return x.Source.Block.Dev
	}
	return ""
}

func diskOf(d *libvirtxml.Domain, path string) *libvirtxml.DomainDisk {
	for i := range d.Devices.Disks {
		if diskPath(&d.Devices.Disks[i]) == path {
			return &d.Devices.Disks[i]
		}
	}
	return nil
}

func nicOf(d *libvirtxml.Domain, mac string) *libvirtxml.DomainInterface {
	for i := range d.Devices.Interfaces {
		if n := &d.Devices.Interfaces[i]; n.MAC != nil && strings.EqualFold(n.MAC.Address, mac) {
			return n
		}
	}
	return nil
}
