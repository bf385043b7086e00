package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"

	"github.com/cairncloud/cairn/resources/cloud"
)

// socketPath is where libvirtd listens on its own machine.
const socketPath = "/run/libvirt/libvirt-sock"

const noSocket = "is libvirtd running there? Where virtqemud is instead, add ?socket=/run/libvirt/virtqemud-sock to the uri"

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
	switch u.Scheme {
	case "qemu", "qemu+unix":
		return dialPlain(ctx, "unix", path, noSocket)
	case "qemu+tcp":
		return dialPlain(ctx, "tcp", address(u, portTCP), "does libvirtd run there with --listen and listen_tcp = 1?")
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

// dialPlain connects, and says what to do where nobody listens.
func dialPlain(ctx context.Context, network, at, remedy string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, at)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("nobody listens at %s: %s", at, remedy)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%w: run cairn as root, or as a user of the group libvirt", err)
	}
	return conn, err
}
