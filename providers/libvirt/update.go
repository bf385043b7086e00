package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// Update makes of the domain that is there what is wanted. It changes what cairn
// knows of, and leaves alone what else somebody has configured.
func (d instances) Update(ctx context.Context, w schema.World, have, want resources.Instance) (resources.Instance, error) {
	m, err := d.update(ctx, w, &have, &want)
	if m != nil {
		want.Status = status(m.state, want.PowerState == resources.Suspended && !m.running())
	}
	if err != nil {
		return want, fmt.Errorf("update instance %s: %w", want.ID, err)
	}
	return want, nil
}

func (d instances) update(ctx context.Context, w schema.World, have, want *resources.Instance) (*machine, error) {
	m, err := d.find(ctx, have)
	if errors.Is(err, errNoDomain) {
		return d.create(ctx, w, want)
	}
	if err != nil {
		return nil, err
	}
	if err := d.learn(ctx, m.host); err != nil {
		return m, err
	}
	if m.Name != want.Host {
		if m, err = d.move(ctx, w, m, have, want); err != nil {
			return m, err
		}
	}
	if err := d.tidy(ctx, w, m, want); err != nil {
		return m, err
	}
	if want.PowerState == resources.Shutoff { // then its devices change while it is off, whether the guest knows how or not
		if err := d.become(ctx, w, m, want); err != nil {
			return m, err
		}
	}
	for _, step := range []func(context.Context, schema.World, *machine, *resources.Instance, *resources.Instance) error{d.redisk, d.recard, d.resize, d.rename} {
		if err := step(ctx, w, m, have, want); err != nil {
			return m, err
		}
	}
	return m, d.become(ctx, w, m, want)
}

// redisk takes away disks that are not wanted any more, and makes, plugs in and
// grows those that are.
func (d instances) redisk(ctx context.Context, w schema.World, m *machine, have, want *resources.Instance) error {
	wanted := disksOf(want, w)
	keep := map[string]bool{}
	for _, x := range wanted {
		keep[x.File] = true
	}
	had := *have
	had.Host = want.Host
	for _, x := range domain.Disks(&had, w) {
		if keep[x.File] {
			continue
		}
		if err := m.unplugDisk(ctx, x.File); err != nil {
			return err
		}
		if x.Volume == nil && !x.Foreign() {
			if err := m.drop(ctx, x.Pool, x.File); err != nil {
				return err
			}
		}
	}
	at := d.place(m.host, w, want)
	form, err := m.form(ctx, m.running())
	if err != nil {
		return err
	}
	for _, x := range wanted {
		live := m
		if diskOf(form, x.Path()) == nil {
			live = nil
		}
		if err := d.ready(ctx, w, m.host, x, live); err != nil {
			return err
		}
		if err := m.plugDisk(ctx, x.Device(at)); err != nil {
			return err
		}
	}
	return nil
}

// recard takes away network cards that are not wanted any more, and plugs in those
// that are.
func (d instances) recard(ctx context.Context, w schema.World, m *machine, have, want *resources.Instance) error {
	keep := map[resources.MAC]bool{}
	for _, n := range append(cardsOf(want, w), want.Networks...) {
		keep[n.MAC] = true
	}
	for _, n := range have.Networks {
		if !keep[n.MAC] {
			if err := m.unplugNIC(ctx, n.MAC.String()); err != nil {
				return err
			}
		}
	}
	at := d.place(m.host, w, want)
	for i := range want.Networks {
		if err := m.plugNIC(ctx, domain.NIC(&want.Networks[i], w, at)); err != nil {
			return err
		}
	}
	return nil
}

