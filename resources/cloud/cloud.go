// Package cloud is the facts of a cloud that nobody plans: its regions, zones,
// hosts, physical networks and tiers. They come from cloud.hcl.
package cloud

import (
	"fmt"
	"time"
)

// A Cloud is where stacks are applied.
type Cloud struct {
	Name string
	ID   string // of its database
	// State is where its database is, as cloud.hcl says; "" for the default place.
	State string
	// Dir is the folder of cloud.hcl, or of the stack when there is none.
	Dir     string
	Regions []Region
	Hosts   []Host
	// Physnets by name.
	Physnets map[string]Physnet
	// OVN are the network databases, one a region; none: the embedded cloud's.
	OVN []OVN
	// Chassis are what OVN's southbound database knows of the hosts, by name; none:
	// nobody has asked.
	Chassis []Chassis
	Tiers   []Tier
	// Placement ratios: how much more is promised than there is.
	CPURatio, RAMRatio, DiskRatio float64
	Tunnel                        Tunnel
	BaseMAC                       string // the first octets of every MAC, fa:16:3e
	// TinyImage is the file of the built-in image; "": one that greets and halts.
	TinyImage string
	// Latency and Fail trouble the embedded cloud: how long each call takes, and which
	// calls fail, such as "create port" (each) or "create port#2" (the second).
	Latency time.Duration
	Fail    []string
}

// A Region is a set of zones under one network database.
type Region struct {
	Name  string
	Zones []string
}

// Embedded is the URI of hosts that are only modelled.
const Embedded = "embedded:"

// A Host runs instances.
type Host struct {
	Name    string
	URI     string // of its libvirt, or Embedded
	Zone    string
	Chassis string // its name in OVN
	// VCPUs, RAMMB and DiskGB are what it has. 0: its libvirt tells.
	VCPUs, RAMMB, DiskGB int
	Machine              Machine
	Pools                []Pool // local storage; the first one has root disks

	// Away says why the host can't be reached, "" when it can, or nobody has asked.
	Away string
	// Closed says why nothing more is put on the host; "" where it may be.
	Closed string
}

// Real reports whether the host is one, and not a model.
func (h *Host) Real() bool { return h.URI != Embedded }

// A Machine is how a real host is reached, and what its guests get of it.
type Machine struct {
	// PeerURI is how other hosts reach its libvirt while a guest moves to it; "": its
	// URI, where that is a network address.
	PeerURI string
	// CA, Cert and Key are the files of TLS, in PEM; SSHKey and KnownHosts those of SSH.
	CA, Cert, Key, SSHKey, KnownHosts string
	// Virt is how guests run; "" is VirtAuto.
	Virt Virt
	// Type is the machine type of new guests, such as pc or q35.
	Type string
	// CPU is the CPU model of guests: host-model, host-passthrough, or a name of one.
	CPU string
	// Bridge is what network cards are plugged into, and Datapath whose bridge it is.
	Bridge   string
	Datapath Datapath
	// Listen is the address where consoles are served.
	Listen string
}

// Virt is how guests run.
type Virt string

// The ways.
const (
	VirtAuto Virt = "auto" // kvm where the host offers it
	VirtKVM  Virt = "kvm"
	VirtQEMU Virt = "qemu" // in software
)

// Datapath is whose bridge guests are plugged into.
type Datapath string

// The datapaths.
const (
	DatapathSystem Datapath = "system" // Open vSwitch in the kernel
	DatapathNetdev Datapath = "netdev" // Open vSwitch in userspace, which wants checksums done
	DatapathLinux  Datapath = "linux"  // the kernel's own bridge: no OVN
)

// A Pool is local storage of a host.
type Pool struct {
	Name string
	Type PoolType
	Path string // a folder, or a volume group
	Tier string // of the volumes in it; "": none
}

// PoolType is what a pool is made of.
type PoolType string

// The types of pools, in libvirt's words.
const (
	PoolDir     PoolType = "dir"     // files in a folder
	PoolLogical PoolType = "logical" // LVM's volumes
)

// A Physnet is a physical network that hosts are plugged into.
type Physnet struct {
	MTU   int
	VLANs []VLANRange
	Zones []string
}

// A VLANRange holds both of its ends.
type VLANRange struct{ Lo, Hi int }

// An OVN is the network databases of one region.
type OVN struct {
	Region string
	// Northbound and Southbound are the servers of each database, such as
	// tcp:10.0.1.1:6641, ssl:10.0.1.1:6641 or unix:/run/ovn/ovnnb_db.sock. Several are
	// one cluster.
	Northbound, Southbound []string
	// CA, Cert and Key are the files that ssl needs, in PEM.
	CA, Cert, Key string
	// Wait says what a change waits for, and Patience how long; 0: a minute.
	Wait     Wait
	Patience time.Duration
}

// Wait is how far a change must have come to be done.
type Wait string

// The ways to wait for OVN.
const (
	WaitNone    Wait = "none" // the northbound database has it
	WaitSB      Wait = "sb"   // northd has translated it
	WaitChassis Wait = "hv"   // every chassis that is alive has it
)

// A Chassis is a host as OVN knows it.
type Chassis struct {
	Name, Host string
	Zones      []string // availability-zones of its ovn-cms-options
	Physnets   []string // of its ovn-bridge-mappings
	Gateway    bool     // enable-chassis-as-gw
}

// A Tier is a class of storage.
type Tier struct {
	Name  string
	Pool  string
	Zones []string
	// Local: its volumes are on the host of the instance that has them.
	Local bool
}

// Tunnel bounds overlay networks.
type Tunnel struct {
	VNILo, VNIHi int
	UnderlayMTU  int
}

// Zones lists the zones of all regions in their order.
func (c *Cloud) Zones() []string {
	var all []string
	for _, r := range c.Regions {
		all = append(all, r.Zones...)
	}
	return all
}

// Real reports whether the cloud's hosts are real ones.
func (c *Cloud) Real() bool { return len(c.Hosts) > 0 && c.Hosts[0].Real() }

// Host finds a host by its name, or nil.
func (c *Cloud) Host(name string) *Host {
	for i := range c.Hosts {
		if c.Hosts[i].Name == name {
			return &c.Hosts[i]
		}
	}
	return nil
}

// Check reports facts that contradict each other.
func (c *Cloud) Check() error {
	zones := map[string]bool{}
	for _, z := range c.Zones() {
		if zones[z] {
			return fmt.Errorf("zone %s is named twice", z)
		}
		zones[z] = true
	}
	hosts := map[string]bool{}
	for _, h := range c.Hosts {
		switch {
		case hosts[h.Name]:
			return fmt.Errorf("host %s is named twice", h.Name)
		case !zones[h.Zone]:
			return fmt.Errorf("host %s is in zone %q, which no region has", h.Name, h.Zone)
		case h.Real() != c.Hosts[0].Real():
			return fmt.Errorf("one of the hosts %s and %s is embedded, and the other is not: the hosts of a cloud are all real or all modelled", c.Hosts[0].Name, h.Name)
		}
		hosts[h.Name] = true
	}
	for name, p := range c.Physnets {
		for _, z := range p.Zones {
			if !zones[z] {
				return fmt.Errorf("physnet %s reaches zone %q, which no region has", name, z)
			}
		}
	}
	for _, t := range c.Tiers {
		if c.Real() && !t.Local {
			return fmt.Errorf("tier %s is in no pool of a host: real hosts reach no other storage so far", t.Name)
		}
		for _, z := range t.Zones {
			if !zones[z] {
				return fmt.Errorf("tier %s is in zone %q, which no region has", t.Name, z)
			}
		}
	}
	return nil
}
