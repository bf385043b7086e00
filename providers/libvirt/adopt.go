package libvirt

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"
	googleuuid "github.com/google/uuid"
	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/schema"
)

// Untold are the attributes that no domain tells.
func (instances) Untold() []string {
	return []string{"project_id", "tags", "flavor_id", "security_group_ids", "user_data", "metadata", "key_pair", "scheduler_hints", "migration", "stop_before_destroy", "shutdown_timeout", "config_format", "machine_type"}
}

// Import reads a domain, by its UUID or by host/name.
func (d instances) Import(ctx context.Context, id string) (resources.Instance, error) {
	var none resources.Instance
	m, err := d.named(ctx, id)
	if err != nil {
		return none, err
	}
	s, err := m.stray(ctx)
	if err != nil {
		return none, err
	}
	if s.Object == nil {
		return none, errors.New(strings.Join(s.Left, "; "))
	}
	return *s.Object.(*resources.Instance), nil
}

// named finds a domain by what a person calls it.
func (d *Driver) named(ctx context.Context, id string) (*machine, error) {
	name, on, _ := strings.Cut(id, "/")
	if on == "" {
		i := &resources.Instance{}
		i.ID = id
		if _, ok := uuid(id); !ok {
			return nil, errors.New("a domain is named by its UUID, or as HOST/NAME")
		}
		return d.find(ctx, i)
	}
	h, err := d.host(name)
	if err != nil {
		return nil, err
	}
	m := &machine{host: h}
	err = h.do(ctx, func(c *golibvirt.Libvirt) (err error) {
		if m.dom, err = c.DomainLookupByName(on); err == nil {
			err = m.ask(c)
		}
		return err
	})
	if is(err, golibvirt.ErrNoDomain) {
		return nil, fmt.Errorf("host %s has no domain %s", name, on)
	}
	return m, err
}

var instanceType = resources.All().ByGo(reflect.TypeFor[resources.Instance]()).Name