// rename writes anew what tells people, and the guest, what the instance is.
func (d instances) rename(ctx context.Context, w schema.World, m *machine, have, want *resources.Instance) error {
	told := have.Name != want.Name || have.ConfigFormat != want.ConfigFormat || have.HasSeed() != want.HasSeed() || !maps.Equal(have.Metadata, want.Metadata) || have.KeyPair != want.KeyPair || !slices.Equal(have.Networks, want.Networks)
	if told {
		if err := d.tell(ctx, w, m.host, want); err != nil {
			return err
		}
	}
	if have.Name == want.Name && have.Description == want.Description {
		return nil
	}
	mark := domain.Of(want, w, d.place(m.host, w, want))
	const prefix, key = "cairn", domain.Namespace
	return m.do(ctx, func(c *golibvirt.Libvirt) error {
		for _, x := range []struct {
			kind golibvirt.DomainMetadataType
			text string
			key  golibvirt.OptString
			uri  golibvirt.OptString
		}{
			{golibvirt.DomainMetadataTitle, mark.Title, nil, nil},
			{golibvirt.DomainMetadataDescription, mark.Description, nil, nil},
			{golibvirt.DomainMetadataElement, domain.MarkFor(want, w).Element(), golibvirt.OptString{prefix}, golibvirt.OptString{key}},
		} {
			text := golibvirt.OptString{x.text}
			if x.text == "" {
				text = nil
			}
			if err := c.DomainSetMetadata(m.dom, int32(x.kind), text, x.key, x.uri, m.impact()); err != nil {
				return err
			}
		}
		return nil
	})
}

// resize gives the domain other processors and memory: as it runs where it has room
// for that, else while it is off. The guest then is started again by whoever asked.
func (d instances) resize(ctx context.Context, w schema.World, m *machine, have, want *resources.Instance) error {
	form, err := m.form(ctx, false)
	if err != nil {
		return err
	}
	fresh := domain.Of(want, w, d.place(m.host, w, want))
	vcpus, ram := vcpusOf(form), ramOf(form)
	if sameSize(form, fresh) && vcpus == want.VCPUs && ram == want.RAMMB && !d.stops(have, want) {
		return nil
	}
	if m.running() && !d.stops(have, want) {
		live, err := m.form(ctx, true)
		if err != nil {
			return err
		}
		if room(live, want) && (vcpus == want.VCPUs || m.way() != cloud.VirtQEMU) { // see Instance.Stops
			return m.grow(ctx, live, want)
		}
	}
	was := power(m.state, false)
	if err := m.stop(ctx, want); err != nil {
		return err
	}
	form.VCPU, form.Memory, form.CurrentMemory, form.MaximumMemory = fresh.VCPU, fresh.Memory, fresh.CurrentMemory, fresh.MaximumMemory
	form.Devices.Memorydevs = nil
	if form.CPU == nil {
		form.CPU = fresh.CPU
	}
	form.CPU.Numa, form.CPUTune = fresh.CPU.Numa, fresh.CPUTune
	form.VCPUs = nil
	if want.MachineType != have.MachineType {
		d.rebuild(form, fresh)
	}
	d.reseed(form, want, w, m.host)
	if _, err := m.define(ctx, form); err != nil {
		return err
	}
	if was == resources.Active || was == resources.Paused {
		return m.refresh(ctx)
	}
	return nil
}

// stops reports changes that a guest sees only when it is started.
func (d instances) stops(have, want *resources.Instance) bool {
	return have.MostVCPUs() != want.MostVCPUs() || have.MostRAMMB() != want.MostRAMMB() || have.MachineType != want.MachineType ||
		have.HasSeed() != want.HasSeed() || have.ConfigFormat != want.ConfigFormat
}

// rebuild takes over what hangs on the machine type: another one has other buses.
func (d instances) rebuild(form, fresh *libvirtxml.Domain) {
	form.OS.Type, form.Devices.Controllers = fresh.OS.Type, fresh.Devices.Controllers
	for i := range form.Devices.Disks {
		form.Devices.Disks[i].Address = nil
	}
	for i := range form.Devices.Interfaces {
		form.Devices.Interfaces[i].Address = nil
	}
	form.Devices.Inputs, form.Devices.Videos, form.Devices.RNGs, form.Devices.MemBalloon = fresh.Devices.Inputs, fresh.Devices.Videos, fresh.Devices.RNGs, fresh.Devices.MemBalloon
	form.Devices.Channels, form.Devices.Serials, form.Devices.Consoles, form.Devices.Watchdogs = fresh.Devices.Channels, fresh.Devices.Serials, nil, fresh.Devices.Watchdogs
}

