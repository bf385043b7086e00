package libvirt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
)

// gate is an SSH server that lets one key in, as root.
type gate struct {
	at      string
	keys    []ssh.Signer // its own
	forbids bool         // streams to sockets
}

func startGate(t *testing.T, g gate, lets ssh.PublicKey) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conf := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "root" || !bytes.Equal(key.Marshal(), lets.Marshal()) {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	for _, k := range g.keys {
		conf.AddHostKey(k)
	}
	g.at = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.serve(c, conf)
		}
	}()
	return &g
}

// serve forwards streams to sockets (direct-streamlocal@openssh.com, PROTOCOL of
// OpenSSH, section 2.4).
func (g *gate) serve(c net.Conn, conf *ssh.ServerConfig) {
	defer func() { _ = c.Close() }()
	_, channels, requests, err := ssh.NewServerConn(c, conf)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for ask := range channels {
		var to struct {
			Path, Reserved string
			Port           uint32
		}
		if g.forbids || ask.ChannelType() != "direct-streamlocal@openssh.com" || ssh.Unmarshal(ask.ExtraData(), &to) != nil {
			_ = ask.Reject(ssh.Prohibited, "open failed")
			continue
		}
		socket, err := net.Dial("unix", to.Path)
		if err != nil {
			_ = ask.Reject(ssh.ConnectionFailed, "open failed")
			continue
		}
		stream, asked, err := ask.Accept()
		if err != nil {
			return
		}
		go ssh.DiscardRequests(asked)
		go func() { _, _ = io.Copy(socket, stream); _ = socket.Close() }()
		go func() { _, _ = io.Copy(stream, socket); _ = stream.Close() }()
	}
}

// known writes a known_hosts file.
func (g *gate) known(t *testing.T, keys ...ssh.Signer) string {
	t.Helper()
	var lines string
	for _, k := range keys {
		lines += knownhosts.Line([]string{knownhosts.Normalize(g.at)}, k.PublicKey()) + "\n"
	}
	return write(t, "known_hosts", lines)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// signer is a new key, as a file and as who signs with it.
func signer(t *testing.T, kind, passphrase string) (string, ssh.Signer) {
	t.Helper()
	var key crypto.Signer
	var err error
	if kind == ssh.KeyAlgoED25519 {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "id", string(pem.EncodeToMemory(block))), s
}

func TestSSH(t *testing.T) {
	t.Parallel()
	own, ours := signer(t, ssh.KeyAlgoED25519, "")
	wrong, _ := signer(t, ssh.KeyAlgoED25519, "")
	locked, _ := signer(t, ssh.KeyAlgoED25519, "secret")
	_, host := signer(t, ssh.KeyAlgoED25519, "")
	_, second := signer(t, ssh.KeyAlgoECDSA256, "")
	_, other := signer(t, ssh.KeyAlgoED25519, "")
	socket := strings.TrimPrefix(fake(t, lets(9_000_000)).URI, "qemu+unix:///system")
	one := startGate(t, gate{keys: []ssh.Signer{host}}, ours.PublicKey())
	two := startGate(t, gate{keys: []ssh.Signer{second, host}}, ours.PublicKey())
	narrow := startGate(t, gate{keys: []ssh.Signer{host}, forbids: true}, ours.PublicKey())
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	garbage, key := write(t, "known_hosts", "[127.0.0.1]:22 ssh-ed25519 nothing\n"), write(t, "id", "nothing\n")
	nobody := providertest.FreePort(t)
	print := ssh.FingerprintSHA256(host.PublicKey())
	_, port, _ := net.SplitHostPort(one.at)
	empty, changed, kinds := one.known(t), one.known(t, second, other), one.known(t, second)
	for _, c := range []struct {
		reason, uri string
		m           cloud.Machine
		says        string
	}{
		{"the right keys", one.at + "/system" + socket, cloud.Machine{SSHKey: own, KnownHosts: one.known(t, host)}, ""},
		{"a server of two keys, of which one is known", two.at + "/system" + socket, cloud.Machine{SSHKey: own, KnownHosts: two.known(t, host)}, ""},
		{"a server of two keys, of which the other is known", two.at + "/system" + socket, cloud.Machine{SSHKey: own, KnownHosts: two.known(t, second)}, ""},
		{"its key is not known", one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: empty},
			fmt.Sprintf("its host key ssh-ed25519 %s is not in %s: compare it with that on the host (ssh-keygen -lf), then add it: ssh-keyscan -p %s 127.0.0.1 >> %s", print, empty, port, empty)},
		{"its key is another one", one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: changed},
			fmt.Sprintf("its host key ssh-ed25519 %s is not the one of %s, line 2: if its keys were made anew, replace that line, else somebody else answers for it", print, changed)},
		{"its key is of another kind", one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: kinds},
			fmt.Sprintf("it has no host key of a kind that %s has for it, but ssh-ed25519: if its keys were made anew, replace what the file has of it", kinds)},
		{"no known_hosts file", one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: "/nowhere/known_hosts"},
			"read known_hosts: open /nowhere/known_hosts: no such file or directory"},
		{"a known_hosts file of garbage", one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: garbage},
			"read known_hosts: knownhosts: " + garbage + ":1: illegal base64 data at input byte 4"},
		{"the wrong key", one.at + "/system", cloud.Machine{SSHKey: wrong, KnownHosts: one.known(t, host)},
			"it does not let root in with the key " + wrong + ": is its public half in authorized_keys of root there?"},
		{"another user", "me@" + one.at + "/system", cloud.Machine{SSHKey: own, KnownHosts: one.known(t, host)},
			"it does not let me in with the key " + own + ": is its public half in authorized_keys of me there?"},
		{"no key", one.at + "/system", cloud.Machine{KnownHosts: one.known(t, host)},
			"it lets nobody in without a key: say ssh_key in the cloud file, and have its public half in authorized_keys of root there"},
		{"no key file", one.at + "/system", cloud.Machine{SSHKey: "/nowhere/id", KnownHosts: one.known(t, host)},
			"read ssh_key: open /nowhere/id: no such file or directory"},
		{"a key file of garbage", one.at + "/system", cloud.Machine{SSHKey: key, KnownHosts: one.known(t, host)},
			"ssh_key " + key + " is no private key: ssh: no key found"},
		{"a key with a passphrase", one.at + "/system", cloud.Machine{SSHKey: locked, KnownHosts: one.known(t, host)},
			"ssh_key " + locked + " has a passphrase, which nobody is there to type: name a key without one"},
		{"no socket there", one.at + "/system?socket=/nowhere/sock", cloud.Machine{SSHKey: own, KnownHosts: one.known(t, host)},
			"root can't open /nowhere/sock there: open failed: is libvirtd running there? Where virtqemud is instead, add ?socket=/run/libvirt/virtqemud-sock to the uri"},
		{"a server that forwards to no socket", narrow.at + "/system" + socket, cloud.Machine{SSHKey: own, KnownHosts: narrow.known(t, host)},
			"its SSH server forwards to no socket: say AllowStreamLocalForwarding yes in its sshd_config: open failed"},
		{"a web server", strings.TrimPrefix(web.URL, "http://") + "/system", cloud.Machine{SSHKey: own, KnownHosts: empty},
			"it hung up when SSH began: is it an SSH server, and is it full (MaxStartups)?"},
		{"nobody listens", nobody + "/system", cloud.Machine{SSHKey: own, KnownHosts: empty},
			"nobody listens at " + nobody + ": does an SSH server run there?"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			reach(t, "qemu+ssh://"+c.uri, c.m, c.says)
		})
	}
}
