package ovn

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	d.stop = func() { _ = exec.Command("kill", "-9", strings.TrimSpace(string(text))).Run(); d.stop = func() {} }
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
	})
}
