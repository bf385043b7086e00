package libvirt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/world"
)

// Images that are not what they should be go no further than the cloud's folder, and
// nothing of them stays there.
func TestImagesThatAreUnfit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("images are not tried here: qemu-img is not on PATH (qemu-utils)")
	}
	pair := startServers(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string, b []byte) string {
		if err := os.WriteFile(at(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	make := func(name string, args ...string) string {
		for n := range args {
			args[n] = strings.ReplaceAll(args[n], "TO", at(name))
		}
		if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
			t.Fatalf("qemu-img %v: %v: %s", args, err, out)
		}
		return at(name)
	}
	raw := put("raw", bytes.Repeat([]byte("a disk of a guest. "), 1<<17))
	good := make("good", "convert", "-O", "qcow2", raw, "TO")
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason, file string
		format       diskimage.Format
		checksum     string // "": the file's
		says         string
	}{
		{"raw that is said to be qcow2", raw, diskimage.QCOW2, "", "the source is raw, and qcow2 was planned"},
		{"qcow2 that is said to be raw", good, diskimage.Raw, "", "the source is qcow2, and raw was planned"},
		{"a backing file on the host", make("backed", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", "TO"), diskimage.QCOW2, "", "the image refers to another file"},
		{"data in a file of the host", make("outside", "create", "-q", "-f", "qcow2", "-o", "data_file="+at("data"), "TO", "1M"), diskimage.QCOW2, "", "the image refers to another file"},
		{"another checksum", good, diskimage.QCOW2, "sha256:" + strings.Repeat("0", 64), "was planned"},
		{"cut in its middle", put("cut", b[:len(b)/2]), diskimage.QCOW2, "", "the image is damaged: a table points to byte"},
		{"cut in its head", put("beheaded", b[:40]), diskimage.QCOW2, "", "the image is damaged: its header ends after 40 bytes"},
		{"nothing", put("empty", nil), diskimage.QCOW2, "", "the source is raw, and qcow2 was planned"},
		{"a disk of 10 TB", make("huge", "create", "-q", "-f", "qcow2", "TO", "10T"), diskimage.QCOW2, "", "it describes a disk of 10995116277760 bytes"},
		{"no file", "/nowhere/image", diskimage.QCOW2, "sha256:" + strings.Repeat("0", 64), "/nowhere/image: no such file or directory"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "images")
			cloud := facts(pair[0].socket(), pair[1].socket())
			d := Open(cloud, folder)
			t.Cleanup(func() { _ = d.Close() })
			i := resources.Image{LocalFilePath: c.file, DiskFormat: c.format, Checksum: c.checksum}
			i.ID, i.Name = "0f0f0f0f-0000-4000-8000-000000000000", "image"
			if c.checksum == "" {
				b, err := os.ReadFile(c.file)
				if err != nil {
					t.Fatal(err)
				}
				i.Checksum = fmt.Sprintf("sha256:%x", sha256.Sum256(b))
			}
			_, err := images{d}.Create(t.Context(), world.New(resources.All(), cloud), i)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "create image "+i.ID+": ") {
				t.Errorf("%v does not say %q", err, c.says)
			}
			left, _ := os.ReadDir(folder)
			for _, f := range left {
				t.Errorf("%s stays in the folder", f.Name())
			}
			for _, s := range pair {
				if left := s.left(); len(left) > 0 {
					t.Errorf("a host is left with %v", left)
				}
			}
		})
	}
}
