// Package domain is what an instance comes to in libvirt: the XML of its domain,
// from the declaration and what the World knows of its neighbours. It is pure; who
// sends it is package libvirt.
package domain

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// Namespace is that of the mark of cairn's domains.
const Namespace = "https://cairn.dev/xmlns/1"

// A Place is the host that a domain is for.
type Place struct {
	Host *cloud.Host
	Virt cloud.Virt // kvm or qemu
	// Specs are the extra specs of the flavor.
	Specs map[string]string
}

// A Mark says whose a domain is.
type Mark struct {
	Cloud, ID, Name string
}

type mark struct {
	XMLName xml.Name `xml:"https://cairn.dev/xmlns/1 instance"`
	Cloud   string   `xml:"cloud,attr"`
	ID      string   `xml:"id,attr"`
	Name    string   `xml:"name,attr"`
}

// MarkFor is the mark of an instance.
func MarkFor(i *resources.Instance, w schema.World) Mark {
	return Mark{Cloud: w.Cloud().ID, ID: i.ID, Name: i.Name}
}

// metadata is the mark as it stands in a domain.
func (m Mark) metadata() *libvirtxml.DomainMetadata {
	return &libvirtxml.DomainMetadata{XML: m.element("cairn:instance", fmt.Sprintf(" xmlns:cairn=%q", Namespace))}
}

// Element is the mark for libvirt to put into a domain: it gives it its namespace, and
// refuses one that has it.
func (m Mark) Element() string { return m.element("instance", "") }

func (m Mark) element(name, namespace string) string {
	var b strings.Builder
	b.WriteString("<" + name + namespace)
	for _, a := range []struct{ name, value string }{{"cloud", m.Cloud}, {"id", m.ID}, {"name", m.Name}} {
		fmt.Fprintf(&b, ` %s="`, a.name)
		_ = xml.EscapeText(&b, []byte(a.value)) // a Builder takes everything
		b.WriteString(`"`)
	}
	b.WriteString("/>")
	return b.String()
}

// MarkOf reads the mark of a domain; nil: it has none.
func MarkOf(d *libvirtxml.Domain) *Mark {
	if d.Metadata == nil {
		return nil
	}
	decoder := xml.NewDecoder(bytes.NewReader([]byte(d.Metadata.XML)))
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		var m mark
		if start.Name.Space == Namespace && decoder.DecodeElement(&m, &start) == nil {
			return &Mark{Cloud: m.Cloud, ID: m.ID, Name: m.Name}
		}
	}
}

// Of renders the domain of an instance whose disks are there.
func Of(i *resources.Instance, w schema.World, at Place) *libvirtxml.Domain {
	d := &libvirtxml.Domain{
		Type: string(at.Virt), Name: i.InstanceName, UUID: i.ID, Title: i.Name, Description: i.Description,
		Metadata:   MarkFor(i, w).metadata(),
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "restart",
		OS:       &libvirtxml.DomainOS{Type: &libvirtxml.DomainOSType{Arch: "x86_64", Machine: Machine(i, at.Host), Type: "hvm"}, SMBios: &libvirtxml.DomainSMBios{Mode: "sysinfo"}},
		SysInfo:  []libvirtxml.DomainSysInfo{sysinfo(i)},
		Clock:    &libvirtxml.DomainClock{Offset: "utc", Timer: []libvirtxml.DomainTimer{{Name: "pit", TickPolicy: "delay"}, {Name: "rtc", TickPolicy: "catchup"}, {Name: "hpet", Present: "no"}}},
		Features: &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}, VMCoreInfo: &libvirtxml.DomainFeatureState{}},
		CPU:      cpu(at),
		CPUTune:  cpuTune(at.Specs),
	}
	if at.Virt == cloud.VirtQEMU { // else each guest may take a GiB for translated code
		d.Features.TCG = &libvirtxml.DomainFeatureTCG{TBCache: &libvirtxml.DomainFeatureTCGTBCache{Unit: "MiB", Size: 64}}
	}
	size(d, i)
	d.Devices = &libvirtxml.DomainDeviceList{
		Controllers: controllers(d.OS.Type.Machine),
		Serials:     []libvirtxml.DomainSerial{serial(i, at.Host)},
		Channels: []libvirtxml.DomainChannel{{Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{Mode: "bind"}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: "org.qemu.guest_agent.0"}}}},
		Graphics:   []libvirtxml.DomainGraphic{{VNC: &libvirtxml.DomainGraphicVNC{AutoPort: "yes", Port: -1, Listen: at.Host.Machine.Listen}}},
		Videos:     []libvirtxml.DomainVideo{{Model: libvirtxml.DomainVideoModel{Type: "vga"}}},
		Inputs:     []libvirtxml.DomainInput{{Type: "tablet", Bus: "usb"}},
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "virtio", Stats: &libvirtxml.DomainMemBalloonStats{Period: 10}},
		RNGs:       []libvirtxml.DomainRNG{{Model: "virtio", Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}}}},
	}
	if model := at.Specs["hw:watchdog_action"]; model != "" && model != "disabled" {
		d.Devices.Watchdogs = []libvirtxml.DomainWatchdog{{Model: "i6300esb", Action: model}}
	}
	for _, x := range Disks(i, w) {
		d.Devices.Disks = append(d.Devices.Disks, x.Device(at))
	}
	if i.HasSeed() {
		d.Devices.Disks = append(d.Devices.Disks, Seed(i, w, at.Host))
	}
	for n := range i.Networks {
		d.Devices.Interfaces = append(d.Devices.Interfaces, NIC(&i.Networks[n], w, at))
	}
	return d
}

