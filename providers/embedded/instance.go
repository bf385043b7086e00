package embedded

import (
	"context"
	"reflect"
	"strings"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// room is the table of what instances take of their hosts: what the flavor said
// when it was last applied.
const room = `CREATE TABLE IF NOT EXISTS room (instance TEXT PRIMARY KEY, host TEXT NOT NULL, vcpus INTEGER NOT NULL, ram INTEGER NOT NULL, disk INTEGER NOT NULL, root INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS room_on ON room (host);`

// localDisks are the files of an instance's disks on its host.
func localDisks(t *tx, w schema.World, _, want *resources.Instance) ([]disk, error) {
	var all []disk
	if want.ImageID != "" {
		f, err := flavorOf(w, want)
		if err != nil {
			return nil, err
		}
		all = append(all, disk{path: t.cloud.local(want.ID, resources.RootDevice), size: int64(f.DiskGB) * gib, fill: copyOf(t.cloud.path(imageFiles, string(want.ImageID)))})
	}
	for _, d := range want.BlockDevices {
		if d.DestinationType == resources.ToLocal {
			all = append(all, disk{path: t.cloud.local(want.ID, d.Device), size: int64(d.VolumeSize) * gib})
		}
	}
	return all, nil
}

// local is the file of a disk on an instance's host.
func (c *Cloud) local(instance, device string) string {
	return c.path(localFiles, instance+"."+device)
}

// flavorOf finds an instance's flavor, which lives in records alone.
func flavorOf(w schema.World, i *resources.Instance) (*resources.Flavor, error) {
	if w != nil {
		if f := schema.Look(w, i.FlavorID); f != nil {
			return f, nil
		}
	}
	return nil, refused("there is no flavor %s", i.FlavorID)
}

func checkInstance(t *tx, w schema.World, had, want *resources.Instance) error {
	f, err := flavorOf(w, want)
	if err != nil {
		return err
	}
	if had != nil && had.ImageID != want.ImageID {
		return refused("an instance stays on its image")
	}
	least, err := bootsFrom(t, want, f)
	if err != nil {
		return err
	}
	if err := takeRoom(t, want, f, least); err != nil {
		return err
	}
	if err := plugIn(t, want); err != nil {
		return err
	}
	if err := attachDisks(t, want); err != nil {
		return err
	}
	if had == nil {
		return nil
	}
	return changeDisks(t, had, want, f)
}

// changeDisks grows local disks, and deletes those that are taken away.
func changeDisks(t *tx, had, want *resources.Instance, f *resources.Flavor) error {
	for n, d := range had.BlockDevices {
		if n >= len(want.BlockDevices) && d.DestinationType == resources.ToLocal {
			if err := remove(t.cloud.local(want.ID, d.Device)); err != nil {
				return err
			}
		}
	}
	for _, d := range want.BlockDevices {
		if d.DestinationType == resources.ToLocal {
			if err := grow(t.cloud.local(want.ID, d.Device), int64(d.VolumeSize)*gib); err != nil {
				return err
			}
		}
	}
	if want.ImageID == "" {
		return nil
	}
	return grow(t.cloud.local(want.ID, resources.RootDevice), int64(f.DiskGB)*gib)
}

// bootsFrom refuses a flavor that the image has no room in, and answers with the
// GiB of the root disk.
func bootsFrom(t *tx, i *resources.Instance, f *resources.Flavor) (int, error) {
	if i.ImageID == "" {
		return 0, nil
	}
	image := schema.Look(t, i.ImageID)
	if image == nil { // it has gone since
		return f.DiskGB, nil
	}
	switch least := image.LeastDiskGB(); {
	case image.MinRAMMB > f.RAMMB:
		return 0, refused("the image needs %d MiB of memory, and the flavor has %d", image.MinRAMMB, f.RAMMB)
	case f.DiskGB == 0:
		return least, nil
	case f.DiskGB < least:
		return 0, refused("the image needs %d GiB, and the flavor has %d", least, f.DiskGB)
	}
	return f.DiskGB, nil
}

// takeRoom takes the instance's part of its host.
func takeRoom(t *tx, i *resources.Instance, f *resources.Flavor, root int) error {
	var h *cloud.Host
	for n := range t.Cloud().Hosts {
		if t.Cloud().Hosts[n].Name == i.Host {
			h = &t.Cloud().Hosts[n]
		}
	}
	if h == nil {
		return refused("there is no host %q", i.Host)
	}
	disk := root
	for _, d := range i.BlockDevices {
		if d.DestinationType == resources.ToLocal {
			disk += d.VolumeSize
		}
	}
	var was, vcpus, ram, used int
	err := t.query(func(scan func(...any) error) error { return scan(&was) }, `SELECT root FROM room WHERE instance = ?`, i.ID)
	if err == nil {
		err = t.query(func(scan func(...any) error) error { return scan(&vcpus, &ram, &used) },
			`SELECT coalesce(sum(vcpus), 0), coalesce(sum(ram), 0), coalesce(sum(disk), 0) FROM room WHERE host = ? AND instance <> ?`, h.Name, i.ID)
	}
	if err != nil {
		return err
	}
	c := t.Cloud()
	for _, x := range []struct {
		what            string
		used, needs, of int
	}{
		{"vcpus", vcpus, f.VCPUs, times(h.VCPUs, c.CPURatio)}, {"MiB of memory", ram, f.RAMMB, times(h.RAMMB, c.RAMRatio)}, {"GiB of disk", used, disk, times(h.DiskGB, c.DiskRatio)},
	} {
		if x.used+x.needs > x.of {
			return refused("host %s has no room: %d of %d %s are taken, and %d more are needed", h.Name, x.used, x.of, x.what, x.needs)
		}
	}
	if root == 0 { // the size of an image that has gone since
		root = was
	}
	if root < was {
		return refused("a root disk can only grow: it has %d GiB", was)
	}
	return t.exec(`INSERT OR REPLACE INTO room (instance, host, vcpus, ram, disk, root) VALUES (?, ?, ?, ?, ?, ?)`, i.ID, h.Name, f.VCPUs, f.RAMMB, disk, root)
}

// times is how much is promised of what is there. No ratio promises what there is.
func times(n int, ratio float64) int {
	if ratio == 0 {
		return n
	}
	return int(float64(n) * ratio)
}

// plugIn plugs the instance into its ports, and out of those that it no longer has.
func plugIn(t *tx, i *resources.Instance) error {
	by := "instance " + i.ID
	ports, err := t.usedBy("port", by)
	if err != nil {
		return err
	}
	if err := t.unuse("port", by); err != nil {
		return err
	}
	for _, n := range i.Networks {
		if err := plugPort(t, n.PortID, by); err != nil {
			return err
		}
		ports = append(ports, n.PortID)
	}
	for a := range schema.Where[resources.InterfaceAttachment](t, "instance_id", i.ID) {
		if err := t.use("port", string(a.PortID), by); err != nil {
			return err
		}
	}
	return t.renderPorts(ports)
}

// plugPort plugs something into a port that nobody else uses.
func plugPort(t *tx, port, by string) error {
	if t.cloud.models(reflect.TypeFor[resources.Port]()) && schema.Look(t, schema.Ref[resources.Port](port)) == nil {
		return refused("there is no port %q", port)
	}
	others, err := t.users("port", port)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return refused("%s is plugged into port %s", strings.Join(others, ", "), port)
	}
	return t.use("port", port, by)
}

