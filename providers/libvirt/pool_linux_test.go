package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources/cloud"
)

// A pool that is not as the cloud file has it makes its host one that is away.
func TestPoolsThatAreUnfit(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	if err := os.WriteFile(filepath.Join(pair[0].dir, "lib", "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pair[0].virsh("pool-define-as", "cairn-fast", "dir", "--target", "/var/lib/libvirt/elsewhere"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		pool   cloud.Pool
		says   string
	}{
		{"no such volume group", cloud.Pool{Name: "vg", Type: cloud.PoolLogical, Path: "/dev/nowhere"}, "has it lvm2, and a volume group nowhere (vgs)?"},
		{"a file in place of a folder", cloud.Pool{Name: "file", Type: cloud.PoolDir, Path: "/var/lib/libvirt/file"}, "host h1: pool file: cannot open directory '/var/lib/libvirt/file': Not a directory: can there be a folder /var/lib/libvirt/file on it?"},
		{"a folder that can't be made", cloud.Pool{Name: "proc", Type: cloud.PoolDir, Path: "/proc/nowhere"}, "host h1: pool proc: failed to create directory '/proc/nowhere': No such file or directory: can there be a folder /proc/nowhere on it?"},
		{"a pool of the name that is elsewhere", cloud.Pool{Name: "fast", Type: cloud.PoolDir, Path: fastPath}, "host h1: pool fast: the host has it as dir /var/lib/libvirt/elsewhere, and the cloud file says dir /var/lib/libvirt/fast: mend that, or have the host forget it (virsh pool-destroy cairn-fast, then pool-undefine; its files stay)"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			facts := facts(pair[0].socket(), pair[1].socket())
			facts.Hosts[0].Pools = []cloud.Pool{c.pool}
			d := Open(facts, t.TempDir())
			t.Cleanup(func() { _ = d.Close() })
			for range 2 { // it stays so
				if err := d.Learn(t.Context(), facts); err != nil {
					t.Fatal(err)
				}
				if away := facts.Hosts[0].Away; !strings.HasSuffix(away, c.says) || strings.Contains(away, "\n") {
					t.Errorf("got:  %s\nwant: %s", away, c.says)
				}
				if out, err := pair[0].virsh("pool-list", "--all", "--name"); err != nil || strings.Join(strings.Fields(out), " ") != "cairn-fast" {
					t.Errorf("the host has the pools %s, %v", out, err)
				}
			}
		})
	}
}
