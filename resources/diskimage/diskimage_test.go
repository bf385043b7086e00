package diskimage_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources/diskimage"
)

// qcow2 is an image made by hand, to the letter of QEMU's docs/interop/qcow2.txt.
type qcow2 struct {
	version, bits int
	disk          []byte
	packed        bool                // compress clusters
	zeros         []int               // clusters with the flag that they read as zeros
	edit          func(file []byte)   // spoil it
	after         func([]byte) []byte // cut it
}

func (q qcow2) file(t testing.TB) []byte {
	t.Helper()
	cluster := 1 << q.bits
	per := cluster / 8
	clusters := (len(q.disk) + cluster - 1) / cluster
	tables := (clusters + per - 1) / per
	l1 := (tables*8 + cluster - 1) / cluster
	file := make([]byte, cluster*(1+l1+tables))
	be := binary.BigEndian
	copy(file, "QFI\xfb")
	be.PutUint32(file[4:], uint32(q.version))
	be.PutUint32(file[20:], uint32(q.bits))
	be.PutUint64(file[24:], uint64(len(q.disk)))
	be.PutUint32(file[36:], uint32(tables))
	be.PutUint64(file[40:], uint64(cluster))
	if q.version == 3 {
		be.PutUint32(file[100:], 104)
	}
	for i := range tables {
		be.PutUint64(file[cluster+8*i:], uint64(cluster*(1+l1+i))|1<<63)
	}
	for i := range clusters {
		data := make([]byte, cluster)
		copy(data, q.disk[i*cluster:])
		entry := file[cluster*(1+l1)+8*i:]
		if len(bytes.Trim(data, "\x00")) == 0 {
			continue
		}
		if q.packed {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, 9)
			_, _ = w.Write(data)
			_ = w.Close()
			if b.Len() < cluster-512 {
				at := len(file)
				x := 62 - (q.bits - 8)
				sectors := (at%512+b.Len()+511)/512 - 1
				be.PutUint64(entry, 1<<62|uint64(sectors)<<x|uint64(at))
				file = append(file, b.Bytes()...)
				continue
			}
		}
		if pad := len(file) % cluster; pad > 0 {
			file = append(file, make([]byte, cluster-pad)...)
			entry = file[cluster*(1+l1)+8*i:]
		}
		be.PutUint64(entry, uint64(len(file))|1<<63)
		file = append(file, data...)
	}
	for _, i := range q.zeros {
		entry := file[cluster*(1+l1)+8*i:]
		be.PutUint64(entry, be.Uint64(entry)|1)
	}
	if q.edit != nil {
		q.edit(file)
	}
	if q.after != nil {
		file = q.after(file)
	}
	return file
}

// sparse is memory that notes what was written.
type sparse struct {
	b       []byte
	written int64
}

func (s *sparse) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(len(s.b)) {
		return 0, fmt.Errorf("%d bytes at %d of %d", len(b), at, len(s.b))
	}
	s.written += int64(len(b))
	return copy(s.b[at:], b), nil
}

func pattern(n int) []byte {
	r := rand.New(rand.NewSource(int64(n)))
	b := make([]byte, n)
	for at := 0; at < n; at += 4096 {
		piece := b[at:min(at+4096, n)]
		switch r.Intn(4) {
		case 0: // a hole
		case 1:
			r.Read(piece)
		default:
			for i := range piece {
				piece[i] = byte(at>>12 + i/64)
			}
		}
	}
	return b
}

func TestDisksComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		q      qcow2
	}{
		{"version 2", qcow2{version: 2, bits: 16, disk: pattern(1 << 20)}},
		{"version 3", qcow2{version: 3, bits: 16, disk: pattern(1 << 20)}},
		{"compressed clusters", qcow2{version: 3, bits: 16, disk: pattern(3 << 20), packed: true}},
		{"the smallest clusters, so many tables", qcow2{version: 2, bits: 9, disk: pattern(1 << 20)}},
		{"the smallest clusters, compressed", qcow2{version: 3, bits: 12, disk: pattern(1 << 20), packed: true}},
		{"the largest clusters", qcow2{version: 3, bits: 21, disk: pattern(5 << 20), packed: true}},
		{"a disk that ends inside a cluster", qcow2{version: 3, bits: 16, disk: pattern(1<<20 + 512)}},
		{"an empty disk", qcow2{version: 3, bits: 16}},
		{"one hole", qcow2{version: 3, bits: 16, disk: make([]byte, 1<<20)}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			file := c.q.file(t)
			to := &sparse{b: make([]byte, len(c.q.disk))}
			info, err := diskimage.WriteRaw(to, bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			if info != (diskimage.Info{Format: diskimage.QCOW2, VirtualSize: int64(len(c.q.disk))}) || !bytes.Equal(to.b, c.q.disk) {
				t.Errorf("%+v, and the disk is the same: %v", info, bytes.Equal(to.b, c.q.disk))
			}
			if len(bytes.Trim(c.q.disk, "\x00")) == 0 && to.written > 0 {
				t.Errorf("%d zeros were written", to.written)
			}
		})
	}
}

// What the flag says to be zero is, whatever lies beneath.
func TestZeroFlag(t *testing.T) {
	t.Parallel()
	disk := bytes.Repeat([]byte("x"), 1<<20)
	file := qcow2{version: 3, bits: 16, disk: disk, zeros: []int{0, 3}}.file(t)
	to := &sparse{b: make([]byte, len(disk))}
	if _, err := diskimage.WriteRaw(to, bytes.NewReader(file), int64(len(file))); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(disk)
	clear(want[:1<<16])
	clear(want[3<<16 : 4<<16])
	if !bytes.Equal(to.b, want) {
		t.Error("the disk differs")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	be := binary.BigEndian
	put32 := func(at int, v uint32) func([]byte) { return func(b []byte) { be.PutUint32(b[at:], v) } }
	put64 := func(at int, v uint64) func([]byte) { return func(b []byte) { be.PutUint64(b[at:], v) } }
	small := func(edit func([]byte)) qcow2 { return qcow2{version: 3, bits: 16, disk: pattern(1 << 20), edit: edit} }
	const l2 = 2 << 16
	for _, c := range []struct {
		reason string
		q      qcow2
		want   error
	}{
		{"a backing file is another file of the host", small(put64(8, 1024)), diskimage.ErrUnsafe},
		{"so is one without an offset", small(put32(16, 9)), diskimage.ErrUnsafe},
		{"so is an external data file", small(put64(72, 4)), diskimage.ErrUnsafe},
		{"encrypted", small(put32(32, 2)), diskimage.ErrUnsupported},
		{"marked corrupt", small(put64(72, 2)), diskimage.ErrCorrupt},
		{"extended entries", small(put64(72, 16)), diskimage.ErrUnsupported},
		{"zstd", small(func(b []byte) { be.PutUint64(b[72:], 8); be.PutUint32(b[100:], 112); b[104] = 1 }), diskimage.ErrUnsupported},
		{"a feature of the future", small(put64(72, 1<<40)), diskimage.ErrUnsupported},
		{"version 4", small(put32(4, 4)), diskimage.ErrUnsupported},
		{"clusters of 1 GiB", small(put32(20, 30)), diskimage.ErrCorrupt},
		{"a disk of 8 EiB", small(put64(24, 1<<63)), diskimage.ErrUnsupported},
		{"a disk larger than its table", small(put64(24, 1<<36)), diskimage.ErrCorrupt},
		{"a table outside the file", small(put64(40, 1<<40)), diskimage.ErrCorrupt},
		{"a table at an odd place", small(put64(40, 1000)), diskimage.ErrCorrupt},
		{"a second table outside the file", small(put64(1<<16, 1<<40)), diskimage.ErrCorrupt},
		{"a cluster outside the file", small(put64(l2, 1<<40)), diskimage.ErrCorrupt},
		{"two clusters in one place, as bombs are made", small(func(b []byte) { be.PutUint64(b[l2:], 3<<16); be.PutUint64(b[l2+8:], 3<<16) }), diskimage.ErrCorrupt},
		{"a cluster that is the table itself", small(put64(l2, l2)), diskimage.ErrCorrupt},
		{"compressed rubbish", small(put64(l2, 1<<62|3<<16)), diskimage.ErrCorrupt},
		{"a header cut short", qcow2{version: 3, bits: 16, disk: pattern(1 << 20), after: func(b []byte) []byte { return b[:80] }}, diskimage.ErrCorrupt},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			file := c.q.file(t)
			to := &sparse{b: make([]byte, 1<<20)}
			if _, err := diskimage.WriteRaw(to, bytes.NewReader(file), int64(len(file))); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, file string
		want         diskimage.Info
		err          error
	}{
		{"nothing is a raw disk of no size", "", diskimage.Info{Format: diskimage.Raw}, nil},
		{"what is nothing else is raw", "hello", diskimage.Info{Format: diskimage.Raw, VirtualSize: 5}, nil},
		{"LUKS is not taken for raw", "LUKS\xba\xbe\x00\x02....", diskimage.Info{}, diskimage.ErrUnsupported},
		{"nor qed", "QED\x00....", diskimage.Info{}, diskimage.ErrUnsupported},
		{"nor what is packed", "\x1f\x8b\x08\x00....", diskimage.Info{}, diskimage.ErrUnsupported},
		{"a CD is a plain disk", strings.Repeat("\x00", 32769) + "CD001....", diskimage.Info{Format: diskimage.ISO, VirtualSize: 32778}, nil},
	} {
		got, err := diskimage.Probe(bytes.NewReader([]byte(c.file)), int64(len(c.file)))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", c.reason, got, err)
		}
	}
}

