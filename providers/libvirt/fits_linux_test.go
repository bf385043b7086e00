package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/world"
)

func TestFits(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	file, _ := farm(t)
	const strange = "6e4c5b0a-6a5e-4d8f-8f6a-111111111111"
	form := filepath.Join(t.TempDir(), "strange.xml")
	if err := os.WriteFile(form, []byte("<domain type='qemu'><name>taken</name><uuid>"+strange+"</uuid><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pair[0].virsh("define", form); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		host   func(m *cloud.Machine)
		with   func(i *resources.Instance)
		says   string
	}{
		{"what the hosts can do", nil, nil, ""},
		{"a machine type that the host can't run, of the instance", nil, func(i *resources.Instance) { i.MachineType = "pc-2031" },
			"machine_type: Host h1 can't run machines of type pc-2031: Write another machine_type, such as q35 or pc; `virsh capabilities` lists those of the host. (CRN-VER)"},
		{"a machine type that the host can't run, of its block", func(m *cloud.Machine) { m.Type = "pc-2031" }, nil,
			"host: Host h1 can't run machines of type pc-2031: Write another machine_type in the host's block of the cloud file, such as q35 or pc; `virsh capabilities` lists those of the host. (CRN-VER)"},
		{"a machine of another architecture", nil, func(i *resources.Instance) { i.MachineType = "virt" },
			"machine_type: Host h1 can't run machines of type virt: Write another machine_type, such as q35 or pc; `virsh capabilities` lists those of the host. (CRN-VER)"},
		{"a CPU model that nobody knows", func(m *cloud.Machine) { m.CPU = "qemu65" }, nil,
			"host: Host h1 can't give its guests the CPU model qemu65: Write another cpu_model in its block of the cloud file; `virsh domcapabilities` lists those that it can give. Did you mean \"qemu64\"? (CRN-VER)"},
		{"a CPU that only the hardware gives", func(m *cloud.Machine) { m.CPU = "host-passthrough" }, nil,
			"host: Host h1 can't give its guests the CPU model host-passthrough: Write another cpu_model in its block of the cloud file; `virsh domcapabilities` lists those that it can give. (CRN-VER)"},
		{"a CPU model that it can give", func(m *cloud.Machine) { m.CPU = "qemu64" }, nil, ""},
		{"no bridge", func(m *cloud.Machine) { m.Bridge = "" }, nil,
			"networks: Host h1 has no bridge for network cards: Say bridge in its block of the cloud file, such as br-int. (CRN-VER)"},
		{"no bridge, and a card on one of the host's own", func(m *cloud.Machine) { m.Bridge = "" },
			func(i *resources.Instance) {
				i.Networks = []resources.InstanceNetwork{{Bridge: "br0", MAC: i.Networks[0].MAC}}
			}, ""},
		{"a name that another domain has", nil, func(i *resources.Instance) { i.InstanceName = "taken" },
			"instance_name: Host h1 has another domain taken: Its UUID is " + strange + ", and it is not this instance. Rename it there (virsh domrename), or put the instance on another host. (CRN-NAME)"},
		{"a name that another domain has elsewhere", nil, func(i *resources.Instance) { i.InstanceName, i.Host = "taken", "h2" }, ""},
		{"two cards with one MAC", nil, func(i *resources.Instance) { i.Networks = append(i.Networks, i.Networks[0]) },
			"networks[1]: The instance has two network cards with the MAC fa:16:3e:00:00:10: On a host a card is known by its MAC. Give one of its ports another mac_address, or leave that to cairn. (CRN-VER)"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			cloud := facts(pair[0].socket(), pair[1].socket())
			if c.host != nil {
				c.host(&cloud.Hosts[0].Machine)
			}
			d := Open(cloud, t.TempDir())
			t.Cleanup(func() { _ = d.Close() })
			if err := d.Learn(t.Context(), cloud); err != nil {
				t.Fatal(err)
			}
			i := *file.One
			if c.with != nil {
				c.with(&i)
			}
			fits, err := d.Fits(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = fits(world.New(resources.All(), cloud), &i)
			if c.says == "" && err != nil || c.says != "" && (err == nil || err.Error() != c.says) {
				t.Errorf("got:  %v\nwant: %s", err, c.says)
			}
		})
	}
}

func TestABridgeThatIsNotThere(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	f, _ := farm(t)
	c := facts(pair[0].socket(), pair[1].socket())
	c.Hosts[0].Machine.Bridge = "br-none"
	d := Open(c, t.TempDir())
	t.Cleanup(func() { _ = d.Close() })
	w := world.New(resources.All(), c, f.Small, f.Image)
	i := *f.One
	image, err := images{d}.Create(t.Context(), w, *f.Image)
	if err != nil {
		t.Fatal(err)
	}
	w.Put(&image)
	_, err = instances{d}.Create(t.Context(), w, i)
	const says = "Cannot get interface MTU on 'br-none': No such device: is that bridge there? Make it, or say another bridge in the host's block of the cloud file"
	if err == nil || !strings.HasSuffix(err.Error(), says) {
		t.Errorf("%v does not say %q", err, says)
	}
}
