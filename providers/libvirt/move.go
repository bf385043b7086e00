package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// move takes a domain to the host that is wanted: with its guest running, if it
// runs and nobody asked otherwise.
func (d instances) move(ctx context.Context, w schema.World, m *machine, have, want *resources.Instance) (*machine, error) {
	to, err := d.host(want.Host)
	if err != nil {
		return m, err
	}
	if err := d.learn(ctx, to); err != nil {
		return m, err
	}
	live := m.running() && (want.Migration == nil || want.Migration.Mode != resources.ColdMigration)
	how := d.cold
	if live {
		how = d.live
	}
	old, moved := *have, *have
	old.Host, moved.Host = m.Name, to.Name
	got, err := how(ctx, w, m, to, &old)
	if err == nil {
		return got, nil
	}
	err = fmt.Errorf("move from host %s to %s: %w", m.Name, to.Name, err)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if _, there := to.machine(late, have.ID); errors.Is(there, errNoDomain) { // what was made for it there goes
		err = errors.Join(err, d.leave(late, w, to, &moved))
	}
	return m, err
}

// carried are the disks that an instance has on the host it leaves, as they are
// there and as they will be.
func (d *Driver) carried(w schema.World, i *resources.Instance, to *host) (all [][2]domain.Disk) {
	moved := *i
	moved.Host = to.Name
	after := disksOf(&moved, w)
	for n, x := range disksOf(i, w) {
		all = append(all, [2]domain.Disk{x, after[n]})
	}
	return all
}

