//go:build linux

package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Lease is what DHCP or a router advertisement offered, by the client's own names:
// for DHCPv4 those of udhcpc ("ip", "mask", "router", "dns", "mtu", "staticroutes"),
// for IPv6 those of the program's lease6.
type Lease map[string]string

// String is a line "name value" for each, sorted.
func (l Lease) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "%s %s\n", k, l[k])
	}
	return b.String()
}

// parseLease reads one "name=value" or "name value" a line; keep chooses.
func parseLease(text, sep string, keep func(name string) bool) Lease {
	l := Lease{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), sep); ok && keep(k) {
			l[k] = v
		}
	}
	return l
}

// offered tells what udhcpc adds to its script's environment from the rest: it is in
// small letters.
func offered(name string) bool { return name == strings.ToLower(name) && name != "_" }

// onLease is what udhcpc runs at each event. The lab applies the lease itself, so
// that a test can read what was offered.
const onLease = `#!/bin/sh
case "$1" in bound | renew) env >"$CAIRN_LEASE" ;; esac
`

// options of DHCP that udhcpc is to ask for, beside what it does itself.
var options = []string{"mtu", "staticroutes", "ntpsrv", "search", "tftp", "bootfile", "wpad", "sipsrv"}

// Lease asks for an IPv4 address by DHCP in an endpoint, and takes it with the routes
// and the MTU that were offered.
func (l *Lab) Lease(ctx context.Context, port string) (Lease, error) {
	e, err := l.Endpoint(port)
	if err != nil {
		return nil, err
	}
	script, file := l.path("udhcpc.sh"), filepath.Join(l.folder(port), "lease")
	if err := os.WriteFile(script, []byte(onLease), 0o755); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(file); err != nil {
		return nil, err
	}
	args := []string{"busybox", "udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "1", "-i", device, "-s", script}
	for _, o := range options {
		args = append(args, "-O", o)
	}
	env := []string{"CAIRN_LEASE=" + file, EnvDir + "=" + l.Dir}
	if _, err := run(ctx, env, e.ns().argv(args...)...); err != nil {
		return nil, fmt.Errorf("no lease for port %s: %w", port, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lease := parseLease(string(b), "=", offered)
	if err := ipBatch(ctx, e.ns(), lease.plan()...); err != nil {
		return lease, err
	}
	return lease, os.WriteFile(filepath.Join(l.folder(port), "resolv.conf"), []byte(lease.resolv()), 0o644)
}

// plan is how an IPv4 lease is applied. Where there are classless routes the router
// does not count (RFC 3442).
func (l Lease) plan() []string {
	plan := []string{
		"addr flush dev " + device + " scope global to 0.0.0.0/0",
		fmt.Sprintf("addr replace %s/%s dev %s", l["ip"], l["mask"], device),
	}
	if l["mtu"] != "" {
		plan = append(plan, fmt.Sprintf("link set %s mtu %s", device, l["mtu"]))
	}
	routes := strings.Fields(l["staticroutes"])
	if len(routes) == 0 {
		for _, r := range strings.Fields(l["router"]) {
			routes = []string{"0.0.0.0/0", r}
			break
		}
	}
	for ; len(routes) > 1; routes = routes[2:] {
		if routes[1] == "0.0.0.0" {
			plan = append(plan, fmt.Sprintf("route replace %s dev %s", routes[0], device))
			continue
		}
		plan = append(plan, fmt.Sprintf("route replace %s via %s dev %s", routes[0], routes[1], device))
	}
	return plan
}

func (l Lease) resolv() string {
	var b strings.Builder
	if search := strings.TrimSpace(l["search"] + " " + l["domain"]); search != "" {
		fmt.Fprintf(&b, "search %s\n", search)
	}
	for _, s := range strings.Fields(l["dns"]) {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return b.String()
}

// Lease6 solicits a router in an endpoint, and does what its advertisement says: the
// kernel forms addresses by itself, and program, which is cairn-lab, speaks DHCPv6
// where the router refers to it.
func (l *Lab) Lease6(ctx context.Context, port, program string) (Lease, error) {
	e, err := l.Endpoint(port)
	if err != nil {
		return nil, err
	}
	out, err := run(ctx, nil, e.ns().argv(program, "tool", "lease6", device)...)
	if err != nil {
		return nil, fmt.Errorf("no IPv6 for port %s: %w", port, err)
	}
	lease := parseLease(out, " ", func(string) bool { return true })
	if a := lease["address"]; a != "" {
		return lease, ipBatch(ctx, e.ns(), fmt.Sprintf("addr replace %s/128 dev %s", a, device))
	}
	return lease, nil
}
