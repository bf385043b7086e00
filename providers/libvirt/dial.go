package libvirt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cairncloud/cairn/resources/cloud"
)

// socketPath is where libvirtd listens on its own machine.
const socketPath = "/run/libvirt/libvirt-sock"

// The ports of libvirtd, and of SSH.
const (
	portTCP = "16509"
	portTLS = "16514"
	portSSH = "22"
)

// dial opens a byte stream to the libvirtd of a host, by the transport of its URI.
func dial(ctx context.Context, uri string, m cloud.Machine) (net.Conn, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	path := u.Query().Get("socket")
	if path == "" {
		path = socketPath
	}
	var d net.Dialer
	switch u.Scheme {
	case "qemu", "qemu+unix":
		return d.DialContext(ctx, "unix", path)
	case "qemu+tcp":
		return d.DialContext(ctx, "tcp", address(u, portTCP))
	case "qemu+tls":
		return dialTLS(ctx, u, m)
	case "qemu+ssh":
		return dialSSH(ctx, u, path, m)
	}
	return nil, fmt.Errorf("%s is no transport", u.Scheme)
}

func address(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialTLS trusts the authority that the cloud file names, and the host's name.
func dialTLS(ctx context.Context, u *url.URL, m cloud.Machine) (net.Conn, error) {
	pem, err := os.ReadFile(m.CA)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", m.CA)
	}
	if m.Cert != "" {
		own, err := tls.LoadX509KeyPair(m.Cert, m.Key)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{own}
	}
	conn, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", address(u, portTLS))
	if err != nil {
		return nil, err
	}
	// libvirtd says in one byte whether it trusts us, and else hangs up.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	verdict := make([]byte, 1)
	if _, err := conn.Read(verdict); err != nil || verdict[0] != 1 {
		return nil, errors.Join(errors.New("it does not trust our certificate"), conn.Close())
	}
	return conn, nil
}

// dialSSH goes through the SSH server of a host to libvirtd's socket there.
func dialSSH(ctx context.Context, u *url.URL, path string, m cloud.Machine) (net.Conn, error) {
	known, err := knownhosts.New(m.KnownHosts)
	if err != nil {
		return nil, err
	}
	conf := &ssh.ClientConfig{User: u.User.Username(), HostKeyCallback: known}
	if conf.User == "" {
		conf.User = "root"
	}
	if m.SSHKey != "" {
		pem, err := os.ReadFile(m.SSHKey)
		if err != nil {
			return nil, err
		}
		key, err := ssh.ParsePrivateKey(pem)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.SSHKey, err)
		}
		conf.Auth = append(conf.Auth, ssh.PublicKeys(key))
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(u, portSSH))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn, channels, requests, err := ssh.NewClientConn(raw, address(u, portSSH), conf)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	client := ssh.NewClient(conn, channels, requests)
	stream, err := client.Dial("unix", path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s there: %w", path, err), client.Close())
	}
	return tunnel{stream, client}, nil
}

// tunnel is a stream through SSH that takes its connection with it.
type tunnel struct {
	net.Conn
	client *ssh.Client
}

func (t tunnel) Close() error { return errors.Join(t.Conn.Close(), t.client.Close()) }