// Machine is the machine type of a new domain. libvirt turns it into a version,
// which then stays.
func Machine(i *resources.Instance, h *cloud.Host) string {
	switch {
	case i.MachineType != "":
		return i.MachineType
	case h.Machine.Type != "":
		return h.Machine.Type
	}
	return "q35"
}

func sysinfo(i *resources.Instance) libvirtxml.DomainSysInfo {
	entry := func(name, value string) libvirtxml.DomainSysInfoEntry {
		return libvirtxml.DomainSysInfoEntry{Name: name, Value: value}
	}
	return libvirtxml.DomainSysInfo{SMBIOS: &libvirtxml.DomainSysInfoSMBIOS{System: &libvirtxml.DomainSysInfoSystem{Entry: []libvirtxml.DomainSysInfoEntry{
		entry("manufacturer", "cairn"), entry("product", "cairn instance"), entry("uuid", i.ID), entry("serial", i.ID), entry("family", "Virtual Machine")}}}}
}

func cpu(at Place) *libvirtxml.DomainCPU {
	model := at.Host.Machine.CPU
	switch {
	case model == "host-passthrough":
		return &libvirtxml.DomainCPU{Mode: model, Check: "none", Migratable: "on"}
	case model == "host-model" || model == "" && at.Virt == cloud.VirtKVM:
		return &libvirtxml.DomainCPU{Mode: "host-model", Check: "partial"}
	case model == "":
		model = "qemu64" // what every QEMU has in software
	}
	return &libvirtxml.DomainCPU{Mode: "custom", Match: "exact", Check: "none", Model: &libvirtxml.DomainCPUModel{Fallback: "forbid", Value: model}}
}

// memorySlots is how many times memory can be plugged in.
const memorySlots = 16

// size says how many processors and how much memory the domain begins with, and
// how many it may come to while it runs.
func size(d *libvirtxml.Domain, i *resources.Instance) {
	d.Memory = &libvirtxml.DomainMemory{Value: uint(i.RAMMB), Unit: "MiB"}
	d.CurrentMemory = &libvirtxml.DomainCurrentMemory{Value: uint(i.RAMMB), Unit: "MiB"}
	most := i.MostVCPUs()
	d.VCPU = &libvirtxml.DomainVCPU{Placement: "static", Value: uint(most)}
	if most > i.VCPUs {
		d.VCPU.Current = uint(i.VCPUs)
	}
	if more := i.MostRAMMB(); more > i.RAMMB {
		d.MaximumMemory = &libvirtxml.DomainMaxMemory{Value: uint(more), Unit: "MiB", Slots: memorySlots}
		zero := uint(0)
		d.CPU.Numa = &libvirtxml.DomainNuma{Cell: []libvirtxml.DomainCell{{ID: &zero, CPUs: fmt.Sprintf("0-%d", most-1), Memory: uint(i.RAMMB), Unit: "MiB"}}}
	}
}

// Memory is memory to plug in, in whole resources.MemoryBlock.
func Memory(mb int) libvirtxml.DomainMemorydev {
	return libvirtxml.DomainMemorydev{Model: "dimm", Target: &libvirtxml.DomainMemorydevTarget{Size: &libvirtxml.DomainMemorydevTargetSize{Value: uint(mb), Unit: "MiB"},
		Node: &libvirtxml.DomainMemorydevTargetNode{Value: 0}}}
}

// controllers gives a q35 room for what is plugged in later: its own bus takes
// nothing while it runs.
func controllers(machine string) []libvirtxml.DomainController {
	all := []libvirtxml.DomainController{{Type: "scsi", Model: "virtio-scsi"}, {Type: "virtio-serial"}}
	if machine != "q35" && !strings.HasPrefix(machine, "pc-q35") {
		return all
	}
	all = append(all, libvirtxml.DomainController{Type: "pci", Model: "pcie-root"})
	for range spareRoots {
		all = append(all, libvirtxml.DomainController{Type: "pci", Model: "pcie-root-port"})
	}
	return all
}

