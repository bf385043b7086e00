//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// debianNeeds are the programs that make Debian's image, besides those of every lab.
var debianNeeds = []need{{"mmdebstrap", "mmdebstrap"}, {"mke2fs", "e2fsprogs"}, {"sfdisk", "fdisk"}}

// debianPackages are what Debian's image has besides a system that boots.
const debianPackages = "linux-image-cloud-amd64,systemd-sysv,systemd-resolved,udev,dbus,cloud-init,cloud-guest-utils,fdisk,e2fsprogs,netplan.io,qemu-guest-agent,openssh-server,ca-certificates,iproute2,sudo"

// DebianImage is where the image is that BuildDebian makes. It outlives labs.
func DebianImage() (string, error) {
	cache, err := cacheDir()
	return filepath.Join(cache, "debian.qcow2"), err
}

// BuildDebian makes a disk with Debian and cloud-init, of packages, unless there is
// one. It takes some minutes, and is made when somebody asks for it.
func BuildDebian(ctx context.Context, progress io.Writer) (path string, err error) {
	if os.Geteuid() != 0 {
		return "", errNotRoot
	}
	if path, err = DebianImage(); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	if err := install(ctx, progress, slices.Concat(needs, debianNeeds)); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(path), "debian-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	fmt.Fprintln(progress, "Installing Debian into a folder ...")
	root := filepath.Join(work, "root")
	if err := long(ctx, "mmdebstrap", "--quiet", "--variant=minbase", "--include="+debianPackages, `--aptopt=APT::Install-Recommends "false"`, "bookworm", root); err != nil {
		return "", err
	}
	fmt.Fprintln(progress, "Writing its disk ...")
	if err := long(ctx, "sh", "-c", debianDisk, "sh", root, work); err != nil {
		return "", err
	}
	return path, os.Rename(filepath.Join(work, "debian.qcow2"), path)
}

// long runs what may take minutes.
func long(ctx context.Context, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", argv[0], err, lastLines(string(out), 10))
	}
	return nil
}

// debianDisk makes a disk of a folder: a partition with kernel and syslinux, and one
// with the rest, which cloud-init makes as large as the disk.
const debianDisk = `set -e
root=$1; cd "$2"; export MTOOLS_SKIP_CHECK=1
rm -rf "$root"/dev/*; echo 'LABEL=root / ext4 defaults 0 1' >"$root/etc/fstab"; : >"$root/etc/machine-id"
mbr=/usr/lib/syslinux/mbr/mbr.bin; [ -e $mbr ] || mbr=/usr/lib/SYSLINUX/mbr.bin
truncate -s 96M boot.raw; mkfs.vfat -n BOOT boot.raw >/dev/null
printf 'SERIAL 0 115200\nDEFAULT debian\nTIMEOUT 1\nPROMPT 0\nLABEL debian\nLINUX /vmlinuz\nINITRD /initrd\nAPPEND root=LABEL=root ro console=ttyS0 net.ifnames=0\n' >syslinux.cfg
mcopy -i boot.raw "$root"/boot/vmlinuz-* ::vmlinuz
mcopy -i boot.raw "$root"/boot/initrd.img-* ::initrd
mcopy -i boot.raw syslinux.cfg ::syslinux.cfg
syslinux --install boot.raw
truncate -s 1600M root.raw; mke2fs -q -t ext4 -L root -d "$root" root.raw
truncate -s 1698M disk.raw
printf 'label: dos\nstart=2048, size=196608, type=e, bootable\nstart=198656, type=83\n' | sfdisk -q disk.raw
dd if=$mbr of=disk.raw conv=notrunc bs=440 count=1 status=none
dd if=boot.raw of=disk.raw conv=notrunc,sparse bs=1M seek=1 status=none
dd if=root.raw of=disk.raw conv=notrunc,sparse bs=1M seek=97 status=none
qemu-img convert -c -O qcow2 disk.raw debian.qcow2`
