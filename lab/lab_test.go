//go:build linux

package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpenRefusesFolders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, dir, want string }{
		{"a usual one", "/tmp/lab/run", ""},
		{"the longest socket would not fit", "/" + strings.Repeat("x", 90), "shorter one with -dir"},
		{"ovs-vsctl splits words at a space", "/tmp/my lab", "can't take"},
		{"a comma parts remotes", "/tmp/a,b", "can't take"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, err := Open(c.dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Open(%s) = %v, want %q", c.dir, err, c.want)
			}
		})
	}
}

func TestLongestFolderHoldsItsSockets(t *testing.T) {
	t.Parallel()
	dir := "/" + strings.Repeat("x", maxSocket-len(longestSocket)-1)
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range l.services(record{}) {
		// ovn-controller has its process id in the name, which is 0 here.
		control := strings.Replace(s.control(), ".0.ctl", ".4194304.ctl", 1)
		for _, path := range []string{control, filepath.Join(s.dir, "db.sock"), filepath.Join(s.dir, "br-physnet1.mgmt")} {
			if len(path) > maxSocket {
				t.Errorf("%s is %d bytes", path, len(path))
			}
		}
	}
}

func TestOpenTakesTheVariable(t *testing.T) {
	t.Setenv(EnvDir, "/tmp/elsewhere")
	l, err := Open("")
	if err != nil || l.Dir != "/tmp/elsewhere" || l.CloudFile() != "/tmp/cloud.hcl" {
		t.Errorf("Open = %+v, %v", l, err)
	}
	if l, err = Open("/tmp/named"); err != nil || l.Dir != "/tmp/named" {
		t.Errorf("-dir comes before the variable: %+v, %v", l, err)
	}
}

// A lab must not take a folder, or a cloud.hcl, that is somebody else's.
func TestMine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, file, text string
		ok                 bool
	}{
		{"no folder yet", "", "", true},
		{"a lab that is up", "run/lab.json", "{}", true},
		{"an up that ended early", "run/lock", "", true},
		{"photos", "run/photo", "", false},
		{"a cloud of the lab's", "cloud.hcl", mark, true},
		{"a cloud of the user's", "cloud.hcl", `cloud "home" {}`, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			l := &Lab{Dir: filepath.Join(t.TempDir(), "run")}
			if c.file != "" {
				path := filepath.Join(filepath.Dir(l.Dir), c.file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.folderIsMine(); (err == nil) != c.ok {
				t.Errorf("folderIsMine = %v", err)
			}
		})
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, port, want string }{
		{"a UUID shows where it begins", "6af711b1-3039-501d-b547-1b29f1c1ca4f", "6af711b13039"},
		{"a short name is its own", "web-1", "web-1"},
		{"twelve bytes still fit", "123456789012", "123456789012"},
	} {
		if got := short(c.port); got != c.want {
			t.Errorf("%s: short(%s) = %s, want %s", c.reason, c.port, got, c.want)
		}
	}
	for _, port := range []string{"a name with spaces", "1234567890123", "../../etc", ""} {
		if dev := (Endpoint{Port: port}).device(); len(dev) > 15 || !plain.MatchString(short(port)) {
			t.Errorf("port %q has device %q", port, dev)
		}
	}
}

func TestFirstMAC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, addresses, want string }{
		{"as lsp-get-addresses says it", "fa:16:3e:00:00:01 10.0.0.5 fd00::5\n []", "fa:16:3e:00:00:01"},
		{"chosen by OVN", "dynamic\n \"0a:00:00:00:00:02 10.0.0.6\"", "0a:00:00:00:00:02"},
		{"any", "unknown\n []", ""},
		{"an IPv6 address is no MAC", "fd00::5", ""},
	} {
		if got := firstMAC(c.addresses); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}

func TestLease(t *testing.T) {
	t.Parallel()
	const env = "PATH=/bin\nip=10.0.1.11\nmask=24\nmtu=1442\nrouter=10.0.1.1 10.0.1.3\ndns=10.0.1.1 10.0.1.2\ndomain=lab.test\nHOME=/\n_=/usr/bin/env\n"
	l := parseLease(env, "=", offered)
	if got, want := l.String(), "dns 10.0.1.1 10.0.1.2\ndomain lab.test\nip 10.0.1.11\nmask 24\nmtu 1442\nrouter 10.0.1.1 10.0.1.3\n"; got != want {
		t.Errorf("lease:\n%s", got)
	}
	if got, want := l.resolv(), "search lab.test\nnameserver 10.0.1.1\nnameserver 10.0.1.2\n"; got != want {
		t.Errorf("resolv.conf:\n%s", got)
	}
	want := []string{
		"addr flush dev eth0 scope global to 0.0.0.0/0",
		"addr replace 10.0.1.11/24 dev eth0",
		"link set eth0 mtu 1442",
		"route replace 0.0.0.0/0 via 10.0.1.1 dev eth0",
	}
	if got := l.plan(); !slices.Equal(got, want) {
		t.Errorf("plan: %q", got)
	}
	l["staticroutes"] = "169.254.169.254/32 0.0.0.0 10.9.0.0/16 10.0.1.2"
	want = append(want[:3:3], "route replace 169.254.169.254/32 dev eth0", "route replace 10.9.0.0/16 via 10.0.1.2 dev eth0")
	if got := l.plan(); !slices.Equal(got, want) {
		t.Errorf("with classless routes the router does not count: %q", got)
	}
}

