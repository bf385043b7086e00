package ovn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
)

// cluster is three real servers of one database.
type cluster struct {
	*database
	members []*database
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovs-appctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on PATH: install openvswitch-switch to try the driver on a cluster", tool)
		}
	}
	c := &cluster{}
	first := ""
	for range 3 {
		dir, err := os.MkdirTemp("", "nb")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		d := &database{TB: t, dir: dir, remote: "unix:" + filepath.Join(dir, "nb.sock")}
		peer, db := "tcp:"+providertest.FreePort(t), filepath.Join(dir, "nb.db")
		if first == "" {
			first = peer
			d.run("ovsdb-tool", "create-cluster", db, "nbschema/ovn-nb.ovsschema", peer)
		} else {
			d.run("ovsdb-tool", "join-cluster", db, northbound, peer, first)
		}
		d.start()
		t.Cleanup(func() { d.stop() })
		d.awaitCluster("Status: cluster member")
		c.members = append(c.members, d)
	}
	c.database = c.members[0]
	return c
}

func (d *database) status() string {
	out, _ := exec.Command("ovs-appctl", "-t", filepath.Join(d.dir, "nb.ctl"), "cluster/status", northbound).CombinedOutput()
	return string(out)
}

func (d *database) awaitCluster(says string) {
	d.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(d.status(), says) {
			return
		}
	}
	d.Fatalf("the cluster does not say %q:\n%s", says, d.status())
}

// leader is the member that takes writes.
func (c *cluster) leader() *database {
	c.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if i := slices.IndexFunc(c.members, func(d *database) bool { return strings.Contains(d.status(), "Role: leader") }); i >= 0 {
			return c.members[i]
		}
	}
	c.Fatal("the cluster has no leader")
	return nil
}

// Writes go to the leader wherever it stands in the list; when it dies under us, to
// the next one, and nothing is made twice.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	conf := cloud.OVN{Wait: cloud.WaitNone}
	for _, d := range c.members {
		conf.Northbound = append(conf.Northbound, d.remote)
	}
	slices.Reverse(conf.Northbound) // the first to lead stands last
	drv := Open(providertest.Cloud(), conf)
	t.Cleanup(func() { _ = drv.Close() })
	app := providertest.NewApp()
	w := newWorld(app)
	killed := false
	drv.sent = func([]ovsdb.Operation) {
		if !killed {
			killed = true
			c.leader().stop()
		}
	}
	for i, o := range app.Objects() {
		if r := drv.Batch(t.Context(), w, []providers.Change{{Want: o}})[0]; r.Err != nil {
			t.Fatalf("object %d: %v\n%s", i, r.Err, fmt.Sprint(c.leader().status()))
		}
	}
	s, err := drv.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range app.Objects() {
		if differences, _ := s.compare(drv.tables, "", rows.Of(w, o), drv.id(o)); len(differences) > 0 {
			t.Errorf("%T: %v", o, differences)
		}
	}
}
