package domain_test

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/providers/libvirt/seed"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

func sample(t *testing.T, change func(*resources.Instance, *cloud.Host)) (*resources.Instance, *world.World, domain.Place) {
	t.Helper()
	c := &cloud.Cloud{ID: "cloud-id", Hosts: []cloud.Host{{Name: "h1", URI: "qemu:///system", Pools: []cloud.Pool{{Name: "local", Type: cloud.PoolDir, Path: "/pool", Tier: "local"}}, Machine: cloud.Machine{Bridge: "br-int", Listen: "127.0.0.1"}}},
		Tiers: []cloud.Tier{{Name: "local", Local: true}}}
	mac, err := resources.ParseMAC("fa:16:3e:00:00:01")
	if err != nil {
		t.Fatal(err)
	}
	i := &resources.Instance{Host: "h1", VCPUs: 1, RAMMB: 256, DiskGB: 1, ImageID: schema.Ref[resources.Image]("image-id"), InstanceName: "instance-1", UserData: "#!/bin/sh\n", KeyPair: "k",
		Networks: []resources.InstanceNetwork{{PortID: "0123456789abcdef", MAC: mac}}}
	i.ID, i.Name = "instance-id", `a "name" & more`
	k := &resources.Keypair{ID: "key-id", Name: "k", PublicKey: "ssh-ed25519 AAAA op@example\n"}
	image := &resources.Image{}
	image.ID = "image-id"
	change(i, &c.Hosts[0])
	return i, world.New(resources.All(), c, k, image), domain.Place{Host: &c.Hosts[0], Virt: cloud.VirtKVM}
}

func TestDomain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		change func(*resources.Instance, *cloud.Host)
		has    []string
		hasNot string
	}{
		{"a usual one", func(*resources.Instance, *cloud.Host) {}, []string{`interfaceid="0123456789abcdef"`, `dev="tap0123456789a"`, `/pool/disk-instance-id-vda`, `/pool/seed-instance-id.iso`, `machine="q35"`, `cloud="cloud-id"`}, "maxMemory"},
		{"room to grow wants NUMA", func(i *resources.Instance, _ *cloud.Host) {
			i.Memory, i.CPU = &resources.InstanceMemory{MaxMB: 1024}, &resources.InstanceCPU{MaxVCPUs: 4}
		}, []string{"<maxMemory", `cpus="0-3"`, `current="1"`}, ""},
		{"a datapath in userspace does not finish checksums", func(_ *resources.Instance, h *cloud.Host) { h.Machine.Datapath = cloud.DatapathNetdev }, []string{`csum="off"`}, ""},
		{"the kernel's bridge knows no ports", func(_ *resources.Instance, h *cloud.Host) { h.Machine.Datapath = cloud.DatapathLinux }, []string{"<interface"}, "virtualport"},
		{"no seed was asked for", func(i *resources.Instance, _ *cloud.Host) { i.ConfigDrive = new(bool) }, nil, "seed-"},
		{"another machine needs no spare ports", func(i *resources.Instance, _ *cloud.Host) { i.MachineType = "pc" }, []string{`machine="pc"`}, "pcie-root-port"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			i, w, at := sample(t, c.change)
			d := domain.Of(i, w, at)
			text, err := d.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.has {
				if !strings.Contains(text, want) {
					t.Errorf("no %s in\n%s", want, text)
				}
			}
			if c.hasNot != "" && strings.Contains(text, c.hasNot) {
				t.Errorf("there is %s in\n%s", c.hasNot, text)
			}
			if m := domain.MarkOf(d); m == nil || m.ID != i.ID || m.Name != i.Name || m.Cloud != "cloud-id" {
				t.Errorf("the mark reads as %+v", m)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format resources.ConfigFormat
		has    map[string]string
		label  string
	}{
		{resources.NoCloud, map[string]string{"meta-data": "instance-id: instance-id\nlocal-hostname: a--name----more\npublic-keys:\n  - \"ssh-ed25519 AAAA op@example\"\n", "user-data": "#!/bin/sh\n"}, "cidata"},
		{resources.ConfigDrive2, map[string]string{"openstack/latest/user_data": "#!/bin/sh\n"}, "config-2"},
	} {
		i, w, _ := sample(t, func(i *resources.Instance, _ *cloud.Host) { i.ConfigFormat = c.format })
		got := map[string]string{}
		for _, f := range seed.Files(i, w) {
			got[f.Name] = f.Text
		}
		for name, want := range c.has {
			if got[name] != want {
				t.Errorf("%s: %s is %q, not %q", c.format, name, got[name], want)
			}
		}
		disc, err := seed.Build(i, w)
		if err != nil {
			t.Fatal(err)
		}
		// ECMA-119 8.4.7: the volume's identifier is in the primary descriptor.
		if label := strings.TrimSpace(string(disc[16*2048+40 : 16*2048+72])); !strings.EqualFold(label, c.label) {
			t.Errorf("%s: the disc is called %q", c.format, label)
		}
	}
}
