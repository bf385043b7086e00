package intake_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers/intake"
	"github.com/cairncloud/cairn/resources/diskimage"
)

// disk is 9 MiB with a hole in its middle.
func disk() []byte {
	b := make([]byte, 9<<20)
	copy(b, noise(1, 2<<20))
	copy(b[6<<20:], bytes.Repeat([]byte("the same again "), 100000))
	return b
}

func qemuImg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %v: %v: %s", args, err, out)
	}
}

func write(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pack makes an OVA of a disk.
func pack(t *testing.T, path string, disk []byte) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text := `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References><File ovf:id="f" ovf:href="d"/></References><DiskSection><Disk ovf:fileRef="f"/></DiskSection></Envelope>`
	for _, m := range []struct {
		name string
		data []byte
	}{{"x.ovf", []byte(text)}, {"d", disk}, {"x.mf", []byte("hashes")}} {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.Bytes())
}

// A guest finds the same bytes on its disk, whatever the image came in.
func TestGuestsFindTheSameBytes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed: it makes the images of this test")
	}
	for _, c := range []struct {
		reason, driver, option string
		format                 diskimage.Format
		packed                 bool
	}{
		{"raw", "raw", "", diskimage.Raw, false},
		{"ami", "raw", "", diskimage.AMI, false},
		{"qcow2", "qcow2", "", diskimage.QCOW2, false},
		{"qcow2 of old", "qcow2", "compat=0.10", diskimage.QCOW2, false},
		{"vmdk", "vmdk", "subformat=monolithicSparse", diskimage.VMDK, false},
		{"vmdk as a stream", "vmdk", "subformat=streamOptimized", diskimage.VMDK, false},
		{"vdi", "vdi", "", diskimage.VDI, false},
		{"vdi that does not grow", "vdi", "static=on", diskimage.VDI, false},
		{"vhd", "vpc", "subformat=dynamic,force_size=on", diskimage.VHD, false},
		{"vhd that does not grow", "vpc", "subformat=fixed,force_size=on", diskimage.VHD, false},
		{"vhdx", "vhdx", "", diskimage.VHDX, false},
		{"vhdx that does not grow", "vhdx", "subformat=fixed", diskimage.VHDX, false},
		{"ova of a vmdk", "vmdk", "subformat=streamOptimized", diskimage.OVA, true},
		{"ova of a vhd", "vpc", "subformat=dynamic,force_size=on", diskimage.OVA, true},
		{"ova of a qcow2", "qcow2", "", diskimage.OVA, true},
		{"ova of a raw disk", "raw", "", diskimage.OVA, true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), `a "folder", nbd:x`)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			want := disk()
			raw, source, back := write(t, filepath.Join(dir, "raw"), want), filepath.Join(dir, "source"), filepath.Join(dir, "back")
			args := []string{"convert", "-f", "raw", "-O", c.driver}
			if c.option != "" {
				args = append(args, "-o", c.option)
			}
			qemuImg(t, append(args, raw, source)...)
			if c.packed {
				pack(t, source, read(t, source))
			}
			for _, wants := range []diskimage.Format{diskimage.Raw, diskimage.QCOW2} {
				to := filepath.Join(dir, "to."+string(wants))
				info, err := intake.Convert(t.Context(), source, to, c.format, wants)
				if err != nil {
					t.Fatal(err)
				}
				qemuImg(t, "convert", "-f", string(wants), "-O", "raw", to, back)
				if info != (diskimage.Info{Format: wants, VirtualSize: int64(len(want))}) || !bytes.Equal(read(t, back), want) {
					t.Errorf("%+v, or other bytes", info)
				}
			}
			if names := left(t, dir); names != "back raw source to.qcow2 to.raw" {
				t.Errorf("left %s", names)
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	overlay := make([]byte, 1<<20)
	copy(overlay, "QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x0b")
	for _, c := range []struct {
		reason string
		file   []byte
		said   diskimage.Format
		want   error
	}{
		{"another format than was said", []byte("raw"), diskimage.QCOW2, intake.ErrUnfit},
		{"a qcow2 that is said to be raw, and would be one for the guest's next host", overlay[:4], diskimage.Raw, diskimage.ErrCorrupt},
		{"another file beneath it", overlay, diskimage.QCOW2, diskimage.ErrUnsafe},
		{"other files that it describes", []byte("# Disk DescriptorFile\nRW 8 FLAT \"/etc/shadow\" 0\n"), diskimage.VMDK, diskimage.ErrUnsafe},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source := write(t, filepath.Join(dir, "source"), c.file)
			for _, wants := range []diskimage.Format{diskimage.Raw, diskimage.QCOW2} {
				if _, err := intake.Convert(t.Context(), source, filepath.Join(dir, "to"), c.said, wants); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
			}
			if names := left(t, dir); names != "source" {
				t.Errorf("left %s", names)
			}
		})
	}
	dir := t.TempDir()
	large := write(t, filepath.Join(dir, "large"), nil)
	if err := os.Truncate(large, 3<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := intake.Convert(t.Context(), large, filepath.Join(dir, "to"), diskimage.Raw, diskimage.Raw); !errors.Is(err, intake.ErrUnfit) {
		t.Errorf("a disk of 3 TiB: %v", err)
	}
}

