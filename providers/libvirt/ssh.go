package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cairncloud/cairn/resources/cloud"
)

// dialSSH goes through the SSH server of a host to libvirtd's socket there.
func dialSSH(ctx context.Context, u *url.URL, path string, m cloud.Machine) (net.Conn, error) {
	at := address(u, portSSH)
	conf := &ssh.ClientConfig{User: u.User.Username()}
	if conf.User == "" {
		conf.User = "root"
	}
	strange, err := trust(conf, at, m.KnownHosts)
	if err != nil {
		return nil, err
	}
	if m.SSHKey != "" {
		key, err := sshKey(m.SSHKey)
		if err != nil {
			return nil, err
		}
		conf.Auth = append(conf.Auth, ssh.PublicKeys(key))
	}
	raw, err := dialPlain(ctx, "tcp", at, "does an SSH server run there?")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn, channels, requests, err := ssh.NewClientConn(raw, at, conf)
	if err != nil {
		if why := strange(); why != nil {
			err = why
		}
		_ = raw.Close()
		return nil, explainSSH(err, conf.User, m)
	}
	client := ssh.NewClient(conn, channels, requests)
	stream, err := client.Dial("unix", path)
	if err != nil {
		_ = client.Close()
		return nil, explainSocket(err, conf.User, path)
	}
	return tunnel{stream, client}, nil
}

// tunnel is a stream through SSH that takes its connection with it.
type tunnel struct {
	net.Conn
	client *ssh.Client
}

func (t tunnel) Close() error { return errors.Join(t.Conn.Close(), t.client.Close()) }

// trust has a connection trust the keys that a known_hosts file has for a server.
// strange is what was wrong with the key that it showed.
func trust(conf *ssh.ClientConfig, at, file string) (strange func() error, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	known, err := knownhosts.New(file)
	if err != nil {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	if !bytes.Contains(text, []byte("@cert-authority")) {
		conf.HostKeyAlgorithms = algorithms(known, at)
	}
	var why error
	conf.HostKeyCallback = func(name string, remote net.Addr, key ssh.PublicKey) error {
		err := known(name, remote, key)
		var bad *knownhosts.KeyError
		var revoked *knownhosts.RevokedError
		host, port, _ := net.SplitHostPort(at)
		print := key.Type() + " " + ssh.FingerprintSHA256(key)
		switch {
		case errors.As(err, &bad) && len(bad.Want) == 0:
			why = fmt.Errorf("its host key %s is not in %s: compare it with that on the host (ssh-keygen -lf), then add it: ssh-keyscan -p %s %s >> %s", print, file, port, host, file)
		case errors.As(err, &bad):
			want := bad.Want[0]
			for _, k := range bad.Want {
				if k.Key.Type() == key.Type() {
					want = k
				}
			}
			why = fmt.Errorf("its host key %s is not the one of %s, line %d: if its keys were made anew, replace that line, else somebody else answers for it", print, file, want.Line)
		case errors.As(err, &revoked):
			why = fmt.Errorf("its host key %s is revoked in %s, line %d", print, file, revoked.Revoked.Line)
		}
		return err
	}
	return func() error { return why }, nil
}

// algorithms are those of the host keys that are known of a server: one that has
// several keys shows one of these. None: nothing is known of it.
func algorithms(known ssh.HostKeyCallback, at string) (all []string) {
	var has *knownhosts.KeyError
	if !errors.As(known(at, &net.TCPAddr{}, nobody{}), &has) {
		return nil
	}
	for _, k := range has.Want {
		if t := k.Key.Type(); t != ssh.KeyAlgoRSA {
			all = append(all, t)
			continue
		}
		all = append(all, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
	}
	return all
}

// nobody is a key that nobody has.
type nobody struct{}

func (nobody) Type() string                        { return "nobody's" }
func (nobody) Marshal() []byte                     { return nil }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.ErrUnsupported }

func sshKey(file string) (ssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ssh_key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("ssh_key %s has a passphrase, which nobody is there to type: name a key without one", file)
	case err != nil:
		return nil, fmt.Errorf("ssh_key %s is no private key: %w", file, err)
	}
	return key, nil
}

// explainSSH says what to do about a server that lets nobody in.
func explainSSH(err error, user string, m cloud.Machine) error {
	var none *ssh.AlgorithmNegotiationError
	switch {
	case strings.Contains(err.Error(), "unable to authenticate") && m.SSHKey == "":
		return fmt.Errorf("it lets nobody in without a key: say ssh_key in the cloud file, and have its public half in authorized_keys of %s there", user)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("it does not let %s in with the key %s: is its public half in authorized_keys of %s there?", user, m.SSHKey, user)
	case errors.As(err, &none) && none.What == "host key":
		return fmt.Errorf("it has no host key of a kind that %s has for it, but %s: if its keys were made anew, replace what the file has of it", m.KnownHosts, strings.Join(none.RequestedAlgorithms, ", "))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return errors.New("it hung up when SSH began: is it an SSH server, and is it full (MaxStartups)?")
	}
	return err
}

// explainSocket says what to do about a socket that an SSH server does not reach.
func explainSocket(err error, user, path string) error {
	var no *ssh.OpenChannelError
	if !errors.As(err, &no) {
		return fmt.Errorf("%s there: %w", path, err)
	}
	if no.Reason == ssh.Prohibited {
		return fmt.Errorf("its SSH server forwards to no socket: say AllowStreamLocalForwarding yes in its sshd_config: %s", no.Message)
	}
	return fmt.Errorf("%s can't open %s there: %s: %s", user, path, no.Message, noSocket)
}