// checkPlugged plugs the instance into one more port.
func checkPlugged(t *tx, _ schema.World, had, want *resources.InterfaceAttachment) error {
	if had != nil {
		return nil
	}
	if err := plugPort(t, string(want.PortID), "instance "+string(want.InstanceID)); err != nil {
		return err
	}
	return t.renderPorts([]string{string(want.PortID)})
}

func unplug(t *tx, a *resources.InterfaceAttachment) error {
	if err := t.exec(`DELETE FROM uses WHERE type = 'port' AND id = ? AND by = ?`, string(a.PortID), "instance "+string(a.InstanceID)); err != nil {
		return err
	}
	return t.renderPorts([]string{string(a.PortID)})
}

// usedBy lists the objects of a type that somebody uses.
func (t *tx) usedBy(typ, by string) ([]string, error) {
	var all []string
	err := t.query(func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		all = append(all, id)
		return err
	}, `SELECT id FROM uses WHERE type = ? AND by = ? ORDER BY id`, typ, by)
	return all, err
}

// renderPorts writes OVN's rows again, which say whether a port is up.
func (t *tx) renderPorts(ids []string) error {
	var all []any
	for _, id := range ids {
		if p := t.Find(reflect.TypeFor[resources.Port](), id); p != nil {
			all = append(all, p)
		}
	}
	return t.renderAll(all)
}

