package ovn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
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

// authority signs certificates into files.
type authority struct {
	testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{TB: t, dir: t.TempDir()}
	a.cert, a.key = a.sign(name, nil, time.Now().Add(time.Hour))
	a.file = filepath.Join(a.dir, name+".pem")
	a.write(a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(name string, by *authority, until time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(path, kind string, der []byte) {
	a.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.Fatal(err)
	}
}

// issue writes a certificate and its key.
func (a *authority) issue(name string, until time.Time) (cert, key string) {
	a.Helper()
	c, k := a.sign(name, a, until)
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".cert"), filepath.Join(a.dir, name+".key")
	a.write(cert, "CERTIFICATE", c.Raw)
	a.write(key, "EC PRIVATE KEY", der)
	return cert, key
}

// port is a free one of loopback.
func port(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	serve := func(cert, key, ca string) string {
		where := port(t)
		host, number, _ := net.SplitHostPort(where)
		startDatabase(t, "--remote=pssl:"+number+":"+host, "--certificate="+cert, "--private-key="+key, "--ca-cert="+ca)
		return "ssl:" + where
	}
	later, gone := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	cert, key := ours.issue("server", later)
	good := serve(cert, key, ours.file)
	cert, key = ours.issue("old", gone)
	expired := serve(cert, key, ours.file)
	own, ownKey := ours.issue("client", later)
	old, oldKey := ours.issue("client-old", gone)
	stranger, strangerKey := theirs.issue("stranger", later)
	for _, c := range []struct {
		reason string
		conf   cloud.OVN
		says   string // "" when it works
	}{
		{"both sides are right", cloud.OVN{Northbound: []string{good}, CA: ours.file, Cert: own, Key: ownKey}, ""},
		{"the second of two servers is well", cloud.OVN{Northbound: []string{"ssl:" + port(t), good}, CA: ours.file, Cert: own, Key: ownKey}, ""},
		{"the server is of another CA", cloud.OVN{Northbound: []string{good}, CA: theirs.file, Cert: stranger, Key: strangerKey}, "is not signed by the CA of " + theirs.file},
		{"the server's certificate has expired", cloud.OVN{Northbound: []string{expired}, CA: ours.file, Cert: own, Key: ownKey}, "its certificate has expired"},
		{"our certificate has expired", cloud.OVN{Northbound: []string{good}, CA: ours.file, Cert: old, Key: oldKey}, "our certificate " + old + " has expired"},
		{"the server does not trust us", cloud.OVN{Northbound: []string{good}, CA: ours.file, Cert: stranger, Key: strangerKey}, "connect " + good},
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
		{"nobody listens", "tcp:" + port(t), northbound, "connection refused"},
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