// cold stops the guest, copies its disks, and defines the domain on the other host.
// Whoever asked starts it there.
func (d instances) cold(ctx context.Context, w schema.World, m *machine, to *host, i *resources.Instance) (*machine, error) {
	form, err := m.form(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := m.stop(ctx, i); err != nil {
		return nil, err
	}
	for _, x := range d.carried(w, i, to) {
		if err := d.copy(ctx, w, m.host, to, x[0], x[1]); err != nil {
			return nil, err
		}
	}
	if err := d.tellThere(ctx, w, m.host, to, i); err != nil {
		return nil, err
	}
	d.settle(form, m.host, to)
	there, err := to.define(ctx, form)
	if err != nil {
		return nil, err
	}
	if err := m.undefine(ctx); err != nil {
		return nil, err
	}
	return there, d.leave(ctx, w, m.host, i)
}

// tellThere writes on another host what tells the guest who it is, and what it has
// written on its console so far.
func (d *Driver) tellThere(ctx context.Context, w schema.World, from, to *host, i *resources.Instance) error {
	if err := d.tell(ctx, w, to, i); err != nil {
		return err
	}
	log, err := from.read(ctx, from.Pools[0], domain.ConsoleLog(i.ID), mostConsole)
	if is(err, golibvirt.ErrNoStorageVol) {
		return nil
	}
	if err != nil {
		return err
	}
	return to.put(ctx, to.Pools[0], domain.ConsoleLog(i.ID), log)
}

// settle makes the form of a domain one for another host.
func (d *Driver) settle(form *libvirtxml.Domain, from, to *host) {
	form.Type = string(to.way())
	if to.way() != cloud.VirtQEMU && form.Features != nil {
		form.Features.TCG = nil
	}
	for i := range form.Devices.Graphics {
		if v := form.Devices.Graphics[i].VNC; v != nil {
			v.Listen, v.Listeners = to.Machine.Listen, nil
		}
	}
	for i := range form.Devices.Interfaces {
		if b := form.Devices.Interfaces[i].Source; b != nil && b.Bridge != nil && b.Bridge.Bridge == from.Machine.Bridge {
			b.Bridge.Bridge = to.Machine.Bridge
		}
	}
}

// leave removes from a host what an instance has left there.
func (d *Driver) leave(ctx context.Context, w schema.World, from *host, i *resources.Instance) error {
	if err := from.drop(ctx, from.Pools[0], local(i)...); err != nil {
		return err
	}
	for _, x := range disksOf(i, w) {
		if x.Volume != nil {
			if err := from.drop(ctx, x.Pool, x.File); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare makes the disks of a guest on the host that it goes to, as large as they
// are and with the same image under them, for libvirt to fill.
func (d *Driver) prepare(ctx context.Context, w schema.World, from, to *host, x [2]domain.Disk) error {
	size, _, err := from.size(ctx, x[0].Pool, x[0].File)
	if err != nil {
		return err
	}
	if err := to.drop(ctx, x[1].Pool, x[1].File); err != nil { // of a move that was broken off
		return err
	}
	b := blank{name: x[1].File, format: domain.Format(x[1].Pool), size: size}
	backing, err := from.backing(ctx, x[0].Pool, x[0].File)
	if err != nil {
		return err
	}
	if backing != "" {
		if b.backing, err = d.base(ctx, w, from, to, x, backing); err != nil {
			return err
		}
	}
	return to.make(ctx, x[1].Pool, b)
}

// base makes sure that what a disk reads from is on the other host too, and answers
// with its path there.
func (d *Driver) base(ctx context.Context, w schema.World, from, to *host, x [2]domain.Disk, backing string) (string, error) {
	image := schema.Look(w, x[0].Image)
	if image == nil { // deleted since: it goes from host to host
		image = &resources.Image{}
		image.ID = string(x[0].Image)
	}
	if backing != domain.Path(x[0].Pool, domain.ImageFile(image.ID)) {
		return "", fmt.Errorf("disk %s reads from %s, which is no image of the cloud: it can't be moved", x[0].File, backing)
	}
	if _, err := os.Stat(d.file(image.ID)); errors.Is(err, os.ErrNotExist) {
		if err := d.fetchFrom(ctx, from, x[0].Pool, image.ID); err != nil {
			return "", err
		}
	}
	if _, err := d.send(ctx, image, to, x[1].Pool); err != nil {
		return "", err
	}
	return domain.Path(x[1].Pool, domain.ImageFile(image.ID)), nil
}

// backing is the path of what a volume reads from; "": nothing.
func (h *host) backing(ctx context.Context, p cloud.Pool, name string) (string, error) {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return "", err
	}
	var form libvirtxml.StorageVolume
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		text, err := c.StorageVolGetXMLDesc(v, 0)
		if err == nil {
			err = form.Unmarshal(text)
		}
		return err
	})
	if err != nil || form.BackingStore == nil {
		return "", err
	}
	return form.BackingStore.Path, nil
}

// copy brings the bytes of a disk that nobody uses to another host.
func (d *Driver) copy(ctx context.Context, w schema.World, from, to *host, old, fresh domain.Disk) error {
	if _, there, err := from.size(ctx, old.Pool, old.File); err != nil || !there {
		return err // it was taken along already
	}
	if err := d.prepare(ctx, w, from, to, [2]domain.Disk{old, fresh}); err != nil {
		return err
	}
	spool, err := os.CreateTemp(d.folder, ".copy.*")
	if err != nil {
		return err
	}
	defer func() { _, _ = spool.Close(), os.Remove(spool.Name()) }()
	if err := from.save(ctx, old.Pool, old.File, spool); err != nil {
		return err
	}
	size, err := spool.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	return to.fill(ctx, fresh.Pool, fresh.File, spool, size)
}

// save writes the bytes of a volume into a file.
func (h *host) save(ctx context.Context, p cloud.Pool, name string, to *os.File) error {
	pool, err := h.pool(ctx, p)
	if err != nil {
		return err
	}
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		v, err := c.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		if _, err := to.Seek(0, io.SeekStart); err != nil { // it may be tried again
			return err
		}
		if err := to.Truncate(0); err != nil {
			return err
		}
		return c.StorageVolDownload(v, to, 0, 0, 0)
	})
	if err != nil {
		return fmt.Errorf("host %s: read %s of pool %s: %w", h.Name, name, p.Name, err)
	}
	return nil
}

// fetchFrom takes an image from a host into the folder.
func (d *Driver) fetchFrom(ctx context.Context, h *host, p cloud.Pool, image string) error {
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.folder, ".image.*")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := h.save(ctx, p, domain.ImageFile(image), f); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), d.file(image))
}