// attachDisks takes the instance's volumes, and lets go of those that it no longer has.
func attachDisks(t *tx, i *resources.Instance) error {
	by := "instance " + i.ID
	if err := t.unuse("volume", by); err != nil {
		return err
	}
	for a := range schema.Where[resources.VolumeAttachment](t, "instance_id", i.ID) {
		if err := t.use("volume", string(a.VolumeID), by); err != nil {
			return err
		}
	}
	for _, d := range i.BlockDevices {
		if d.DestinationType == resources.ToLocal {
			continue
		}
		if err := attachable(t, d.VolumeID, by); err != nil {
			return err
		}
		if err := t.use("volume", d.VolumeID, by); err != nil {
			return err
		}
	}
	return nil
}

// dropInstance unplugs and detaches everything, gives the room back and deletes
// the local disks.
func dropInstance(t *tx, i *resources.Instance) error {
	by := "instance " + i.ID
	ports, err := t.usedBy("port", by)
	if err != nil {
		return err
	}
	for _, do := range []func() error{
		func() error { return t.unuse("port", by) },
		func() error { return t.renderPorts(ports) },
		func() error { return t.unuse("volume", by) },
		func() error { return t.exec(`DELETE FROM room WHERE instance = ?`, i.ID) },
		func() error { return remove(t.cloud.local(i.ID, resources.RootDevice)) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	for _, d := range i.BlockDevices {
		if d.DestinationType == resources.ToLocal {
			if err := remove(t.cloud.local(i.ID, d.Device)); err != nil {
				return err
			}
		}
	}
	return nil
}

// attachmentsOf go with their instance, as Nova detaches what is deleted.
func attachmentsOf(t *tx, i *resources.Instance) []any {
	var all []any
	for a := range schema.Where[resources.VolumeAttachment](t, "instance_id", i.ID) {
		all = append(all, a)
	}
	for a := range schema.Where[resources.InterfaceAttachment](t, "instance_id", i.ID) {
		all = append(all, a)
	}
	return all
}

// instanceStatus tells what a guest does: what it was last told to.
func instanceStatus(context.Context, *database, string) (func(*resources.Instance), error) {
	return func(i *resources.Instance) { i.Status = strings.ToUpper(string(i.PowerState)) }, nil
}

// Power makes a guest do by itself what nobody asked cairn for: it stops, or
// somebody on the host pauses it.
func (c *Cloud) Power(ctx context.Context, instance string, to resources.PowerState) error {
	return c.write(ctx, func(t *tx) error {
		i := schema.Look(t, schema.Ref[resources.Instance](instance))
		if i == nil {
			return refused("there is no instance %s", instance)
		}
		moved := *i
		moved.PowerState = to
		return t.store(c.typeOf(reflect.TypeFor[resources.Instance]()), i.ID, &moved)
	})
}

// Move takes a guest to another host as somebody would do there, and asks nobody.
func (c *Cloud) Move(ctx context.Context, instance, host string) error {
	return c.write(ctx, func(t *tx) error {
		i := schema.Look(t, schema.Ref[resources.Instance](instance))
		if i == nil {
			return refused("there is no instance %s", instance)
		}
		moved := *i
		moved.Host = host
		if err := t.exec(`UPDATE room SET host = ? WHERE instance = ?`, host, instance); err != nil {
			return err
		}
		return t.store(c.typeOf(reflect.TypeFor[resources.Instance]()), i.ID, &moved)
	})
}
