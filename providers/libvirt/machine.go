package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/resources"
)

// machine is one domain on its host.
type machine struct {
	*host
	dom    golibvirt.Domain
	state  golibvirt.DomainState
	reason int32
}

// errNoDomain is the answer for a domain that the host has not.
var errNoDomain = errors.New("there is no such domain")

// machine finds a domain on a host.
func (h *host) machine(ctx context.Context, id string) (*machine, error) {
	u, ok := uuid(id)
	if !ok {
		return nil, fmt.Errorf("%q can't be the UUID of a domain", id)
	}
	m := &machine{host: h}
	err := h.do(ctx, func(c *golibvirt.Libvirt) (err error) {
		if m.dom, err = c.DomainLookupByUUID(u); err == nil {
			err = m.ask(c)
		}
		return err
	})
	if is(err, golibvirt.ErrNoDomain) {
		return nil, errNoDomain
	}
	return m, err
}

// ask finds out what the guest does.
func (m *machine) ask(c *golibvirt.Libvirt) error {
	state, reason, err := c.DomainGetState(m.dom, 0)
	m.state, m.reason = golibvirt.DomainState(state), reason
	return err
}

func (m *machine) refresh(ctx context.Context) error { return m.do(ctx, m.ask) }

// running reports whether there is a process of the guest.
func (m *machine) running() bool { return (&seen{state: m.state}).running() }

// impact says which forms of a domain a change is for: its configuration, and the
// guest as it runs.
func (m *machine) impact() golibvirt.DomainModificationImpact {
	if m.running() {
		return golibvirt.DomainAffectConfig | golibvirt.DomainAffectLive
	}
	return golibvirt.DomainAffectConfig
}

// find looks for the domain of an instance: where it should be first, then on all
// hosts. A domain that may be where nobody can look is an error.
func (d *Driver) find(ctx context.Context, i *resources.Instance) (*machine, error) {
	first := d.hosts[i.Host]
	if first != nil {
		m, err := first.machine(ctx, i.ID)
		if err == nil && (m.running() || len(d.hosts) == 1) {
			return m, nil
		}
		if err != nil && !errors.Is(err, errNoDomain) {
			return nil, err
		}
		if err == nil && m.reason != reasonMigrated {
			return m, nil
		}
	}
	found := make(chan *machine, len(d.hosts))
	away := d.each(ctx, func(ctx context.Context, h *host) error {
		m, err := h.machine(ctx, i.ID)
		if errors.Is(err, errNoDomain) {
			return nil
		}
		if err == nil {
			found <- m
		}
		return err
	})
	close(found)
	var best *machine
	for m := range found {
		if best == nil || m.running() && !best.running() {
			best = m
		}
	}
	if best != nil {
		return best, nil
	}
	for _, err := range away {
		return nil, err
	}
	return nil, errNoDomain
}

// reasonMigrated is why a guest is off that has gone to another host
// (VIR_DOMAIN_SHUTOFF_MIGRATED).
const reasonMigrated = 4

// form is the domain as it is configured, or as it runs.
func (m *machine) form(ctx context.Context, live bool) (*libvirtxml.Domain, error) {
	if live {
		return m.formAs(ctx, 0)
	}
	return m.formAs(ctx, golibvirt.DomainXMLInactive)
}

func (m *machine) formAs(ctx context.Context, flags golibvirt.DomainXMLFlags) (*libvirtxml.Domain, error) {
	var form libvirtxml.Domain
	err := m.do(ctx, func(c *golibvirt.Libvirt) error {
		text, err := c.DomainGetXMLDesc(m.dom, flags)
		if err == nil {
			err = form.Unmarshal(text)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: read domain %s: %w", m.Name, m.dom.Name, err)
	}
	return &form, nil
}

// define makes or changes the configuration of a domain.
func (h *host) define(ctx context.Context, form *libvirtxml.Domain) (*machine, error) {
	text, err := form.Marshal()
	if err != nil {
		return nil, err
	}
	m := &machine{host: h}
	err = h.do(ctx, func(c *golibvirt.Libvirt) (err error) {
		if m.dom, err = c.DomainDefineXMLFlags(text, golibvirt.DomainDefineValidate); err == nil {
			err = m.ask(c)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: define domain %s: %w", h.Name, form.Name, err)
	}
	return m, nil
}

// undefine removes a domain, and what libvirt keeps for it.
func (m *machine) undefine(ctx context.Context) error {
	err := m.do(ctx, func(c *golibvirt.Libvirt) error {
		if err := c.DomainDestroyFlags(m.dom, 0); err != nil && !is(err, golibvirt.ErrOperationInvalid) && !is(err, golibvirt.ErrNoDomain) {
			return err
		}
		return c.DomainUndefineFlags(m.dom, golibvirt.DomainUndefineManagedSave|golibvirt.DomainUndefineSnapshotsMetadata|golibvirt.DomainUndefineNvram|golibvirt.DomainUndefineCheckpointsMetadata)
	})
	if is(err, golibvirt.ErrNoDomain) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("host %s: remove domain %s: %w", m.Name, m.dom.Name, err)
	}
	return nil
}

// until asks again and again until it is so, or the time is over: then it is false.
func until(ctx context.Context, within time.Duration, so func() (bool, error)) (bool, error) {
	deadline := time.Now().Add(within)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		ok, err := so()
		if ok || err != nil {
			return ok, err
		}
		if time.Now().Add(pause).After(deadline) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
