package libvirt

import (
	"context"
	"fmt"
	"slices"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// Fits reports what the hosts can't realise of an object, as far as they can be
// asked.
func (d *Driver) Fits(ctx context.Context) (func(w schema.World, object any) error, error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(w schema.World, object any) error {
		switch o := object.(type) {
		case *resources.Instance:
			return d.fits(ctx, l, w, o)
		case *resources.InterfaceAttachment:
			if i := schema.Look(w, o.InstanceID); i != nil {
				return d.bridged(w, i, "instance_id")
			}
		case *resources.Volume:
			return plain(o)
		}
		return nil
	}, nil
}

func (d *Driver) fits(ctx context.Context, l *look, w schema.World, i *resources.Instance) error {
	for _, id := range l.names[i.Host+" "+i.InstanceName] {
		if id != i.ID && i.InstanceName != "" {
			return schema.Problem{Code: "CRN-NAME", Attribute: "instance_name", Summary: fmt.Sprintf("Host %s has another domain %s", i.Host, i.InstanceName),
				Detail: fmt.Sprintf("Its UUID is %s, and it is not this instance. Rename it there (virsh domrename), or put the instance on another host.", id)}
		}
	}
	h := d.hosts[i.Host]
	if h == nil {
		return nil
	}
	if err := d.bridged(w, i, "networks"); err != nil {
		return err
	}
	if err := twins(i); err != nil {
		return err
	}
	return h.runs(ctx, i)
}

// twins reports two network cards with one MAC, as ports of two networks can have
// it: a card of a domain is known by its MAC.
func twins(i *resources.Instance) error {
	has := map[resources.MAC]bool{}
	for n, x := range i.Networks {
		if has[x.MAC] && x.MAC.IsValid() {
			return schema.Problem{Code: "CRN-VER", Attribute: fmt.Sprintf("networks[%d]", n), Summary: fmt.Sprintf("The instance has two network cards with the MAC %s", x.MAC),
				Detail: "On a host a card is known by its MAC. Give one of its ports another mac_address, or leave that to cairn."}
		}
		has[x.MAC] = true
	}
	return nil
}

// bridged reports ports of an instance whose host has nothing to plug them into.
func (d *Driver) bridged(w schema.World, i *resources.Instance, attribute string) error {
	if h := d.hosts[i.Host]; h == nil || h.Machine.Bridge != "" || len(cardsOf(i, w)) == 0 {
		return nil
	}
	return schema.Problem{Code: "CRN-VER", Attribute: attribute, Summary: fmt.Sprintf("Host %s has no bridge for network cards", i.Host), Detail: "Say bridge in its block of the cloud file, such as br-int."}
}

// runs reports a machine type or a CPU model that a host can't give a guest. A host
// that can't be asked reports nothing.
func (h *host) runs(ctx context.Context, i *resources.Instance) error {
	if h.way() == "" {
		return nil
	}
	can, err := h.offers(ctx, domain.Machine(i, h.Host))
	switch {
	case is(err, golibvirt.ErrInvalidArg):
		attribute, remedy := "machine_type", "Write another machine_type"
		if i.MachineType == "" {
			attribute, remedy = "host", "Write another machine_type in the host's block of the cloud file"
		}
		return schema.Problem{Code: "CRN-VER", Attribute: attribute, Summary: fmt.Sprintf("Host %s can't run machines of type %s", i.Host, domain.Machine(i, h.Host)),
			Detail: remedy + ", such as q35 or pc; `virsh capabilities` lists those of the host."}
	case err != nil:
		return nil
	}
	model := h.Machine.CPU
	if model == "" || slices.Contains(can.models, model) {
		return nil
	}
	detail := "Write another cpu_model in its block of the cloud file; `virsh domcapabilities` lists those that it can give."
	if near := schema.Nearest(model, can.models); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return schema.Problem{Code: "CRN-VER", Attribute: "host", Summary: fmt.Sprintf("Host %s can't give its guests the CPU model %s", i.Host, model), Detail: detail}
}

// offer is what a host can give guests of a machine type.
type offer struct {
	models []string // of CPUs, with the modes that name none
	err    error
}

// offers asks a host for it, once a machine type.
func (h *host) offers(ctx context.Context, machine string) (offer, error) {
	h.mu.Lock()
	known, ok := h.offered[machine]
	h.mu.Unlock()
	if ok {
		return known, known.err
	}
	var caps libvirtxml.DomainCaps
	err := h.do(ctx, func(c *golibvirt.Libvirt) error {
		text, err := c.ConnectGetDomainCapabilities(nil, golibvirt.OptString{"x86_64"}, golibvirt.OptString{machine}, golibvirt.OptString{string(h.way())}, 0)
		if err == nil {
			err = caps.Unmarshal(text)
		}
		return err
	})
	if err != nil && !is(err, golibvirt.ErrInvalidArg) {
		return offer{}, err
	}
	o := offer{err: err}
	if caps.CPU != nil {
		for _, m := range caps.CPU.Modes {
			if m.Name != "custom" && m.Supported == "yes" {
				o.models = append(o.models, m.Name)
			}
			for _, x := range m.Models {
				if m.Name == "custom" && x.Usable != "no" {
					o.models = append(o.models, x.Name)
				}
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offered[machine] = o
	return o, o.err
}
