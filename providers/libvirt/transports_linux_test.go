package libvirt

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
)

func TestTLSAndTCP(t *testing.T) {
	t.Parallel()
	ours, theirs := providertest.NewAuthority(t, "ours"), providertest.NewAuthority(t, "theirs")
	later, gone := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	listen := func(name string, until time.Time, more string, at ...string) (tls, tcp string) {
		cert, key := ours.Issue(name, until, at...)
		tls, tcp = providertest.FreePort(t), providertest.FreePort(t)
		port := func(at string) string { return at[strings.LastIndex(at, ":")+1:] }
		startListener(t, fmt.Sprintf("listen_addr = \"127.0.0.1\"\nlisten_tls = 1\ntls_port = %q\nlisten_tcp = 1\ntcp_port = %q\nkey_file = %q\ncert_file = %q\nca_file = %q\ntls_no_sanity_certificate = 1\n%s\n",
			port(tls), port(tcp), key, cert, ours.File, more))
		return tls, tcp
	}
	good, plain := listen("server", later, `auth_tcp = "none"`, "127.0.0.1")
	expired, _ := listen("expired", gone, "", "127.0.0.1")
	elsewhere, sasl := listen("elsewhere", later, "", "elsewhere", "10.0.0.9")
	nameless, _ := listen("nameless", later, "")
	own, ownKey := ours.Issue("client", later)
	old, oldKey := ours.Issue("old", gone)
	stranger, strangerKey := theirs.Issue("stranger", later)
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("-----BEGIN CERTIFICATE-----\nnothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, closed, _ := net.SplitHostPort(providertest.FreePort(t))
	right := cloud.Machine{CA: ours.File, Cert: own, Key: ownKey}
	for _, c := range []struct {
		reason, uri string
		m           cloud.Machine
		says        string
	}{
		{"both sides are right", "qemu+tls://" + good + "/system", right, ""},
		{"no TLS, and nobody asks who we are", "qemu+tcp://" + plain + "/system", cloud.Machine{}, ""},
		{"the server is of another authority", "qemu+tls://" + good + "/system", cloud.Machine{CA: theirs.File, Cert: own, Key: ownKey},
			"its certificate is not signed by the ca " + theirs.File},
		{"the server is not in its certificate", "qemu+tls://" + elsewhere + "/system", right,
			"its certificate is not for 127.0.0.1, but for elsewhere, 10.0.0.9: name it so in the uri, or issue its certificate anew"},
		{"the server's certificate names nobody", "qemu+tls://" + nameless + "/system", right,
			"its certificate is not for 127.0.0.1, but for nobody (it has no subject alternative name): name it so in the uri, or issue its certificate anew"},
		{"the server's certificate has expired", "qemu+tls://" + expired + "/system", right,
			fmt.Sprintf("its certificate is good from %s to %s: issue it anew, or set the clocks", time.Now().Add(-2*time.Hour).UTC().Format(time.DateOnly), gone.UTC().Format(time.DateOnly))},
		{"the server does not trust us", "qemu+tls://" + good + "/system", cloud.Machine{CA: ours.File, Cert: stranger, Key: strangerKey},
			"it does not trust our certificate " + stranger + ": the log of its libvirtd says why (another authority than its ca_file, a key usage without key encipherment, a tls_allowed_dn_list)"},
		{"we show no certificate", "qemu+tls://" + good + "/system", cloud.Machine{CA: ours.File},
			"it wants a certificate of ours: say cert and key in the tls block of the cloud file"},
		{"our certificate has expired", "qemu+tls://" + good + "/system", cloud.Machine{CA: ours.File, Cert: old, Key: oldKey},
			fmt.Sprintf("our certificate %s has expired on %s: issue it anew", old, gone.UTC().Format(time.DateOnly))},
		{"the key is another one's", "qemu+tls://" + good + "/system", cloud.Machine{CA: ours.File, Cert: own, Key: oldKey},
			"read our certificate " + own + " and its key " + oldKey + ": tls: private key does not match public key"},
		{"no CA file", "qemu+tls://" + good + "/system", cloud.Machine{CA: "/nowhere/ca.pem"},
			"read the ca: open /nowhere/ca.pem: no such file or directory"},
		{"a CA file of garbage", "qemu+tls://" + good + "/system", cloud.Machine{CA: garbage},
			"the ca " + garbage + " holds no certificate in PEM"},
		{"TLS at the port of TCP", "qemu+tls://" + plain + "/system", right,
			"it hung up when TLS began: is it the port of qemu+tcp, or does its log say why?"},
		{"TCP at the port of TLS", "qemu+tcp://" + good + "/system", cloud.Machine{},
			"it closed the connection before it answered: does its log say why? A port of TLS, a server of another kind and one that is full (max_clients) do so"},
		{"a user and a password are asked for", "qemu+tcp://" + sasl + "/system", cloud.Machine{},
			"authentication required: cairn has no user and password for it: say auth_tcp, auth_tls or auth_unix_rw = \"none\" in its libvirtd.conf, and let nobody but cairn reach it"},
		{"nobody listens for TLS", "qemu+tls://127.0.0.1:" + closed + "/system", right,
			"nobody listens at 127.0.0.1:" + closed + ": does libvirtd run there with --listen and listen_tls = 1?"},
		{"nobody listens for TCP", "qemu+tcp://127.0.0.1:" + closed + "/system", cloud.Machine{},
			"nobody listens at 127.0.0.1:" + closed + ": does libvirtd run there with --listen and listen_tcp = 1?"},
		{"no such socket", "qemu+unix:///system?socket=/nowhere/libvirt-sock", cloud.Machine{},
			"nobody listens at /nowhere/libvirt-sock: is libvirtd running there? Where virtqemud is instead, add ?socket=/run/libvirt/virtqemud-sock to the uri"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			reach(t, c.uri, c.m, c.says)
		})
	}
}

// What goes through SSH is as much as goes by the socket.
func TestLearnThroughSSH(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	key, ours := signer(t, ssh.KeyAlgoED25519, "")
	_, host := signer(t, ssh.KeyAlgoED25519, "")
	g := startGate(t, gate{keys: []ssh.Signer{host}}, ours.PublicKey())
	c := facts(pair[0].socket(), pair[1].socket())
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.URI = "qemu+ssh://" + g.at + strings.TrimPrefix(h.URI, "qemu+unix://")
		h.Machine.SSHKey, h.Machine.KnownHosts = key, g.known(t, host)
	}
	d := Open(c, t.TempDir())
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Learn(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Hosts {
		if h.Away != "" || h.VCPUs == 0 {
			t.Errorf("host %s is away (%s), or has no processors", h.Name, h.Away)
		}
	}
}
