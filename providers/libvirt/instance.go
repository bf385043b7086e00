package libvirt

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/providers/libvirt/seed"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// instances is the driver of the type.
type instances struct{ *Driver }

// place is the host of an instance as its domain sees it.
func (d *Driver) place(h *host, w schema.World, i *resources.Instance) domain.Place {
	at := domain.Place{Host: h.Host, Virt: h.way()}
	if f := schema.Look(w, i.FlavorID); f != nil {
		at.Specs = f.ExtraSpecs
	}
	return at
}

// Create makes disks and seed, then the domain, and starts it.
func (d instances) Create(ctx context.Context, w schema.World, want resources.Instance) (resources.Instance, error) {
	m, err := d.create(ctx, w, &want)
	if m != nil {
		want.Status = status(m.state, want.PowerState == resources.Suspended)
	}
	if err != nil {
		return want, fmt.Errorf("create instance %s: %w", want.ID, err)
	}
	return want, nil
}

func (d instances) create(ctx context.Context, w schema.World, want *resources.Instance) (*machine, error) {
	h, err := d.host(want.Host)
	if err != nil {
		return nil, err
	}
	if err := d.learn(ctx, h); err != nil {
		return nil, err
	}
	for _, x := range domain.Disks(want, w) {
		if err := d.ready(ctx, w, h, x, nil); err != nil {
			return nil, err
		}
	}
	if err := h.put(ctx, h.Pools[0], domain.ConsoleLog(want.ID), nil); err != nil {
		return nil, err
	}
	if err := d.tell(ctx, w, h, want); err != nil {
		return nil, err
	}
	m, err := h.define(ctx, domain.Of(want, w, d.place(h, w, want)))
	if err != nil {
		return nil, err
	}
	return m, d.become(ctx, w, m, want)
}

// tell writes the disc that tells the guest who it is.
func (d *Driver) tell(ctx context.Context, w schema.World, h *host, i *resources.Instance) error {
	if !i.HasSeed() {
		return nil
	}
	iso, err := seed.Build(i, w)
	if err != nil {
		return err
	}
	return h.put(ctx, h.Pools[0], domain.SeedFile(i.ID), iso)
}

// Read tells what the domain is and does.
func (d instances) Read(ctx context.Context, w schema.World, have resources.Instance) (resources.Instance, error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return have, err
	}
	return d.told(l, w, have)
}

// ReadAll answers from one look at all hosts.
func (d instances) ReadAll(ctx context.Context, w schema.World) (func(resources.Instance) (resources.Instance, error), error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(have resources.Instance) (resources.Instance, error) { return d.told(l, w, have) }, nil
}

func (d instances) told(l *look, w schema.World, have resources.Instance) (resources.Instance, error) {
	s, err := l.find(&have)
	if errors.Is(err, providers.ErrNotFound) {
		return d.remains(l, have)
	}
	if err != nil {
		return have, err
	}
	saved := !s.running() && have.PowerState == resources.Suspended // what was saved is asked for when it changes
	have.Host = s.host
	have.PowerState, have.Status = power(s.state, saved), status(s.state, saved)
	have.VCPUs, have.RAMMB = s.vcpus, s.ramMB
	var lacks []providers.Difference
	disks := disksOf(&have, w)
	for n, x := range disks {
		if path, ok := s.disks[x.Target]; !ok || path != x.Path() {
			attribute := "block_devices"
			if n == 0 && have.ImageID != "" {
				attribute = "image_id"
			}
			lacks = append(lacks, providers.Difference{Attribute: attribute, Thing: "domain " + s.name, Says: fmt.Sprintf("disk %s is %q, not %q", x.Target, path, x.Path())})
		}
	}
	if s.running() {
		for _, n := range have.Networks {
			if !n.Outside() && !s.nics[domain.Tap(n.PortID)] {
				lacks = append(lacks, providers.Difference{Attribute: "networks", Thing: "domain " + s.name, Says: "no network card is plugged into port " + n.PortID})
			}
		}
	}
	others := l.elsewhere(&have, disks, s.host)
	if len(others) > 0 {
		d.behind.Store(have.ID, others)
	}
	for _, other := range others {
		lacks = append(lacks, providers.Difference{Attribute: "host", Thing: "host " + other, Says: "it still has something of the instance, from a move that was broken off"})
	}
	if len(lacks) > 0 {
		return have, &providers.DiffersError{Differences: lacks}
	}
	return have, nil
}

