//go:build linux

package lab

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// guestFiles are what the guest is besides Debian's kernel, busybox and agent.
//
//go:embed guest
var guestFiles embed.FS

// guestModules are what the guest's kernel needs; what these need comes with them.
var guestModules = []string{"virtio_pci", "virtio_net", "virtio_blk", "virtio_scsi", "virtio_console", "virtio_balloon", "virtio-rng", "sr_mod", "ata_piix", "isofs", "button", "evdev"}

// guestPackages are Debian's, of which the guest is made. None of them is installed.
var guestPackages = []string{"busybox-static", "qemu-guest-agent", "libc6", "libglib2.0-0", "libpcre2-8-0", "libudev1", "libnuma1", "liburing2"}

// GuestImage is a small disk that boots: it takes leases on its network cards, reads
// who it is from a NoCloud seed or a config drive, runs its user data, serves HTTP,
// has a guest agent and honours the power button.
func (l *Lab) GuestImage() string { return l.path("images", "guest.qcow2") }

func (l *Lab) guestKernel() (kernel, initrd string) {
	return l.path("images", "vmlinuz"), l.path("images", "initrd.gz")
}

// cacheDir is what outlives labs: packages, and what was made of them.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/var/cache"
	}
	dir = filepath.Join(dir, "cairn-lab")
	return dir, os.MkdirAll(dir, 0o755)
}

// buildGuest makes the guest's image, or takes the one that was made of the same
// before.
func (l *Lab) buildGuest(ctx context.Context) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	kernel, err := kernelPackage(ctx)
	if err != nil {
		return err
	}
	debs, err := download(ctx, cache, append([]string{kernel}, guestPackages...))
	if err != nil {
		return err
	}
	made := filepath.Join(cache, "guest-"+recipe(debs))
	if _, err := os.Stat(made); err != nil {
		work, err := os.MkdirTemp(cache, "build-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		if err := buildImage(ctx, work, debs); err != nil {
			return fmt.Errorf("build the guest's image: %w", err)
		}
		if err := os.Rename(filepath.Join(work, "out"), made); err != nil && !os.IsExist(err) {
			return err
		}
	}
	if err := os.RemoveAll(l.path("images")); err != nil {
		return err
	}
	return os.CopyFS(l.path("images"), os.DirFS(made))
}

// kernelPackage is what Debian's kernel for clouds is called today.
func kernelPackage(ctx context.Context) (string, error) {
	find := func() string {
		out, err := run(ctx, nil, "apt-cache", "depends", "linux-image-cloud-amd64")
		if err != nil {
			return ""
		}
		for line := range strings.Lines(out) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok {
				return name
			}
		}
		return ""
	}
	name := find()
	if name == "" { // no lists yet
		if err := aptGet(ctx, "", "update"); err != nil {
			return "", err
		}
		name = find()
	}
	if name == "" {
		return "", fmt.Errorf("the distribution has no linux-image-cloud-amd64, which the guest's kernel is taken from")
	}
	return name, nil
}

