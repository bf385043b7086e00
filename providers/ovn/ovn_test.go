package ovn

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// database is a real ovsdb-server with OVN's northbound schema.
type database struct {
	testing.TB
	dir    string
	remote string
	stop   func()
}

// startDatabase starts a server on an empty database, or skips where there is none to start.
func startDatabase(t testing.TB, more ...string) *database {
	t.Helper()
	return startDatabaseOf(t, "nbschema/ovn-nb.ovsschema", more...)
}

func startDatabaseOf(t testing.TB, schema string, more ...string) *database {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on PATH: install openvswitch-switch to try the driver on a real server", tool)
		}
	}
	dir, err := os.MkdirTemp("", "nb") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &database{TB: t, dir: dir, remote: "unix:" + filepath.Join(dir, "nb.sock")}
	d.run("ovsdb-tool", "create", filepath.Join(dir, "nb.db"), schema)
	d.start(more...)
	t.Cleanup(func() { d.stop() })
	return d
}

func (d *database) start(more ...string) {
	d.Helper()
	pid := filepath.Join(d.dir, "nb.pid")
	d.run("ovsdb-server", append([]string{"--detach", "--no-chdir", "--pidfile=" + pid, "--unixctl=" + filepath.Join(d.dir, "nb.ctl"),
		"--log-file=" + filepath.Join(d.dir, "nb.log"), "-vconsole:off", "--remote=p" + d.remote, filepath.Join(d.dir, "nb.db")}, more...)...)
	text, err := os.ReadFile(pid)
	if err != nil {
		d.Fatal(err)
	}
	d.stop = func() {
		d.stop = func() {}
		_ = exec.Command("kill", "-9", strings.TrimSpace(string(text))).Run()
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
			// It holds its files until it is dead, waited for by its parent or not.
			stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				return
			}
		}
	}
}

func (d *database) run(name string, args ...string) string {
	d.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		d.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (d *database) driver() *Driver {
	c := providertest.Cloud()
	drv := Open(c, cloud.OVN{Region: "test", Northbound: []string{d.remote}, Wait: cloud.WaitNone})
	d.Cleanup(func() { _ = drv.Close() })
	return drv
}

func comes(w schema.World, object any) string {
	var b strings.Builder
	for _, r := range rows.Of(w, object) {
		text, err := json.Marshal(r)
		fmt.Fprintln(&b, string(text), err)
	}
	return b.String()
}

func TestConformance(t *testing.T) {
	t.Parallel()
	startDatabase(t)
	providertest.Run(t, providertest.Suite{
		Open:    func(t testing.TB) map[string]providers.Handle { return startDatabase(t).driver().System().Handles },
		Samples: providertest.NetworkSamples(),
		Comes:   comes,
		Refusals: refusals(t,
			"a VLAN beyond 4094", "a gateway on no network", "a gateway outside its subnet", "a group of hosts that a gateway is on is deleted",
			"a group that a port has is deleted", "a listener of requests", "a listener that counts connections", "a network with ports is deleted",
			"a pool outside its subnet", "a router that is a peer is deleted", "a router that is its own peer", "a router with interfaces is deleted",
			"an option of DHCP that nobody knows", "groups without port security", "ports of a protocol that has none", "ports that OVN does not see, in a group",
			"two ranges of ports of different length"),
	})
}

// refusals are those of a network that rows can tell: what the objects themselves
// can't be, and what OVN's references hold. The others are the plan's and its
// ledger's: OVN knows nothing of an address that two ports have.
func refusals(t *testing.T, reasons ...string) []providertest.Refusal {
	var all []providertest.Refusal
	for _, r := range providertest.NetworkRefusals() {
		if slices.Contains(reasons, r.Reason) {
			all = append(all, r)
		}
	}
	if len(all) != len(reasons) {
		t.Errorf("%d of %d refusals are in the suite", len(all), len(reasons))
	}
	return all
}