// elsewhere lists the hosts besides its own that have something of an instance.
func (l *look) elsewhere(i *resources.Instance, disks []domain.Disk, on string) (hosts []string) {
	add := func(host string) {
		if host != on && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	for _, s := range l.domains[i.ID] {
		add(s.host)
	}
	files := local(i)
	for _, x := range disks {
		if x.Volume != nil {
			files = append(files, x.File)
		}
	}
	for _, file := range files {
		for _, host := range l.volumes[file] {
			add(host)
		}
	}
	return hosts
}

// tidy removes what a move that was broken off has left on the hosts where the last
// look saw something of the instance.
func (d instances) tidy(ctx context.Context, w schema.World, m *machine, i *resources.Instance) error {
	seen, _ := d.behind.LoadAndDelete(i.ID)
	hosts, _ := seen.([]string)
	for _, name := range hosts {
		if name == m.Name {
			continue
		}
		h, err := d.host(name)
		if err != nil {
			return err
		}
		old, err := h.machine(ctx, i.ID)
		switch {
		case errors.Is(err, errNoDomain):
		case err != nil:
			return err
		case old.running():
			return fmt.Errorf("its guest runs on host %s and on host %s: stop the one that is wrong there", m.Name, name)
		default:
			if err := old.undefine(ctx); err != nil {
				return err
			}
		}
		was := *i
		was.Host = name
		if err := d.leave(ctx, w, h, &was); err != nil {
			return err
		}
	}
	return nil
}

// remains tells of an instance that has no domain, while its files are on a host: its
// creation was broken off, or somebody has removed the domain. An update makes one
// anew, on the disks that there are.
func (d instances) remains(l *look, have resources.Instance) (resources.Instance, error) {
	for _, file := range local(&have) {
		if host := l.holds(file); host != "" {
			have.Host, have.PowerState, have.Status = host, resources.Shutoff, "ERROR"
			return have, &providers.DiffersError{Differences: []providers.Difference{{Thing: "host " + host, Says: "it has files of the instance, and no domain"}}}
		}
	}
	return have, providers.ErrNotFound
}

// Delete ends the guest, and removes the domain and all that is its alone.
func (d instances) Delete(ctx context.Context, w schema.World, have resources.Instance) error {
	if err := d.delete(ctx, w, &have); err != nil {
		return fmt.Errorf("delete instance %s: %w", have.ID, err)
	}
	return nil
}

func (d instances) delete(ctx context.Context, w schema.World, have *resources.Instance) error {
	files := local(have)
	for {
		m, err := d.find(ctx, have)
		if errors.Is(err, errNoDomain) {
			break
		}
		if err != nil {
			return err
		}
		if have.StopBeforeDestroy {
			if err := m.stop(ctx, have); err != nil {
				return err
			}
		}
		form, err := m.form(ctx, false)
		if err != nil {
			return err
		}
		for n := range form.Devices.Disks { // an update that was broken off may have added some
			if file := path.Base(diskPath(&form.Devices.Disks[n])); strings.HasPrefix(file, domain.Local(have.ID, "")) {
				files = append(files, file)
			}
		}
		if err := m.undefine(ctx); err != nil {
			return err
		}
		have.Host = m.Name
	}
	h, err := d.host(have.Host)
	if err != nil {
		return nil // the host has left the cloud, and took all with it
	}
	if err := h.drop(ctx, h.Pools[0], files...); err != nil {
		return err
	}
	return d.sweep(ctx, w, h, have.ImageID)
}