// The tests below put another qemu-img on PATH, so they run by themselves.

func fake(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "qemu-img"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func convertRaw(t *testing.T, ctx context.Context, n int) (string, error) {
	t.Helper()
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "source"), make([]byte, n))
	_, err := intake.Convert(ctx, source, filepath.Join(dir, "to"), diskimage.Raw, diskimage.QCOW2)
	if names := left(t, dir); err != nil && names != "source" {
		t.Errorf("left %s", names)
	}
	return dir, err
}

func TestWithoutQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := convertRaw(t, t.Context(), 512)
	if !errors.Is(err, intake.ErrNoTool) || !strings.Contains(err.Error(), "qemu-utils") {
		t.Error(err)
	}
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "source"), disk())
	if _, err := intake.Convert(t.Context(), source, filepath.Join(dir, "to"), diskimage.Raw, diskimage.Raw); err != nil {
		t.Errorf("raw needs no qemu-img: %v", err)
	}
}

// qemu-img is told the format, that nothing is beneath, and what it may take.
func TestQEMUIsBounded(t *testing.T) {
	fake(t, `echo "v=$(ulimit -v) t=$(ulimit -t) f=$(ulimit -f) c=$(ulimit -c) secret=$CAIRN_SECRET $*" >&2; exit 1`)
	t.Setenv("CAIRN_SECRET", "hunter2")
	dir, err := convertRaw(t, t.Context(), 64<<20)
	want := fmt.Sprintf(`v=2097152 t=306 f=264193 c=0 secret= convert -O qcow2 json:{"driver":"raw","file":{"driver":"file","filename":"%s/source"}} `, dir)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no %s in %v", want, err)
	}
}

func TestQEMUSaysTooMuch(t *testing.T) {
	fake(t, `head -c 10000000 /dev/zero | tr '\0' x >&2; exit 1`)
	if _, err := convertRaw(t, t.Context(), 512); err == nil || len(err.Error()) > 5000 {
		t.Errorf("%.100v", err)
	}
}

func TestQEMUWritesTooMuch(t *testing.T) {
	fake(t, `for to; do :; done; exec head -c 1000000000 /dev/zero >"$to"`)
	if _, err := convertRaw(t, t.Context(), 512); err == nil {
		t.Error("a GB out of a sector was fine")
	}
}

// Whoever breaks off waits for nobody, and nothing is left running.
func TestQEMUIsKilled(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	fake(t, `sleep 1000 & echo $! >`+pids+`; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for size(pids) <= 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	begun := time.Now()
	if _, err := convertRaw(t, ctx, 512); !errors.Is(err, context.Canceled) || time.Since(begun) > 30*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	child := "/proc/" + strings.TrimSpace(string(read(t, pids)))
	for range 1000 {
		if b, err := os.ReadFile(child + "/stat"); err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("what it had started still runs")
}

// What qemu-img made is looked at too: it may be another one than we know.
func TestQEMUMakesWhatHangs(t *testing.T) {
	fake(t, `for to; do :; done
case $1 in
convert) printf 'QFI\373\0\0\0\003\0\0\0\0\0\0\002\0\0\0\0\013' >"$to"; truncate -s 1M "$to";;
esac`)
	if _, err := convertRaw(t, t.Context(), 512); !errors.Is(err, diskimage.ErrUnsafe) {
		t.Error(err)
	}
}
