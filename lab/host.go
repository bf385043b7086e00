//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// schemas is where the distribution's packages put the databases' schemas.
const schemas = "/usr/share"

// bridges says which bridge of a host has which cable.
var bridges = map[string]string{"underlay": "br-phy", "physnet1": "br-ex", "physnet2": "br-ex2"}

// powerOn starts a host's daemons and brings its endpoints back. The database of its
// Open vSwitch is as it was when the power failed.
func (l *Lab) powerOn(ctx context.Context, h Host) error {
	if err := os.MkdirAll(l.path(h.Name), 0o755); err != nil {
		return err
	}
	if err := createDB(ctx, l.path(h.Name, "conf.db"), schemas+"/openvswitch/vswitch.ovsschema"); err != nil {
		return err
	}
	steps := []func() error{
		func() error { return l.Start(ctx, h.Name+"/ovsdb") },
		func() error { return l.forgetPorts(ctx, h) },
		func() error {
			_, err := l.vsctl(ctx, h.Name, append([]string{"--no-wait"}, l.chassisPlan(h)...)...)
			return err
		},
		func() error { return l.Start(ctx, h.Name+"/vswitchd") },
		func() error { return l.Start(ctx, h.Name+"/controller") },
		func() error { return l.Start(ctx, h.Name+"/libvirtd") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return nil
}

// chassisPlan is what a host's Open vSwitch is told, as words of ovs-vsctl. To say
// it again changes nothing.
func (l *Lab) chassisPlan(h Host) []string {
	var mappings []string
	for _, p := range h.Physnets {
		mappings = append(mappings, p+":"+bridges[p])
	}
	plan := []string{
		"--", "set", "Open_vSwitch", ".",
		"external-ids:system-id=" + h.Name,
		"external-ids:hostname=" + h.Name,
		"external-ids:ovn-remote=tcp:" + central + ":6642",
		"external-ids:ovn-encap-type=geneve",
		"external-ids:ovn-encap-ip=" + h.address(underlay),
		"external-ids:ovn-bridge-datapath-type=netdev",
		"external-ids:ovn-bridge-mappings=\"" + strings.Join(mappings, ",") + "\"",
		"external-ids:ovn-cms-options=\"enable-chassis-as-gw,availability-zones=" + h.Zone + "\"",
		"external-ids:ovn-monitor-all=true",
		// A busy machine is no reason to give a server up.
		"external-ids:ovn-remote-probe-interval=60000",
		"external-ids:ovn-openflow-probe-interval=0",
		"other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1",
	}
	bridge := func(name string) {
		plan = append(plan, "--", "--may-exist", "add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")
	}
	for _, w := range wires {
		if br := bridges[w.name]; br != "" && w.reaches(h) {
			bridge(br)
			plan = append(plan, "--", "--may-exist", "add-port", br, w.name)
		}
	}
	bridge("br-int")
	return append(plan, "fail_mode=secure")
}

// dress gives a host's bridges what vswitchd does not keep: it makes their devices
// anew whenever it starts. Tunnels of the userspace datapath need the host's
// address on a bridge.
func (l *Lab) dress(ctx context.Context, h Host) error {
	plan := []string{fmt.Sprintf("addr replace %s/24 dev br-phy", h.address(underlay))}
	for _, w := range wires {
		if br := bridges[w.name]; br != "" && w.reaches(h) {
			plan = append(plan, "link set "+br+" up")
		}
	}
	if err := ipBatch(ctx, h.ns(), plan...); err != nil {
		return err
	}
	endpoints, err := l.Endpoints()
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		if e.Host == h.Name {
			if err := l.attach(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetPorts removes endpoints and guests from a host's database that were plugged
// in when the host's power failed. They plug in again when they start.
func (l *Lab) forgetPorts(ctx context.Context, h Host) error {
	out, err := l.vsctl(ctx, h.Name, "--no-wait", "--bare", "--", "--columns=name", "list", "Interface")
	if err != nil {
		return err
	}
	endpoints, err := l.vsctl(ctx, h.Name, "--no-wait", "--bare", "--", "--columns=name", "find", "Interface", "external_ids:cairn-lab=endpoint")
	if err != nil {
		return err
	}
	gone := strings.Fields(endpoints)
	for _, name := range strings.Fields(out) {
		if strings.HasPrefix(name, "tap") || strings.HasPrefix(name, "vnet") {
			gone = append(gone, name)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	args := []string{"--no-wait"}
	for _, name := range gone {
		args = append(args, "--", "--if-exists", "del-port", "br-int", name)
	}
	_, err = l.vsctl(ctx, h.Name, args...)
	return err
}

// vsctl runs ovs-vsctl on the switch of a place, "hv1" or "outside".
func (l *Lab) vsctl(ctx context.Context, place string, args ...string) (string, error) {
	argv := append([]string{"ovs-vsctl", "--timeout=10", "--db=unix:" + l.path(place, "db.sock")}, args...)
	return run(ctx, l.env(l.path(place)), argv...)
}

// PowerOff ends everything on a host at once, with its endpoints, as when its power
// fails. The databases, and the files of the host, stay as they are.
func (l *Lab) PowerOff(ctx context.Context, host string) error {
	h, err := hostNamed(host)
	if err != nil {
		return err
	}
	endpoints, err := l.Endpoints()
	if err != nil {
		return err
	}
	errs := []error{h.ns().kill(ctx)}
	for _, e := range endpoints {
		if e.Host == host {
			errs = append(errs, e.ns().kill(ctx))
		}
	}
	return errors.Join(errs...)
}

// PowerOn starts a host again. Its endpoints come back as machines that boot: with
// a network card, and neither addresses nor processes.
func (l *Lab) PowerOn(ctx context.Context, host string) error {
	h, err := hostNamed(host)
	if err != nil {
		return err
	}
	return l.powerOn(ctx, h)
}

// createDB makes an empty database where there is none.
func createDB(ctx context.Context, path, schema string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := run(ctx, nil, "ovsdb-tool", "create", path, schema)
	return err
}