func TestRowsWith(t *testing.T) {
	t.Parallel()
	const dump = "ACL table\n_uuid,external_ids\n1,{}\n\nLogical_Switch table\n_uuid,external_ids\n2,\"{cairn:cloud=\"\"c1\"\"}\"\n3,\"{cairn:cloud=\"\"c2\"\"}\"\n"
	want := []string{`Logical_Switch: 2,"{cairn:cloud=""c1""}"`}
	if got := rowsWith(dump, "c1"); !slices.Equal(got, want) {
		t.Errorf("rows: %q", got)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	if got := missing(needs, func(string) bool { return true }); got != nil {
		t.Errorf("nothing is missing: %v", got)
	}
	got := missing(needs, func(p string) bool { return !strings.HasPrefix(p, "ov") })
	if want := []string{"openvswitch-switch", "ovn-central", "ovn-host"}; !slices.Equal(got, want) {
		t.Errorf("missing %v, want %v, each once", got, want)
	}
}

// Names of devices fit into 15 bytes, and no two networks of the outside overlap.
func TestWiresAndLegs(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		for _, h := range hosts {
			if name := w.end(h.Name); len(name) > 15 {
				t.Errorf("device %s is %d bytes long", name, len(name))
			}
		}
	}
	seen := map[netip.Prefix]string{}
	names := map[string]bool{}
	for _, g := range legs() {
		if names[g.name] || len(g.name) > 15 {
			t.Errorf("leg %s is there twice, or too long", g.name)
		}
		names[g.name] = true
		for _, p := range []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(g.four), 24).Masked(), netip.PrefixFrom(netip.MustParseAddr(g.six), 64).Masked()} {
			if other := seen[p]; other != "" {
				t.Errorf("%s and %s are both in %s", g.name, other, p)
			}
			seen[p] = g.name
		}
	}
	for n := range Slots {
		s := SlotAt(n)
		if s.VLAN > 199 || seen[netip.MustParsePrefix(s.Net)] == "" || seen[netip.MustParsePrefix(s.Net6)] == "" {
			t.Errorf("slot %d (%+v) has no leg outside", n, s)
		}
	}
}

func TestChassisPlan(t *testing.T) {
	t.Parallel()
	l := &Lab{Dir: "/tmp/run"}
	one, three := strings.Join(l.chassisPlan(hosts[0]), " "), strings.Join(l.chassisPlan(hosts[2]), " ")
	for _, c := range []struct {
		plan, has string
		want      bool
	}{
		{one, `ovn-bridge-mappings="physnet1:br-ex,physnet2:br-ex2"`, true},
		{one, `availability-zones=a"`, true},
		{three, `ovn-bridge-mappings="physnet1:br-ex"`, true},
		{three, `availability-zones=b"`, true},
		{three, "br-ex2", false},
		{three, "ovn-encap-ip=10.98.0.3", true},
	} {
		if strings.Contains(c.plan, c.has) != c.want {
			t.Errorf("has %q: want %t, in %s", c.has, c.want, c.plan)
		}
	}
}

func TestCloud(t *testing.T) {
	t.Parallel()
	l := &Lab{Dir: "/tmp/run"}
	for as, uri := range map[Hypervisors]string{Modelled: `uri     = "embedded:"`, Machines: "qemu+unix:///system?socket=/tmp/run/hv3/run/libvirt-sock", MachinesTCP: `uri           = "qemu+tcp://10.99.0.3/system"`} {
		text, err := l.Cloud("run/cairn.db", as)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{mark, `state = "sqlite:run/cairn.db"`, `northbound = ["unix:/tmp/run/nb.sock"]`, `host "hv3"`, `zone    = "b"`, uri} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", as, want, text)
			}
		}
	}
}

// A pid file that outlived its process must not name another one.
func TestPIDOfAnother(t *testing.T) {
	t.Parallel()
	s := service{name: "nb", dir: t.TempDir(), base: "nb"}
	for _, text := range []string{"", "x", "1", "999999999"} {
		if err := os.WriteFile(s.pidFile(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if pid := s.pid(); pid != 0 {
			t.Errorf("pid file %q names process %d", text, pid)
		}
	}
}
