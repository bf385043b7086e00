//go:build linux

package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultMTU is what fits through Geneve over an underlay of 1500.
const DefaultMTU = 1442

// device is the network card of every endpoint.
const device = "eth0"

// An Endpoint is a network namespace plugged into a logical switch port, where an
// instance would be.
type Endpoint struct {
	Port string `json:"port"` // the name of the logical switch port
	Host string `json:"host"`
	MAC  string `json:"mac"`
	MTU  int    `json:"mtu"`
}

// Namespace is what `ip netns exec` calls the endpoint.
func (e Endpoint) Namespace() string { return string(e.ns()) }

func (e Endpoint) ns() netns      { return netns(prefix + "ep-" + short(e.Port)) }
func (e Endpoint) device() string { return "ep-" + short(e.Port) }

var (
	uuidLike = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f-]{27}$`)
	plain    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,12}$`)
)

// short is a port's name in the 15 bytes of a network device's, less "ep-".
func short(port string) string {
	switch {
	case uuidLike.MatchString(port):
		return port[:8] + port[9:13]
	case plain.MatchString(port):
		return port
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(port)))[:12]
}

// folder keeps what belongs to one endpoint.
func (l *Lab) folder(port string) string { return l.path("ep", short(port)) }

// Endpoints lists what is plugged, by the name of their folders.
func (l *Lab) Endpoints() ([]Endpoint, error) {
	files, err := filepath.Glob(l.path("ep", "*", "endpoint.json"))
	if err != nil {
		return nil, err
	}
	var all []Endpoint
	for _, f := range files {
		var e Endpoint
		if err := readJSON(f, &e); errors.Is(err, fs.ErrNotExist) {
			continue // unplugged a moment ago
		} else if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Endpoint finds what is plugged into a port.
func (l *Lab) Endpoint(port string) (e Endpoint, err error) {
	err = readJSON(filepath.Join(l.folder(port), "endpoint.json"), &e)
	if errors.Is(err, fs.ErrNotExist) || err == nil && e.Port != port {
		return Endpoint{}, fmt.Errorf("nothing is plugged into port %s", port)
	}
	return e, err
}

// Plug makes an endpoint on a host. A MAC of "" is looked up in the northbound
// database, an MTU of 0 is DefaultMTU. It returns when OVN has bound the port, or
// with an error after ten seconds; the endpoint then stays, to be looked at.
func (l *Lab) Plug(ctx context.Context, e Endpoint) (Endpoint, error) {
	if _, err := hostNamed(e.Host); err != nil {
		return e, err
	}
	if have, err := l.Endpoint(e.Port); err == nil {
		return have, fmt.Errorf("port %s is plugged already, on %s: unplug it first", e.Port, have.Host)
	}
	if e.MTU == 0 {
		e.MTU = DefaultMTU
	}
	addresses, err := l.addresses(ctx, e.Port)
	if err != nil {
		return e, err
	}
	if e.MAC == "" {
		e.MAC = firstMAC(addresses)
	}
	if e.MAC == "" {
		return e, fmt.Errorf("port %s has no MAC of its own in the northbound database: say -mac", e.Port)
	}
	if _, err := net.ParseMAC(e.MAC); err != nil {
		return e, err
	}
	if e.ns().exists() {
		return e, fmt.Errorf("namespace %s is there already: another port's name is too like %s", e.ns(), e.Port)
	}
	if err := os.MkdirAll(l.folder(e.Port), 0o755); err != nil {
		return e, err
	}
	if err := writeJSON(filepath.Join(l.folder(e.Port), "endpoint.json"), e); err != nil {
		return e, err
	}
	if err := l.attach(ctx, e); err != nil {
		return e, errors.Join(fmt.Errorf("plug %s: %w", e.Port, err), l.Unplug(context.WithoutCancel(ctx), e.Port))
	}
	return e, l.awaitBound(ctx, e)
}

// attach makes the namespace of an endpoint and its device, from whatever is left
// of them.
func (l *Lab) attach(ctx context.Context, e Endpoint) error {
	h, err := hostNamed(e.Host)
	if err != nil {
		return err
	}
	ns, dev := e.ns(), e.device()
	// The port goes before its device: Open vSwitch would try on to read from it.
	if _, err := l.vsctl(ctx, h.Name, "--if-exists", "del-port", "br-int", dev); err != nil {
		return err
	}
	if err := ns.remove(ctx); err != nil {
		return err
	}
	if err := ipBatch(ctx, "", "netns add "+string(ns)); err != nil {
		return err
	}
	if err := ns.set(ctx, noDAD...); err != nil {
		return err
	}
	if _, err := l.vsctl(ctx, h.Name, "add-port", "br-int", dev, "--", "set", "Interface", dev, "type=internal",
		"external_ids:iface-id="+strconv.Quote(e.Port), "external_ids:cairn-lab=endpoint"); err != nil {
		return err
	}
	if err := ipBatch(ctx, h.ns(), fmt.Sprintf("link set %s netns %s", dev, ns)); err != nil {
		return err
	}
	return ipBatch(ctx, ns,
		"link set lo up",
		fmt.Sprintf("link set %s name %s", dev, device),
		fmt.Sprintf("link set %s address %s mtu %d up", device, e.MAC, e.MTU))
}

// addresses is what the northbound database says of a port's, in the words of its
// columns.
func (l *Lab) addresses(ctx context.Context, port string) (string, error) {
	static, err := l.Nbctl(ctx, "lsp-get-addresses", port)
	if err != nil {
		return "", fmt.Errorf("look up port %s: %w", port, err)
	}
	dynamic, err := l.Nbctl(ctx, "get", "Logical_Switch_Port", port, "dynamic_addresses")
	if err != nil {
		return "", fmt.Errorf("look up port %s: %w", port, err)
	}
	return static + " " + dynamic, nil
}

// firstMAC finds the MAC in the addresses of a logical switch port.
func firstMAC(addresses string) string {
	for _, word := range strings.FieldsFunc(addresses, func(r rune) bool { return strings.ContainsRune(" \n\t\"[],", r) }) {
		if mac, err := net.ParseMAC(word); err == nil && len(mac) == 6 {
			return mac.String()
		}
	}
	return ""
}

func (l *Lab) awaitBound(ctx context.Context, e Endpoint) error {
	err := until(ctx, 10*time.Second, fmt.Sprintf("port %s to come up on %s", e.Port, e.Host), func() (bool, error) {
		out, err := l.Nbctl(ctx, "lsp-get-up", e.Port)
		return strings.TrimSpace(out) == "up", err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (is it enabled, and may %s have it?)", err, e.Host)
	}
	return err
}

// Unplug takes an endpoint away, with all that runs in it. What is not plugged is
// no error.
func (l *Lab) Unplug(ctx context.Context, port string) error {
	e, err := l.Endpoint(port)
	if err != nil {
		return nil
	}
	h, err := hostNamed(e.Host)
	if err != nil {
		return err
	}
	db, err := l.service(h.Name + "/ovsdb")
	if err != nil {
		return err
	}
	switchd, err := l.service(h.Name + "/vswitchd")
	if err != nil {
		return err
	}
	// A host that is off forgets the port when it starts.
	if db.pid() != 0 {
		args := []string{"--if-exists", "del-port", "br-int", e.device()}
		if switchd.pid() == 0 {
			args = append([]string{"--no-wait"}, args...)
		}
		if _, err := l.vsctl(ctx, h.Name, args...); err != nil {
			return err
		}
	}
	if err := e.ns().remove(ctx); err != nil {
		return err
	}
	return os.RemoveAll(l.folder(port))
}

// In is the command line that runs args in an endpoint, or in "outside", or on a
// host: "hv1".
func (l *Lab) In(where string, args ...string) ([]string, error) {
	ns, err := l.place(where)
	if err != nil {
		return nil, err
	}
	return ns.argv(args...), nil
}

func (l *Lab) place(where string) (netns, error) {
	ns := outsideNS
	if h, err := hostNamed(where); err == nil {
		ns = h.ns()
	} else if where == "fabric" {
		ns = fabricNS
	} else if where != "outside" {
		e, err := l.Endpoint(where)
		if err != nil {
			return "", err
		}
		ns = e.ns()
	}
	if !ns.exists() {
		return "", fmt.Errorf("namespace %s is not there: is the lab up?", ns)
	}
	return ns, nil
}

// Nbctl runs ovn-nbctl on the lab's northbound database.
func (l *Lab) Nbctl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, l.env(l.Dir), append([]string{"ovn-nbctl", "--timeout=20", "--db=unix:" + l.Northbound()}, args...)...)
}

// Sbctl runs ovn-sbctl on the lab's southbound database.
func (l *Lab) Sbctl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, l.env(l.Dir), append([]string{"ovn-sbctl", "--timeout=20", "--db=unix:" + l.Southbound()}, args...)...)
}

// Vsctl runs ovs-vsctl on a host.
func (l *Lab) Vsctl(ctx context.Context, host string, args ...string) (string, error) {
	h, err := hostNamed(host)
	if err != nil {
		return "", err
	}
	return l.vsctl(ctx, h.Name, args...)
}
