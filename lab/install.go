//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

var errNotRoot = errors.New("the lab makes network namespaces and needs root: run it with sudo")

// able says what keeps this machine from having a lab, before anything is touched.
func able() error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		return errors.New("this kernel has no network namespaces (CONFIG_NET_NS): the lab needs a usual Linux kernel")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return errors.New("there is no /dev/net/tun, which Open vSwitch's userspace datapath needs: run `modprobe tun`, or give the container the device")
	}
	return nil
}

// A need is a program, and the package of Debian and Ubuntu that has it.
type need struct{ program, pkg string }

var needs = []need{
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"ping", "iputils-ping"},
	{"tcpdump", "tcpdump"},
	{"busybox", "busybox"},
	{"ovs-vswitchd", "openvswitch-switch"},
	{"ovsdb-server", "openvswitch-switch"},
	{"ovn-northd", "ovn-central"},
	{"ovn-nbctl", "ovn-central"},
	{"ovn-controller", "ovn-host"},
	{"libvirtd", "libvirt-daemon"},
	{"virt-qemu-run", "libvirt-daemon-driver-qemu"},
	{"virsh", "libvirt-clients"},
	{"qemu-system-x86_64", "qemu-system-x86"},
	{"qemu-img", "qemu-utils"},
	{"modprobe", "kmod"},
	{"cpio", "cpio"},
	{"syslinux", "syslinux"},
	{"mcopy", "mtools"},
	{"mkfs.vfat", "dosfstools"},
}

// missing lists the packages whose programs are not found.
func missing(needs []need, find func(program string) bool) (pkgs []string) {
	for _, n := range needs {
		if !find(n.program) && !slices.Contains(pkgs, n.pkg) {
			pkgs = append(pkgs, n.pkg)
		}
	}
	return pkgs
}

func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// install fetches what is missing from the distribution, and starts none of it.
func install(ctx context.Context, progress io.Writer, needs []need) (err error) {
	pkgs := missing(needs, onPath)
	if len(pkgs) == 0 {
		return nil
	}
	if !onPath("apt-get") {
		return fmt.Errorf("programs are missing, and there is no apt-get to fetch them: install what Debian calls %s", strings.Join(pkgs, " "))
	}
	start := time.Now()
	fmt.Fprintf(progress, "installing %s\n", strings.Join(pkgs, " "))
	undo, err := forbidServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	fetch := append([]string{"install", "-y", "--no-install-recommends"}, pkgs...)
	if err := aptGet(ctx, "", fetch...); err != nil {
		// The lists may be old, or not there yet.
		if err := aptGet(ctx, "", "update"); err != nil {
			return err
		}
		if err := aptGet(ctx, "", fetch...); err != nil {
			return err
		}
	}
	if left := missing(needs, onPath); len(left) > 0 {
		return fmt.Errorf("%s installed, and yet programs of %s are not on PATH: is /usr/sbin in it?", strings.Join(pkgs, " "), strings.Join(left, " "))
	}
	fmt.Fprintf(progress, "%6.1f s  installed\n", time.Since(start).Seconds())
	return keepDisabled(ctx, pkgs, progress)
}

// aptGet runs apt-get in a folder, "" for the current one.
func aptGet(ctx context.Context, dir string, args ...string) error {
	// Long enough for a slow mirror; not for a dead one.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root"}, args...)...)
	cmd.Env, cmd.Dir = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive"), dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLines(string(out), 10))
	}
	return nil
}

// policy keeps packages from starting services, by Debian's convention: see
// invoke-rc.d(8).
const policy = "/usr/sbin/policy-rc.d"

// forbidServices keeps packages from starting daemons until undo. A policy that the
// machine has already is the machine's to decide.
func forbidServices() (undo func() error, err error) {
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	undo = func() error { return os.Remove(policy) }
	_, err = f.WriteString("#!/bin/sh\n# cairn-lab is installing packages and removes this file.\nexit 101\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

// keepDisabled keeps services that were just installed from starting with the
// machine: the lab starts its own.
func keepDisabled(ctx context.Context, pkgs []string, progress io.Writer) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	for _, unit := range []string{"openvswitch-switch", "ovn-central", "ovn-host"} {
		if !slices.Contains(pkgs, unit) {
			continue
		}
		if _, err := run(ctx, nil, "systemctl", "disable", "--quiet", unit); err != nil {
			return err
		}
		fmt.Fprintf(progress, "%8s  service %s is installed and left disabled\n", "", unit)
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
