//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// private are the folders of libvirt that each host has to itself, by their names in
// the host's own folder.
var private = map[string]string{"etc": "/etc/libvirt", "run": "/run/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "cache": "/var/cache/libvirt"}

// poolPath is where the disks of a host's guests are, as the host sees it.
const poolPath = "/var/lib/libvirt/cairn"

// Pool is the folder of a host's disks, as seen from outside.
func (l *Lab) Pool(host string) string { return l.path(host, "lib", "cairn") }

// Libvirt is the socket of a host's libvirtd.
func (l *Lab) Libvirt(host string) string { return l.path(host, "run", "libvirt-sock") }

// Virsh runs virsh on a host.
func (l *Lab) Virsh(ctx context.Context, host string, args ...string) (string, error) {
	if _, err := hostNamed(host); err != nil {
		return "", err
	}
	return run(ctx, nil, append([]string{"virsh", "-q", "-c", "qemu+unix:///system?socket=" + l.Libvirt(host)}, args...)...)
}

// libvirtd is the service of a host. It has its own mounts, so that libvirt's folders
// are the host's, and its own name. Guests live in the same network namespace, and
// are found by it when the power fails.
func (l *Lab) libvirtd(h Host) service {
	dir := l.path(h.Name)
	var sh strings.Builder
	sh.WriteString("mount --make-rprivate / && hostname " + h.Name)
	for name, at := range private {
		fmt.Fprintf(&sh, " && mount --bind %s %s", filepath.Join(dir, name), at)
	}
	sh.WriteString(` && exec "$@"`)
	return service{
		name: h.Name + "/libvirtd", ns: h.ns(), dir: dir, base: "libvirtd", env: l.env(dir),
		argv: []string{"unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c", sh.String(), "sh",
			"libvirtd", "--daemon", "--listen", "--config=/etc/libvirt/libvirtd.conf", "--pid-file=" + filepath.Join(dir, "libvirtd.pid")},
	}
}

// configureLibvirt writes a host's configuration, and makes the folders that it is
// mounted over.
func (l *Lab) configureLibvirt(h Host) error {
	for name, at := range private {
		for _, dir := range []string{l.path(h.Name, name), at} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	conf := fmt.Sprintf(`unix_sock_group = "root"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
listen_addr = "%s"
tcp_port = "16509"
host_uuid = "c0ffee00-0000-4000-8000-0000000000%02x"
max_clients = 500
max_client_requests = 20
log_outputs = "3:file:%s"
`, h.address(mgmt), h.number, l.path(h.Name, "libvirtd.log"))
	qemu := fmt.Sprintf(`user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
security_default_confined = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
seccomp_sandbox = 0
migration_address = "%[1]s"
migration_host = "%[1]s"
`, h.address(mgmt))
	return errors.Join(os.WriteFile(l.path(h.Name, "etc", "libvirtd.conf"), []byte(conf), 0o644), os.WriteFile(l.path(h.Name, "etc", "qemu.conf"), []byte(qemu), 0o644))
}

// startLibvirt starts a host's libvirtd, and waits until it answers.
func (l *Lab) startLibvirt(ctx context.Context, h Host) error {
	if err := l.configureLibvirt(h); err != nil {
		return err
	}
	if err := l.seedCapabilities(h); err != nil {
		return err
	}
	if err := l.libvirtd(h).start(ctx); err != nil {
		return err
	}
	err := until(ctx, 30*time.Second, h.Name+"'s libvirtd to answer", func() (bool, error) {
		_, err := l.Virsh(ctx, h.Name, "version")
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	return l.keepCapabilities(h)
}

// capabilities is where libvirt keeps what it has found out of QEMU, which takes it
// ten seconds. It looks for itself whether that still holds.
const capabilities = "qemu/capabilities"

func (l *Lab) seedCapabilities(h Host) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	from, to := filepath.Join(cache, "capabilities"), l.path(h.Name, "cache", capabilities)
	if _, err := os.Stat(from); err != nil {
		return nil
	}
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from))
}

func (l *Lab) keepCapabilities(h Host) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	to := filepath.Join(cache, "capabilities")
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(l.path(h.Name, "cache", capabilities)))
}

// Fill leaves a host's pool with next to no room, until Empty.
func (l *Lab) Fill(ctx context.Context, host string) error {
	return l.mounted(ctx, host, "mount -t tmpfs -o size=2m,mode=700 cairn-lab "+poolPath)
}

// Empty gives a host's pool its room back, and what was in it before.
func (l *Lab) Empty(ctx context.Context, host string) error {
	return l.mounted(ctx, host, "! grep -q '^cairn-lab "+poolPath+" ' /proc/self/mounts || umount -l "+poolPath)
}

// mounted changes the mounts of a host's libvirtd, which then looks at its pool anew.
func (l *Lab) mounted(ctx context.Context, host, command string) error {
	h, err := hostNamed(host)
	if err != nil {
		return err
	}
	pid := l.libvirtd(h).pid()
	if pid == 0 {
		return fmt.Errorf("libvirtd of %s does not run", host)
	}
	if _, err := run(ctx, nil, "nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", pid), "--", "sh", "-c", command); err != nil {
		return err
	}
	_, err = l.Virsh(ctx, host, "pool-refresh", "cairn-local")
	return err
}

// users makes those that libvirtd asks for by name and that Debian's
// libvirt-daemon-system would make, which brings systemd along.
func users(ctx context.Context) error {
	_, err := run(ctx, nil, "sh", "-c", `set -e
getent group kvm >/dev/null || groupadd -r kvm
getent group libvirt >/dev/null || groupadd -r libvirt
getent group libvirt-qemu >/dev/null || groupadd -r libvirt-qemu
getent passwd libvirt-qemu >/dev/null || useradd -r -g kvm -G libvirt-qemu -d /var/lib/libvirt -s /usr/sbin/nologin libvirt-qemu`)
	return err
}

// notThere are the folders of libvirt that the machine has not.
func notThere() (paths []string) {
	for _, at := range private {
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
			paths = append(paths, at)
		}
	}
	return paths
}

// forget removes folders that were made, where nobody else has put anything.
func forget(paths []string) {
	for _, p := range paths {
		_ = os.Remove(p) // not empty: somebody else's
	}
}
