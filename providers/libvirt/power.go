package libvirt

import (
	"context"
	"fmt"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// power is what an instance is called to be whose domain is in a state.
func power(state golibvirt.DomainState, saved bool) resources.PowerState {
	switch {
	case state == golibvirt.DomainRunning || state == golibvirt.DomainBlocked || state == golibvirt.DomainShutdown:
		return resources.Active
	case state == golibvirt.DomainPaused || state == golibvirt.DomainPmsuspended:
		return resources.Paused
	case saved:
		return resources.Suspended
	}
	return resources.Shutoff
}

// status is the same in Nova's words.
func status(state golibvirt.DomainState, saved bool) string {
	switch {
	case state == golibvirt.DomainCrashed:
		return "ERROR"
	case saved:
		return "SUSPENDED"
	}
	switch power(state, saved) {
	case resources.Active:
		return "ACTIVE"
	case resources.Paused:
		return "PAUSED"
	}
	return "SHUTOFF"
}

// saved reports whether the memory of a guest that is off is on its host's disk.
func (m *machine) saved(ctx context.Context) (bool, error) {
	if m.running() {
		return false, nil
	}
	var is int32
	err := m.do(ctx, func(c *golibvirt.Libvirt) (err error) {
		is, err = c.DomainHasManagedSaveImage(m.dom, 0)
		return err
	})
	return is != 0, err
}

// become brings a guest to a power state. To ask for the one that it is in is no
// error.
func (d *Driver) become(ctx context.Context, w schema.World, m *machine, i *resources.Instance) error {
	var err error
	switch i.PowerState {
	case resources.Active:
		err = d.run(ctx, w, m, i)
	case resources.Paused:
		if err = d.start(ctx, m); err == nil && power(m.state, false) == resources.Active {
			err = m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainSuspend(m.dom) })
		}
	case resources.Suspended:
		if m.running() {
			err = m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainManagedSave(m.dom, 0) })
		}
	case resources.Shutoff:
		if err = m.stop(ctx, i); err == nil {
			err = m.forget(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("host %s: make domain %s %s: %w", m.Name, m.dom.Name, i.PowerState, err)
	}
	return m.refresh(ctx)
}

// forget throws away the memory of a guest that was suspended.
func (m *machine) forget(ctx context.Context) error {
	saved, err := m.saved(ctx)
	if err == nil && saved {
		err = m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainManagedSaveRemove(m.dom, 0) })
	}
	return err
}

// start gives a guest that is off a process. It stands still, so that it finds its
// network when it goes.
func (d *Driver) start(ctx context.Context, m *machine) error {
	if m.running() {
		return nil
	}
	err := m.do(ctx, func(c *golibvirt.Libvirt) error {
		_, err := c.DomainCreateWithFlags(m.dom, uint32(golibvirt.DomainStartPaused))
		return unbridged(err)
	})
	if err := m.faster(ctx, err, m.running); err != nil {
		return err
	}
	return m.refresh(ctx)
}

// unbridged says what to do where the bridge of a network card is missing. Nobody can
// ask for it before: libvirt tells the interfaces of its machine, and not those of the
// namespace that it may run in.
func unbridged(err error) error {
	if err != nil && (strings.Contains(err.Error(), "Cannot get interface MTU on") || strings.Contains(err.Error(), "to OVS bridge")) {
		return fmt.Errorf("%w: is that bridge there? Make it, or say another bridge in the host's block of the cloud file", err)
	}
	return err
}

// run starts a guest, waits until its ports carry packets, and lets it go.
func (d *Driver) run(ctx context.Context, w schema.World, m *machine, i *resources.Instance) error {
	if err := d.start(ctx, m); err != nil {
		return err
	}
	if power(m.state, false) != resources.Paused {
		return nil
	}
	if m.state == golibvirt.DomainPmsuspended {
		return m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainPmWakeup(m.dom, 0) })
	}
	if err := d.plugged(ctx, w, m, i); err != nil {
		return err
	}
	return m.faster(ctx, m.do(ctx, func(c *golibvirt.Libvirt) error { return c.DomainResume(m.dom) }), func() bool { return power(m.state, false) == resources.Active })
}

// faster makes nothing of an error where it has come to be so: somebody else has done
// it meanwhile.
func (m *machine) faster(ctx context.Context, err error, so func() bool) error {
	if !is(err, golibvirt.ErrOperationInvalid) {
		return err
	}
	done, again := until(ctx, patience, func() (bool, error) {
		err := m.refresh(ctx)
		return so(), err
	})
	if done && again == nil {
		return nil
	}
	return err
}

// plugged waits until the ports of a guest carry packets.
func (d *Driver) plugged(ctx context.Context, w schema.World, m *machine, i *resources.Instance) error {
	cards := cardsOf(i, w)
	if d.Network == nil || len(cards) == 0 {
		return nil
	}
	form, err := m.form(ctx, true)
	if err != nil {
		return err
	}
	var ports []string
	for _, n := range cards { // what is attached may not be yet
		if nicOf(form, n.MAC.String()) != nil {
			ports = append(ports, n.PortID)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	return d.Network.Up(ctx, ports)
}

// again is how long a guest that was told to end is told so once more: it may not
// have listened yet.
const again = 5 * time.Second

// stop has a guest end by itself, and after its time pulls the plug.
func (m *machine) stop(ctx context.Context, i *resources.Instance) error {
	if !m.running() {
		return nil
	}
	patience := time.Minute
	if i.ShutdownTimeout != nil {
		patience = time.Duration(*i.ShutdownTimeout) * time.Second
	}
	if patience > 0 && m.state == golibvirt.DomainRunning {
		var told time.Time
		off, err := until(ctx, patience, func() (bool, error) {
			err := m.do(ctx, func(c *golibvirt.Libvirt) error {
				if time.Since(told) > again {
					told = time.Now()
					if err := c.DomainShutdownFlags(m.dom, golibvirt.DomainShutdownAcpiPowerBtn); err != nil && !is(err, golibvirt.ErrOperationInvalid) {
						return err
					}
				}
				return m.ask(c)
			})
			return !m.running(), err
		})
		if off || err != nil {
			return err
		}
	}
	return m.unplug(ctx)
}

// unplug ends the guest at once.
func (m *machine) unplug(ctx context.Context) error {
	return m.do(ctx, func(c *golibvirt.Libvirt) error {
		if err := c.DomainDestroyFlags(m.dom, golibvirt.DomainDestroyGraceful); err != nil && !is(err, golibvirt.ErrOperationInvalid) {
			if err = c.DomainDestroyFlags(m.dom, 0); err != nil && !is(err, golibvirt.ErrOperationInvalid) {
				return err
			}
		}
		return m.ask(c)
	})
}