func TestLikeQEMU(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed: the reader is tried on images made by hand alone")
	}
	for _, options := range [][]string{{"-o", "compat=0.10"}, {"-o", "compat=1.1"}, {"-c"}, {"-c", "-o", "cluster_size=4096"}, {"-o", "cluster_size=2M"}, {"-o", "lazy_refcounts=on"}} {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			t.Parallel()
			dir, disk := t.TempDir(), pattern(5<<20)
			raw, made := filepath.Join(dir, "raw"), filepath.Join(dir, "qcow2")
			if err := os.WriteFile(raw, disk, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("qemu-img", append(append([]string{"convert", "-f", "raw", "-O", "qcow2"}, options...), raw, made)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			file, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			to := &sparse{b: make([]byte, len(disk))}
			if _, err := diskimage.WriteRaw(to, bytes.NewReader(file), int64(len(file))); err != nil || !bytes.Equal(to.b, disk) {
				t.Errorf("%v, or the disk differs", err)
			}
		})
	}
}

// limited refuses what no test can hold, and counts.
type limited struct{ written int64 }

func (l *limited) WriteAt(b []byte, _ int64) (int, error) {
	l.written += int64(len(b))
	return len(b), nil
}

func FuzzWriteRaw(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("QFI\xfb"))
	for _, q := range []qcow2{{version: 2, bits: 9, disk: pattern(4096)}, {version: 3, bits: 9, disk: pattern(9000), packed: true}, {version: 3, bits: 12, disk: pattern(9000), packed: true}, {version: 3, bits: 9, disk: pattern(100), zeros: []int{0}}} {
		f.Add(q.file(f))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		to := &limited{}
		info, err := diskimage.WriteRaw(to, bytes.NewReader(file), int64(len(file)))
		if err == nil && (info.VirtualSize < 0 || info.VirtualSize > diskimage.MaxVirtualSize) {
			t.Errorf("a disk of %d bytes", info.VirtualSize)
		}
		// Each byte of the file is the beginning of at most one cluster.
		if most := int64(len(file)+1) << 21; to.written > most {
			t.Errorf("%d bytes out of a file of %d", to.written, len(file))
		}
		again := &limited{}
		if _, err2 := diskimage.WriteRaw(again, bytes.NewReader(file), int64(len(file))); (err == nil) != (err2 == nil) || again.written != to.written {
			t.Errorf("%v, then %v", err, err2)
		}
	})
}

func BenchmarkWriteRaw(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(fmt.Sprintf("packed=%v", packed), func(b *testing.B) {
			file := qcow2{version: 3, bits: 16, disk: pattern(64 << 20), packed: packed}.file(b)
			b.SetBytes(64 << 20)
			for b.Loop() {
				if _, err := diskimage.WriteRaw(&limited{}, bytes.NewReader(file), int64(len(file))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