// Strays lists the domains of a host.
func (d *Driver) Strays(ctx context.Context, host string) (all []providers.Stray, err error) {
	h, err := d.host(host)
	if err != nil {
		return nil, err
	}
	var domains []golibvirt.Domain
	if err := h.do(ctx, func(c *golibvirt.Libvirt) error {
		domains, _, err = c.ConnectListAllDomains(1, 0)
		return err
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(domains, func(a, b golibvirt.Domain) int { return strings.Compare(a.Name, b.Name) })
	for _, dom := range domains {
		m := &machine{host: h, dom: dom}
		var s *providers.Stray
		err := m.refresh(ctx)
		if err == nil {
			s, err = m.stray(ctx)
		}
		if is(err, golibvirt.ErrNoDomain) { // it has gone meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		if i, ok := s.Object.(*resources.Instance); ok {
			i.AvailabilityZone = "" // its host says it
		}
		all = append(all, *s)
	}
	return all, nil
}

// stray reads a domain as an author would write it.
func (m *machine) stray(ctx context.Context) (*providers.Stray, error) {
	form, err := m.form(ctx, false)
	if err != nil {
		return nil, err
	}
	saved, err := m.saved(ctx)
	if err != nil {
		return nil, err
	}
	s := &providers.Stray{Type: instanceType, ID: text(m.dom.UUID), Name: m.dom.Name}
	if mark := domain.MarkOf(form); mark != nil {
		s.Left = []string{fmt.Sprintf("it was made by cairn, as %s of the cloud with id %s", mark.Name, mark.Cloud)}
		return s, nil
	}
	f := &resources.Flavor{VCPUs: vcpusOf(form), RAMMB: ramOf(form)}
	f.Name = fmt.Sprintf("%s-%dx%d", m.Name, f.VCPUs, f.RAMMB)
	f.ID = googleuuid.NewSHA1(googleuuid.NameSpaceOID, []byte(f.Name)).String()
	off := false
	i := &resources.Instance{FlavorID: schema.Ref[resources.Flavor](f.ID), Host: m.Name, AvailabilityZone: m.Zone, VCPUs: f.VCPUs, RAMMB: f.RAMMB, InstanceName: m.dom.Name,
		ConfigDrive: &off, PowerState: power(m.state, saved), Status: status(m.state, saved)}
	i.ID, i.Name, i.Description = s.ID, m.dom.Name, form.Description
	if form.Title != "" {
		i.Name = form.Title
	}
	if most := int(form.VCPU.Value); most > f.VCPUs {
		i.CPU = &resources.InstanceCPU{MaxVCPUs: most}
	}
	if x := form.MaximumMemory; x != nil && mib(x.Value, x.Unit) > f.RAMMB {
		i.Memory = &resources.InstanceMemory{MaxMB: mib(x.Value, x.Unit)}
	}
	if form.Devices == nil || !strayDisks(s, i, form) {
		s.Left = append(s.Left, "it boots from no file or block device of the host")
		return s, nil
	}
	for n := range form.Devices.Interfaces {
		m.strayCard(s, i, &form.Devices.Interfaces[n])
	}
	if n := len(form.Devices.Hostdevs); n > 0 {
		s.Left = append(s.Left, fmt.Sprintf("%d devices of the host that are passed through stay as they are", n))
	}
	s.Object, s.With = i, []any{f}
	return s, nil
}

// strayDisks reads the disks that are files or block devices, the one that boots
// first. It is false where that is none of them.
func strayDisks(s *providers.Stray, i *resources.Instance, form *libvirtxml.Domain) bool {
	boots, order := -1, uint(0)
	whole := true // what boots is a disk that can be told
	for n := range form.Devices.Disks {
		x := &form.Devices.Disks[n]
		if x.Device == "cdrom" || x.Device == "floppy" || x.Target == nil {
			continue
		}
		first := boots < 0 && order == 0 || x.Boot != nil && (order == 0 || x.Boot.Order < order)
		if first && x.Boot != nil {
			order = x.Boot.Order
		}
		format := diskimage.Raw
		if x.Driver != nil && x.Driver.Type != "" {
			format = diskimage.Format(x.Driver.Type)
		}
		at := diskPath(x)
		if at == "" || format != diskimage.Raw && format != diskimage.QCOW2 {
			s.Left = append(s.Left, fmt.Sprintf("disk %s, which is no raw or qcow2 file or device of the host, stays as it is", x.Target.Dev))
			whole = whole && !first
			continue
		}
		if first {
			boots, whole = len(i.BlockDevices), true
		}
		i.BlockDevices = append(i.BlockDevices, resources.BlockDevice{SourceType: resources.SourceFile, DestinationType: resources.ToLocal, Path: at, DiskFormat: format, Device: x.Target.Dev})
	}
	if boots < 0 || !whole {
		return false
	}
	root := i.BlockDevices[boots]
	root.BootIndex = new(int)
	i.BlockDevices = slices.Insert(slices.Delete(i.BlockDevices, boots, boots+1), 0, root)
	return true
}

// strayCard reads a network card that is plugged into something of the host's own.
func (m *machine) strayCard(s *providers.Stray, i *resources.Instance, x *libvirtxml.DomainInterface) {
	var n resources.InstanceNetwork
	var err error
	if x.MAC != nil {
		n.MAC, err = resources.ParseMAC(x.MAC.Address)
	}
	into := "something that cairn does not plug into"
	if x.Source != nil {
		switch {
		case x.VirtualPort != nil && x.VirtualPort.Params != nil && x.VirtualPort.Params.OpenVSwitch != nil && x.VirtualPort.Params.OpenVSwitch.InterfaceID != "" && x.Source.Bridge != nil && x.Source.Bridge.Bridge == m.Machine.Bridge:
			into = "port " + x.VirtualPort.Params.OpenVSwitch.InterfaceID + " of OVN"
		case x.Source.Bridge != nil:
			n.Bridge = x.Source.Bridge.Bridge
		case x.Source.Network != nil:
			n.HostNetwork = x.Source.Network.Network
		}
	}
	if !n.Outside() || err != nil || !n.MAC.IsValid() {
		s.Left = append(s.Left, fmt.Sprintf("the network card %s, plugged into %s, stays as it is", n.MAC, into))
		return
	}
	i.Networks = append(i.Networks, n)
}