// download fetches packages into the cache, and answers with their files.
func download(ctx context.Context, cache string, pkgs []string) ([]string, error) {
	find := func(pkg string) string {
		// Several versions may be there: the newest was fetched last.
		all, _ := filepath.Glob(filepath.Join(cache, pkg+"_*.deb"))
		slices.SortFunc(all, func(a, b string) int { return modTime(a).Compare(modTime(b)) })
		if len(all) == 0 {
			return ""
		}
		return all[len(all)-1]
	}
	var missing []string
	for _, p := range pkgs {
		if find(p) == "" {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		get := append([]string{"download"}, missing...)
		if err := aptGet(ctx, cache, get...); err != nil { // the lists may be old
			if err := aptGet(ctx, "", "update"); err != nil {
				return nil, err
			}
			if err := aptGet(ctx, cache, get...); err != nil {
				return nil, err
			}
		}
	}
	var debs []string
	for _, p := range pkgs {
		deb := find(p)
		if deb == "" {
			return nil, fmt.Errorf("package %s was fetched and is not there", p)
		}
		debs = append(debs, deb)
	}
	return debs, nil
}

func modTime(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// recipe names what an image is made of.
func recipe(debs []string) string {
	h := sha256.New()
	for _, d := range debs {
		io.WriteString(h, filepath.Base(d)+"\n")
	}
	entries, _ := guestFiles.ReadDir("guest")
	for _, e := range entries {
		b, _ := guestFiles.ReadFile("guest/" + e.Name())
		h.Write(b)
	}
	fmt.Fprintln(h, guestModules)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// buildImage makes out/vmlinuz, out/initrd.gz and out/guest.qcow2 in a folder.
func buildImage(ctx context.Context, dir string, debs []string) error {
	from, root, out := filepath.Join(dir, "from"), filepath.Join(dir, "root"), filepath.Join(dir, "out")
	for _, d := range []string{from, out} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for _, deb := range debs {
		if _, err := run(ctx, nil, "dpkg-deb", "-x", deb, from); err != nil {
			return err
		}
	}
	for _, d := range []string{"bin", "sbin", "lib", "lib64", "modules", "proc", "sys", "dev", "seed", "me", "www/cgi-bin", "root/.ssh", "etc/acpi/PWRF", "tmp", "run", "usr"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	for to, guest := range map[string]string{"init": "init", "etc/dhcp": "dhcp", "www/cgi-bin/run": "run", "sbin/chpasswd": "chpasswd"} {
		b, err := guestFiles.ReadFile("guest/" + guest)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), b, 0o755)
		}
		if err != nil {
			return err
		}
	}
	for to, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*:::::::\n", "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
		"etc/acpi/PWRF/00000080": "#!/bin/busybox sh\necho GUEST-ENDS >/dev/ttyS0\n/bin/busybox sync\n/bin/busybox poweroff -f\n",
	} {
		if err := os.WriteFile(filepath.Join(root, to), []byte(text), 0o755); err != nil {
			return err
		}
	}
	if err := copyFile(filepath.Join(from, "bin/busybox"), filepath.Join(root, "bin/busybox")); err != nil {
		return err
	}
	if err := copyAgent(from, root); err != nil {
		return err
	}
	kernels, err := filepath.Glob(filepath.Join(from, "boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("the kernel's package has %d kernels", len(kernels))
	}
	version := strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-")
	if err := copyFile(kernels[0], filepath.Join(out, "vmlinuz")); err != nil {
		return err
	}
	if err := copyModules(ctx, from, version, root); err != nil {
		return err
	}
	return pack(ctx, root, out)
}

// copyModules puts the modules into the guest, in the order in which they are loaded.
func copyModules(ctx context.Context, from, version, root string) error {
	if _, err := run(ctx, nil, "depmod", "-b", from, version); err != nil {
		return err
	}
	var order []string
	for _, m := range guestModules {
		deps, err := run(ctx, nil, "modprobe", "-d", from, "-S", version, "--show-depends", m)
		if err != nil {
			return err
		}
		for line := range strings.Lines(deps) {
			words := strings.Fields(line)
			if len(words) > 1 && words[0] == "insmod" && !slices.Contains(order, words[1]) {
				order = append(order, words[1])
			}
		}
	}
	for i, path := range order {
		if err := copyFile(path, filepath.Join(root, "modules", fmt.Sprintf("%02d-%s", i, filepath.Base(path)))); err != nil {
			return err
		}
	}
	return nil
}

// copyAgent puts the guest's agent, and the libraries that it is linked with, into
// the guest.
func copyAgent(from, root string) error {
	libraries := map[string]string{}
	for _, dir := range []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"} {
		entries, err := os.ReadDir(filepath.Join(from, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			libraries[e.Name()] = filepath.Join(from, dir, e.Name())
		}
	}
	done := map[string]bool{}
	var take func(path, to string) error
	take = func(path, to string) error {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		if err := copyFile(real, filepath.Join(root, to)); err != nil {
			return err
		}
		f, err := elf.Open(real)
		if err != nil {
			return err
		}
		defer f.Close()
		needs, err := f.ImportedLibraries()
		if err != nil {
			return err
		}
		for _, n := range needs {
			if done[n] {
				continue
			}
			done[n] = true
			if libraries[n] == "" {
				return fmt.Errorf("%s needs %s, which no package of the guest has", filepath.Base(path), n)
			}
			to := "lib/" + n
			if strings.HasPrefix(n, "ld-linux") {
				to = "lib64/" + n
			}
			if err := take(libraries[n], to); err != nil {
				return err
			}
		}
		return nil
	}
	return take(filepath.Join(from, "usr/sbin/qemu-ga"), "bin/qemu-ga")
}

// pack makes the first file system, and a disk that boots it: FAT, with syslinux.
func pack(ctx context.Context, root, out string) error {
	script := `set -e
cd "$1"; find . | cpio -o -H newc --quiet | gzip -9n >"$2/initrd.gz"
cd "$2"; export MTOOLS_SKIP_CHECK=1
truncate -s 36M disk.raw
mkfs.vfat -n GUEST disk.raw >/dev/null
printf 'SERIAL 0 115200\nDEFAULT guest\nTIMEOUT 1\nPROMPT 0\nLABEL guest\nLINUX /vmlinuz\nINITRD /initrd.gz\nAPPEND console=ttyS0 quiet mitigations=off\n' >syslinux.cfg
syslinux --install disk.raw
mcopy -i disk.raw vmlinuz initrd.gz syslinux.cfg ::
qemu-img convert -c -O qcow2 disk.raw guest.qcow2
rm disk.raw syslinux.cfg`
	_, err := run(ctx, nil, "sh", "-c", script, "sh", root, out)
	return err
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// kvmTime is how long a guest may take to say its first word.
const kvmTime = 5 * time.Second

// kvmBoots tries whether a guest boots by /dev/kvm. That it is there, and that QEMU
// takes it, does not say so.
func (l *Lab) kvmBoots(ctx context.Context) bool {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, kvmTime)
	defer cancel()
	kernel, initrd := l.guestKernel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "kvm", "-m", "256", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0", "-display", "none", "-serial", "stdio", "-no-reboot", "-nodefaults")
	cmd.Env = append(os.Environ(), EnvDir+"="+l.Dir)
	heard := &listener{word: "GUEST-BOOTS", heard: cancel}
	cmd.Stdout = heard
	_ = cmd.Run() // it is killed, or fails to run at all
	return heard.is
}

// listener waits for a word.
type listener struct {
	word  string
	said  strings.Builder
	heard func()
	is    bool
}

func (l *listener) Write(p []byte) (int, error) {
	l.said.Write(p)
	if strings.Contains(l.said.String(), l.word) {
		l.is = true
		l.heard()
	}
	return len(p), nil
}