// live moves a guest while it runs: its memory and its disks are copied, and it
// stands still for a moment in the end.
func (d instances) live(ctx context.Context, w schema.World, m *machine, to *host, i *resources.Instance) (*machine, error) {
	peer, err := to.peer()
	if err != nil {
		return nil, err
	}
	kept, err := m.form(ctx, false)
	if err != nil {
		return nil, err
	}
	runs, err := m.formAs(ctx, golibvirt.DomainXMLMigratable) // with the addresses of what was plugged in
	if err != nil {
		return nil, err
	}
	var disks []string
	for _, x := range d.carried(w, i, to) {
		if err := d.prepare(ctx, w, m.host, to, x); err != nil {
			return nil, err
		}
		disks = append(disks, x[0].Target)
	}
	if err := d.tellThere(ctx, w, m.host, to, i); err != nil {
		return nil, err
	}
	d.settle(kept, m.host, to)
	d.settle(runs, m.host, to)
	undo, err := d.follow(ctx, w, m.host, to, i)
	if err != nil {
		return nil, err
	}
	err = m.migrate(ctx, peer, runs, kept, disks, i.Migration)
	if err := errors.Join(err, undo()); err != nil {
		return nil, err
	}
	there, err := to.machine(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	return there, d.leave(ctx, w, m.host, i)
}

// follow tells the network that the ports of an instance are moving, until undo.
func (d *Driver) follow(ctx context.Context, w schema.World, from, to *host, i *resources.Instance) (undo func() error, err error) {
	var ports []string
	for _, n := range cardsOf(i, w) {
		ports = append(ports, n.PortID)
	}
	if d.Network == nil || len(ports) == 0 {
		return func() error { return nil }, nil
	}
	end, err := d.Network.Moving(ctx, ports, from.Chassis, to.Chassis)
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return end(ctx)
	}, nil
}

// peer is how other hosts reach this one's libvirt.
func (h *host) peer() (string, error) {
	uri := h.Machine.PeerURI
	if uri == "" {
		uri = h.URI
	}
	if u, err := url.Parse(uri); err != nil || u.Host == "" {
		return "", fmt.Errorf("other hosts can't reach host %s by %s: say migration_uri in the cloud file, such as qemu+tls://%s/system", h.Name, uri, h.Name)
	}
	return uri, nil
}

// migrate has the host of a guest send it to another one, and calls that off when
// the context ends.
func (m *machine) migrate(ctx context.Context, peer string, runs, kept *libvirtxml.Domain, disks []string, how *resources.Migration) error {
	running, err := runs.Marshal()
	if err != nil {
		return err
	}
	persistent, err := kept.Marshal()
	if err != nil {
		return err
	}
	str := func(name, value string) golibvirt.TypedParam {
		return golibvirt.TypedParam{Field: name, Value: *golibvirt.NewTypedParamValueString(value)}
	}
	params := []golibvirt.TypedParam{str("destination_xml", running), str("persistent_xml", persistent)}
	for _, t := range disks {
		params = append(params, str("migrate_disks", t))
	}
	flags := golibvirt.MigrateLive | golibvirt.MigratePeer2peer | golibvirt.MigratePersistDest | golibvirt.MigrateUndefineSource
	if len(disks) > 0 {
		flags |= golibvirt.MigrateNonSharedInc
	}
	if how != nil {
		if how.AutoConverge {
			flags |= golibvirt.MigrateAutoConverge
		}
		if how.BandwidthMbps > 0 { // MiB/s
			params = append(params, golibvirt.TypedParam{Field: "bandwidth", Value: *golibvirt.NewTypedParamValueUllong(uint64(max(1, how.BandwidthMbps/8)))})
		}
		if how.TimeoutSeconds > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(how.TimeoutSeconds)*time.Second, fmt.Errorf("it is not done after %d s, and was called off", how.TimeoutSeconds))
			defer cancel()
		}
	}
	aborted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(aborted)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTime)
		defer cancel()
		_ = m.call(ctx, func(c *golibvirt.Libvirt) error { return c.DomainAbortJob(m.dom) }) // else it ends by itself
	})
	shown, hide := context.WithCancel(ctx)
	go m.show(shown)
	defer hide()
	// The call itself goes on until the guest is here or there.
	err = m.call(context.WithoutCancel(ctx), func(c *golibvirt.Libvirt) error {
		if how != nil && how.MaxDowntimeMS > 0 {
			if err := c.DomainMigrateSetMaxDowntime(m.dom, uint64(how.MaxDowntimeMS), 0); err != nil {
				return err
			}
		}
		_, err := c.DomainMigratePerform3Params(m.dom, golibvirt.OptString{peer}, params, nil, flags)
		return err
	})
	if !stop() {
		<-aborted
		if err != nil {
			return context.Cause(ctx)
		}
	}
	return err
}

// show tells how far a move has come, until the context ends.
func (m *machine) show(ctx context.Context) {
	for pause(ctx, providers.Often) {
		var copied, left uint64
		err := m.call(ctx, func(c *golibvirt.Libvirt) (err error) {
			_, _, _, _, copied, left, _, _, _, _, _, _, err = c.DomainGetJobInfo(m.dom)
			return err
		})
		if all := copied + left; err == nil && all > 0 {
			providers.Tell(ctx, "moving, %d %% of %.1f GiB copied", 100*copied/all, float64(all)/gib)
		}
	}
}