// spareRoots is how many devices a q35 has room for.
const spareRoots = 20

// ConsoleLog is the file in the host's first pool that a guest's console is
// written to.
func ConsoleLog(id string) string { return "console-" + id + ".log" }

func serial(i *resources.Instance, h *cloud.Host) libvirtxml.DomainSerial {
	s := libvirtxml.DomainSerial{Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}}}
	if p := h.Pools[0]; p.Type == cloud.PoolDir {
		s.Log = &libvirtxml.DomainChardevLog{File: Path(p, ConsoleLog(i.ID)), Append: "on"}
	}
	return s
}

// Path is where a volume of a pool is on its host.
func Path(p cloud.Pool, name string) string { return strings.TrimSuffix(p.Path, "/") + "/" + name }

// NIC is the network card of an instance on a port.
func NIC(n *resources.InstanceNetwork, w schema.World, at Place) libvirtxml.DomainInterface {
	m := at.Host.Machine
	x := libvirtxml.DomainInterface{
		MAC:    &libvirtxml.DomainInterfaceMAC{Address: n.MAC.String()},
		Source: &libvirtxml.DomainInterfaceSource{Bridge: &libvirtxml.DomainInterfaceSourceBridge{Bridge: m.Bridge}},
		Target: &libvirtxml.DomainInterfaceTarget{Dev: Tap(n.PortID)},
		Model:  &libvirtxml.DomainInterfaceModel{Type: "virtio"},
		Driver: &libvirtxml.DomainInterfaceDriver{},
		Alias:  &libvirtxml.DomainAlias{Name: Alias(n.PortID)},
	}
	if n.Outside() {
		x.Source = &libvirtxml.DomainInterfaceSource{Bridge: &libvirtxml.DomainInterfaceSourceBridge{Bridge: n.Bridge}}
		if n.HostNetwork != "" {
			x.Source = &libvirtxml.DomainInterfaceSource{Network: &libvirtxml.DomainInterfaceSourceNetwork{Network: n.HostNetwork}}
		}
		x.Target, x.Alias, x.Driver = nil, nil, nil
		return x
	}
	if m.Datapath != cloud.DatapathLinux {
		x.VirtualPort = &libvirtxml.DomainInterfaceVirtualPort{Params: &libvirtxml.DomainInterfaceVirtualPortParams{
			OpenVSwitch: &libvirtxml.DomainInterfaceVirtualPortParamsOpenVSwitch{InterfaceID: n.PortID}}}
	}
	if m.Datapath == cloud.DatapathNetdev { // it passes on what the guest left to the card, unfinished
		const off = "off"
		x.Driver.Name = "qemu"
		x.Driver.Host = &libvirtxml.DomainInterfaceDriverHost{CSum: off, GSO: off, TSO4: off, TSO6: off, ECN: off, UFO: off}
		x.Driver.Guest = &libvirtxml.DomainInterfaceDriverGuest{CSum: off, TSO4: off, TSO6: off, ECN: off, UFO: off}
	}
	if at.Specs["hw:vif_multiqueue_enabled"] == "true" && m.Datapath != cloud.DatapathNetdev {
		x.Driver.Queues = uint(max(1, atoi(at.Specs["hw:vcpus"])))
	}
	if p := schema.Look(w, schema.Ref[resources.Port](n.PortID)); p != nil {
		if net := schema.Look(w, p.NetworkID); net != nil && net.MTU > 0 {
			x.MTU = &libvirtxml.DomainInterfaceMTU{Size: uint(net.MTU)}
		}
	}
	return x
}

// Tap is the name of a port's device on the host, at most 15 characters.
func Tap(port string) string { return "tap" + port[:min(11, len(port))] }

// Alias is what a device is found by.
func Alias(id string) string { return "ua-" + id }

// cpuTune is the share of processors by the flavor's quota.
func cpuTune(specs map[string]string) *libvirtxml.DomainCPUTune {
	t := &libvirtxml.DomainCPUTune{}
	any := false
	for _, key := range slices.Sorted(maps.Keys(specs)) {
		n := atoi(specs[key])
		switch {
		case n <= 0:
			continue
		case key == "quota:cpu_shares":
			t.Shares = &libvirtxml.DomainCPUTuneShares{Value: uint(n)}
		case key == "quota:cpu_period":
			t.Period = &libvirtxml.DomainCPUTunePeriod{Value: uint64(n)}
		case key == "quota:cpu_quota":
			t.Quota = &libvirtxml.DomainCPUTuneQuota{Value: int64(n)}
		default:
			continue
		}
		any = true
	}
	if !any {
		return nil
	}
	return t
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // no number counts as none
	return n
}
