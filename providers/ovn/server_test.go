package ovn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := providertest.NewAuthority(t, "ours"), providertest.NewAuthority(t, "theirs")
	serve := func(cert, key, ca string) string {
		where := providertest.FreePort(t)
		host, number, _ := net.SplitHostPort(where)
		startDatabase(t, "--remote=pssl:"+number+":"+host, "--certificate="+cert, "--private-key="+key, "--ca-cert="+ca)
		return "ssl:" + where
	}
	later, gone := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	cert, key := ours.Issue("server", later)
	good := serve(cert, key, ours.File)
	cert, key = ours.Issue("old", gone)
	expired := serve(cert, key, ours.File)
	own, ownKey := ours.Issue("client", later)
	old, oldKey := ours.Issue("client-old", gone)
	stranger, strangerKey := theirs.Issue("stranger", later)
	for _, c := range []struct {
		reason string
		conf   cloud.OVN
		says   string // "" when it works
	}{
		{"both sides are right", cloud.OVN{Northbound: []string{good}, CA: ours.File, Cert: own, Key: ownKey}, ""},
		{"the second of two servers is well", cloud.OVN{Northbound: []string{"ssl:" + providertest.FreePort(t), good}, CA: ours.File, Cert: own, Key: ownKey}, ""},
		{"the server is of another CA", cloud.OVN{Northbound: []string{good}, CA: theirs.File, Cert: stranger, Key: strangerKey}, "is not signed by the CA of " + theirs.File},
		{"the server's certificate has expired", cloud.OVN{Northbound: []string{expired}, CA: ours.File, Cert: own, Key: ownKey}, "its certificate has expired"},
		{"our certificate has expired", cloud.OVN{Northbound: []string{good}, CA: ours.File, Cert: old, Key: oldKey}, "our certificate " + old + " has expired"},
		{"the server does not trust us", cloud.OVN{Northbound: []string{good}, CA: ours.File, Cert: stranger, Key: strangerKey}, "connect " + good},
		{"no CA file", cloud.OVN{Northbound: []string{good}, CA: "/nowhere/ca.pem"}, "read the CA"},
		{"no TLS there", cloud.OVN{Northbound: []string{"tcp:" + strings.TrimPrefix(good, "ssl:")}}, "wants ssl: in place of tcp:"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			d := Open(providertest.Cloud(), c.conf)
			defer func() { _ = d.Close() }()
			_, err := d.look(t.Context())
			switch {
			case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

func TestUnsuitableServers(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	for _, c := range []struct{ reason, endpoint, database, says string }{
		{"nobody listens", "tcp:" + providertest.FreePort(t), northbound, "connection refused"},
		{"no such socket", "unix:/nowhere/nb.sock", northbound, "no such socket"},
		{"a web server", "tcp:" + strings.TrimPrefix(web.URL, "http://"), northbound, "no OVSDB server"},
		{"a server that says nothing", "tcp:" + mute.Addr().String(), northbound, "no answer within"},
		{"the port of another database", d.remote, southbound, "it serves no OVN_Southbound"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := &server{database: c.database, endpoints: []string{c.endpoint}}
			began := time.Now()
			_, err := s.transact(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.endpoint) {
				t.Errorf("%v does not say %q of %s", err, c.says, c.endpoint)
			}
			if took := time.Since(began); took > 3*connectTime {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A server that only lets us read says so, and nothing is half done.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	first := startDatabase(t)
	d := startDatabase(t, "--sync-from="+first.remote) // a standby
	app := providertest.NewApp()
	drv := d.driver()
	w := newWorld(app)
	if _, err := drv.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := drv.Batch(t.Context(), w, []providers.Change{{Want: app.Inside}})[0]
	if r.Err == nil || !strings.Contains(r.Err.Error(), "read only") {
		t.Errorf("got %v", r.Err)
	}
}

// A frozen server costs one error in bounded time, not a hang.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	drv := d.driver()
	if _, err := drv.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(filepath.Join(d.dir, "nb.pid"))
	if err != nil {
		t.Fatal(err)
	}
	d.run("kill", "-STOP", strings.TrimSpace(string(pid)))
	t.Cleanup(func() { d.run("kill", "-CONT", strings.TrimSpace(string(pid))) })
	app := providertest.NewApp()
	w := newWorld(app)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r := drv.Batch(ctx, w, []providers.Change{{Want: app.Inside}})[0]
	if !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("got %v", r.Err)
	}
	if _, err := d.driver().look(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("a new connection: %v", err)
	}
}

// northd that does not run is told after a while, and the object stands.
func TestNobodyTranslates(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	d.nbctl("init")
	app := providertest.NewApp()
	w := newWorld(app)
	drv := Open(providertest.Cloud(), cloud.OVN{Northbound: []string{d.remote}, Wait: cloud.WaitSB, Patience: 300 * time.Millisecond})
	t.Cleanup(func() { _ = drv.Close() })
	r := drv.Batch(t.Context(), w, []providers.Change{{Want: app.Inside}})[0]
	if !errors.Is(r.Err, providers.ErrUnrealised) || !strings.Contains(r.Err.Error(), "is ovn-northd running?") || r.Object == nil {
		t.Errorf("got %v", r.Err)
	}
	if _, err := drv.System().Handles["network"].Read(t.Context(), w, app.Inside); err != nil {
		t.Errorf("the rows are not there: %v", err)
	}
}