// reseed gives the domain the disc that tells who it is, or takes it away.
func (d instances) reseed(form *libvirtxml.Domain, want *resources.Instance, w schema.World, h *host) {
	x := domain.Seed(want, w, h.Host)
	form.Devices.Disks = slices.DeleteFunc(form.Devices.Disks, func(y libvirtxml.DomainDisk) bool { return diskPath(&y) == diskPath(&x) })
	if want.HasSeed() {
		form.Devices.Disks = append(form.Devices.Disks, x)
	}
}

// mib is a size of a domain's form in MiB.
func mib(value uint, unit string) int {
	switch unit {
	case "b", "bytes":
		return int(value >> 20)
	case "MiB", "M":
		return int(value)
	case "GiB", "G":
		return int(value << 10)
	}
	return int(value >> 10) // KiB, unless it says otherwise
}

func vcpusOf(d *libvirtxml.Domain) int {
	switch {
	case d.VCPU == nil:
		return 1
	case d.VCPU.Current > 0:
		return int(d.VCPU.Current)
	}
	return int(d.VCPU.Value)
}

func ramOf(d *libvirtxml.Domain) int {
	if d.Memory == nil {
		return 0
	}
	return mib(d.Memory.Value, d.Memory.Unit)
}

// sameSize reports whether two forms may come to the same.
func sameSize(a, b *libvirtxml.Domain) bool {
	most := func(d *libvirtxml.Domain) (int, int) {
		ram := ramOf(d)
		if d.MaximumMemory != nil {
			ram = mib(d.MaximumMemory.Value, d.MaximumMemory.Unit)
		}
		return int(d.VCPU.Value), ram
	}
	c1, r1 := most(a)
	c2, r2 := most(b)
	return c1 == c2 && r1 == r2
}

// room reports whether a guest that runs can come to the size that is wanted.
func room(d *libvirtxml.Domain, want *resources.Instance) bool {
	more := want.RAMMB - ramOf(d)
	if more < 0 || more > 0 && (d.MaximumMemory == nil || mib(d.MaximumMemory.Value, d.MaximumMemory.Unit) < want.RAMMB || more%resources.MemoryBlock != 0) {
		return false
	}
	return want.VCPUs >= vcpusOf(d) && want.VCPUs <= int(d.VCPU.Value)
}

// grow gives a guest that runs more processors and memory.
func (m *machine) grow(ctx context.Context, live *libvirtxml.Domain, want *resources.Instance) error {
	if vcpusOf(live) != want.VCPUs {
		err := m.do(ctx, func(c *golibvirt.Libvirt) error {
			return c.DomainSetVcpusFlags(m.dom, uint32(want.VCPUs), uint32(golibvirt.DomainVCPULive|golibvirt.DomainVCPUConfig))
		})
		if err != nil {
			return fmt.Errorf("host %s: give domain %s %d processors: %w", m.Name, m.dom.Name, want.VCPUs, err)
		}
	}
	more := want.RAMMB - ramOf(live)
	if more <= 0 {
		return nil
	}
	dimm, err := xml.Marshal(domain.Memory(more))
	if err != nil {
		return err
	}
	err = m.do(ctx, func(c *golibvirt.Libvirt) error {
		return c.DomainAttachDeviceFlags(m.dom, string(dimm), uint32(golibvirt.DomainAffectLive|golibvirt.DomainAffectConfig))
	})
	if err != nil {
		return fmt.Errorf("host %s: give domain %s %d MiB more: %w", m.Name, m.dom.Name, more, err)
	}
	return nil
}
