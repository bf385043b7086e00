package diskimage_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources/diskimage"
)

const mib = 1 << 20

// The images made by hand have disks of 4 MiB, of which some is there.

const described = "# Disk DescriptorFile\nversion=1\nCID=7c0dcc70\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n\nRW 8192 SPARSE \"x.vmdk\"\n"

// vmdk has its description at sector 1, its directory at 21, its table at 22 and a
// grain at 128.
func vmdk(description string) []byte {
	b := make([]byte, 256*512)
	le := binary.LittleEndian
	copy(b, "KDMV")
	le.PutUint32(b[4:], 1)
	le.PutUint64(b[12:], 4*mib/512)
	le.PutUint64(b[20:], 128)
	le.PutUint64(b[28:], 1)
	le.PutUint64(b[36:], 20)
	le.PutUint32(b[44:], 512)
	le.PutUint64(b[56:], 21)
	le.PutUint64(b[64:], 128)
	copy(b[512:], description)
	le.PutUint32(b[21*512:], 22)
	le.PutUint32(b[22*512:], 128)
	return b
}

// stream is a vmdk whose directory the header behind it tells.
func stream() []byte {
	b := vmdk(strings.Replace(described, "monolithicSparse", "streamOptimized", 1))
	binary.LittleEndian.PutUint32(b[8:], 1<<16|1<<17)
	end := bytes.Clone(b[:512])
	binary.LittleEndian.PutUint64(b[56:], 1<<64-1)
	return append(append(b, end...), make([]byte, 512)...)
}

func vdi() []byte {
	b := make([]byte, 2*mib)
	le := binary.LittleEndian
	copy(b, "<<< a disk >>>")
	le.PutUint32(b[64:], 0xbeda107f)
	le.PutUint32(b[68:], 1<<16|1)
	le.PutUint32(b[76:], 1)
	le.PutUint32(b[340:], 512)
	le.PutUint32(b[344:], 1024)
	le.PutUint32(b[360:], 512)
	le.PutUint64(b[368:], 4*mib)
	le.PutUint32(b[376:], mib)
	le.PutUint32(b[384:], 4)
	for i := range 4 {
		le.PutUint32(b[512+4*i:], 1<<32-1)
	}
	le.PutUint32(b[512:], 0)
	return b
}

func footer(kind uint32) []byte {
	b := make([]byte, 512)
	be := binary.BigEndian
	copy(b, "conectix")
	be.PutUint32(b[12:], 1<<16)
	be.PutUint64(b[16:], 512)
	be.PutUint64(b[48:], 4*mib)
	be.PutUint32(b[60:], kind)
	sum := uint32(0)
	for _, x := range b {
		sum += uint32(x)
	}
	be.PutUint32(b[64:], ^sum)
	return b
}

func fixedVHD() []byte { return append(make([]byte, 4*mib), footer(2)...) }

// vhd has its table at sector 3 and a block at 4.
func vhd(kind uint32) []byte {
	b := make([]byte, 4*512+512+2*mib)
	be := binary.BigEndian
	copy(b, footer(kind))
	copy(b[512:], "cxsparse")
	be.PutUint64(b[512+16:], 3*512)
	be.PutUint32(b[512+28:], 2)
	be.PutUint32(b[512+32:], 2*mib)
	be.PutUint32(b[3*512:], 4)
	be.PutUint32(b[3*512+4:], 1<<32-1)
	return append(b, footer(kind)...)
}

func guid(s string) []byte {
	var a uint32
	var b, c, d uint16
	var e uint64
	if _, err := fmt.Sscanf(s, "%08x-%04x-%04x-%04x-%012x", &a, &b, &c, &d, &e); err != nil {
		panic(err)
	}
	g := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint32(nil, a), b), c)
	return binary.BigEndian.AppendUint64(g, uint64(d)<<48|e)
}

// vhdx has its metadata at MiB 1, its table at MiB 2 and a block of 1 MiB at MiB 3.
// What is edited gets its sums.
func vhdx(edit func(b []byte)) []byte {
	b := make([]byte, 4*mib)
	le := binary.LittleEndian
	copy(b, "vhdxfile")
	for i, at := range []int{64 << 10, 128 << 10} {
		copy(b[at:], "head")
		le.PutUint64(b[at+8:], uint64(i))
		le.PutUint16(b[at+66:], 1)
	}
	regions := b[192<<10:]
	copy(regions, "regi")
	le.PutUint32(regions[8:], 2)
	for i, id := range []string{"8B7CA206-4790-4B9A-B8FE-575F050F886E", "2DC27766-F623-4200-9D64-115E9BFD4A08"} {
		copy(regions[16+32*i:], guid(id))
		le.PutUint64(regions[32+32*i:], uint64(1+i)*mib)
		le.PutUint32(regions[40+32*i:], mib)
		le.PutUint32(regions[44+32*i:], 1)
	}
	meta := b[mib:]
	copy(meta, "metadata")
	le.PutUint16(meta[10:], 3)
	for i, item := range []struct {
		id     string
		length uint32
	}{{"CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 8}, {"2FA54224-CD1B-4876-B211-5DBED83BF4B8", 8}, {"8141BF1D-A96F-4709-BA47-F233A8FAAB5F", 4}} {
		copy(meta[32+32*i:], guid(item.id))
		le.PutUint32(meta[48+32*i:], uint32(64<<10+8*i))
		le.PutUint32(meta[52+32*i:], item.length)
		le.PutUint32(meta[56+32*i:], 4)
	}
	le.PutUint32(meta[64<<10:], mib)
	le.PutUint64(meta[64<<10+8:], 4*mib)
	le.PutUint32(meta[64<<10+16:], 512)
	le.PutUint64(b[2*mib:], 3<<20|6)
	if edit != nil {
		edit(b)
	}
	for at, n := range map[int]int{64 << 10: 4 << 10, 128 << 10: 4 << 10, 192 << 10: 64 << 10} {
		clear(b[at+4 : at+8])
		le.PutUint32(b[at+4:], crc32.Checksum(b[at:at+n], crc32.MakeTable(crc32.Castagnoli)))
	}
	return b
}

type member struct {
	name string
	data []byte
}

func ova(members ...member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data))}
		if m.data == nil {
			h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/shadow"
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if _, err := w.Write(m.data); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func ovf(file string) member {
	return member{"x.ovf", fmt.Appendf(nil, `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References>
    <File ovf:id="other" ovf:href="other.txt"/>
    %s
  </References>
  <DiskSection>
    <Disk ovf:diskId="blank" ovf:capacity="1"/>
    <Disk ovf:diskId="first" ovf:fileRef="f1" ovf:capacity="4194304"/>
  </DiskSection>
</Envelope>`, file)}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		file   []byte
		want   diskimage.Info
	}{
		{"vmdk in one file", vmdk(described), diskimage.Info{Format: diskimage.VMDK, VirtualSize: 4 * mib}},
		{"vmdk as a stream, whose directory is at its end", stream(), diskimage.Info{Format: diskimage.VMDK, VirtualSize: 4 * mib}},
		{"vdi", vdi(), diskimage.Info{Format: diskimage.VDI, VirtualSize: 4 * mib}},
		{"vhd that grows", vhd(3), diskimage.Info{Format: diskimage.VHD, VirtualSize: 4 * mib}},
		{"vhd that doesn't", fixedVHD(), diskimage.Info{Format: diskimage.VHD, VirtualSize: 4 * mib}},
		{"vhdx", vhdx(nil), diskimage.Info{Format: diskimage.VHDX, VirtualSize: 4 * mib}},
		{"a region of a vhdx that need not be known", vhdx(func(b []byte) {
			b[192<<10+8] = 3
			copy(b[192<<10+16+64:], guid("11111111-2222-3333-4444-555555555555"))
		}), diskimage.Info{Format: diskimage.VHDX, VirtualSize: 4 * mib}},
		{"ova, whose disk is not its first file", ova(ovf(`<File ovf:id="f1" ovf:href="disk.vmdk"/>`), member{"other.txt", []byte("x")}, member{"disk.vmdk", stream()}), diskimage.Info{Format: diskimage.OVA, VirtualSize: 4 * mib}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if got, err := diskimage.Probe(bytes.NewReader(c.file), int64(len(c.file))); got != c.want || err != nil {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
			if _, err := diskimage.WriteRaw(&limited{}, bytes.NewReader(c.file), int64(len(c.file))); !errors.Is(err, diskimage.ErrUnsupported) {
				t.Errorf("it is taken for a qcow2: %v", err)
			}
		})
	}
}

// What points out of itself, contradicts itself or ends too soon is refused, and
// says which of the three.
func TestFormatsRefused(t *testing.T) {
	t.Parallel()
	le, be := binary.LittleEndian, binary.BigEndian
	edited := func(b []byte, edit func(b []byte)) []byte { edit(b); return b }
	cut := func(b []byte, n int) []byte { return b[:len(b)-n] }
	desc := func(old, new string) []byte {
		if !strings.Contains(described, old) {
			panic(old)
		}
		return vmdk(strings.Replace(described, old, new, 1))
	}
	disk := member{"disk.vmdk", stream()}
	file := func(href string) member { return ovf(`<File ovf:id="f1" ovf:href="` + href + `"/>`) }
	overlay := qcow2{version: 3, bits: 16, disk: pattern(mib), edit: func(b []byte) {
		be.PutUint64(b[8:], 512)
		be.PutUint32(b[16:], 11)
		copy(b[512:], "/etc/passwd")
	}}.file(t)
	whole := qcow2{version: 3, bits: 16, disk: bytes.Repeat([]byte("x"), mib)}.file(t)
	for _, c := range []struct {
		reason string
		file   []byte
		want   error
	}{
		{"qcow2 over /etc/passwd", overlay, diskimage.ErrUnsafe},
		{"qcow2 cut in its data", cut(whole, 3*65536), diskimage.ErrCorrupt},
		{"qcow2 whose second tables are one and the same for ever", edited(qcow2{version: 3, bits: 9, disk: make([]byte, 8*mib)}.file(t), func(b []byte) {
			for at := 512 + 8; at < 512+8*256; at += 8 {
				copy(b[at:], b[512:520])
			}
		}), diskimage.ErrCorrupt},

		{"vmdk that is only a description", []byte("# Disk DescriptorFile\nRW 8 FLAT \"/etc/shadow\" 0\n"), diskimage.ErrUnsafe},
		{"vmdk without data, which QEMU reads the description of", edited(desc(`RW 8192 SPARSE "x.vmdk"`, `RW 8 FLAT "/etc/shadow" 0`), func(b []byte) { le.PutUint64(b[12:], 0) }), diskimage.ErrUnsafe},
		{"vmdk with an extent that is a file of the host", desc(`SPARSE "x.vmdk"`, `FLAT "/etc/shadow" 0`), diskimage.ErrUnsafe},
		{"vmdk with an extent elsewhere", desc(`"x.vmdk"`, `"../../x.vmdk"`), diskimage.ErrUnsafe},
		{"vmdk with an extent elsewhere, on Windows", desc(`"x.vmdk"`, `"C:\x.vmdk"`), diskimage.ErrUnsafe},
		{"vmdk with two extents", desc("RW 8192", "RW 1 SPARSE \"y.vmdk\"\nRW 8192"), diskimage.ErrUnsafe},
		{"vmdk of a split disk", desc("monolithicSparse", "twoGbMaxExtentSparse"), diskimage.ErrUnsafe},
		{"vmdk of a device", desc("monolithicSparse", "fullDevice"), diskimage.ErrUnsafe},
		{"vmdk of two kinds", desc("CID=", "createType=\"monolithicFlat\"\nCID="), diskimage.ErrCorrupt},
		{"vmdk with a parent", desc("parentCID=ffffffff", "parentCID=12345678"), diskimage.ErrUnsafe},
		{"vmdk with a parent's name", desc("version=1", `parentFileNameHint="/etc/shadow"`), diskimage.ErrUnsafe},
		{"vmdk with a parent's name where only QEMU looks", edited(vmdk("parentFileNameHint=\"/etc/shadow\"\n"), func(b []byte) {
			le.PutUint64(b[28:], 200)
			copy(b[200*512:], described)
		}), diskimage.ErrUnsafe},
		{"vmdk that is one part of several", edited(vmdk(""), func(b []byte) { le.PutUint64(b[28:], 0); le.PutUint64(b[36:], 0) }), diskimage.ErrUnsafe},
		{"vmdk with a description of a GiB", edited(vmdk(described), func(b []byte) { le.PutUint64(b[36:], 1<<21) }), diskimage.ErrUnsafe},
		{"vmdk with a description outside the file", edited(vmdk(described), func(b []byte) { le.PutUint64(b[28:], 1<<40) }), diskimage.ErrCorrupt},
		{"vmdk of 8 EiB", edited(vmdk(described), func(b []byte) { le.PutUint64(b[12:], 1<<54) }), diskimage.ErrUnsupported},
		{"vmdk with a directory larger than the file", edited(vmdk(described), func(b []byte) { le.PutUint64(b[12:], 1<<36) }), diskimage.ErrCorrupt},
		{"vmdk with a directory outside the file", edited(vmdk(described), func(b []byte) { le.PutUint64(b[56:], 1<<62) }), diskimage.ErrCorrupt},
		{"vmdk with grains of nothing", edited(vmdk(described), func(b []byte) { le.PutUint64(b[20:], 0) }), diskimage.ErrCorrupt},
		{"vmdk with two grains in one place", edited(vmdk(described), func(b []byte) { le.PutUint32(b[22*512+4:], 128) }), diskimage.ErrCorrupt},
		{"vmdk cut in its data", cut(vmdk(described), 512), diskimage.ErrCorrupt},
		{"vmdk cut in its header", vmdk(described)[:40], diskimage.ErrCorrupt},
		{"vmdk stream without its end", cut(stream(), 1024), diskimage.ErrCorrupt},
		{"vmdk stream of another size at its end", edited(stream(), func(b []byte) { le.PutUint64(b[len(b)-1024+12:], 99) }), diskimage.ErrCorrupt},
		{"vmdk stream whose end points to the end", edited(stream(), func(b []byte) { le.PutUint64(b[len(b)-1024+56:], 1<<64-1) }), diskimage.ErrCorrupt},

		{"vdi that differs from another", edited(vdi(), func(b []byte) { le.PutUint32(b[76:], 4) }), diskimage.ErrUnsafe},
		{"vdi with a parent", edited(vdi(), func(b []byte) { b[440] = 1 }), diskimage.ErrUnsafe},
		{"vdi of a table larger than the file", edited(vdi(), func(b []byte) { le.PutUint64(b[368:], 1<<45); le.PutUint32(b[384:], 1<<31) }), diskimage.ErrCorrupt},
		{"vdi of too few blocks", edited(vdi(), func(b []byte) { le.PutUint32(b[384:], 1) }), diskimage.ErrCorrupt},
		{"vdi of 8 EiB", edited(vdi(), func(b []byte) { le.PutUint64(b[368:], 1<<63) }), diskimage.ErrUnsupported},
		{"vdi with odd blocks", edited(vdi(), func(b []byte) { le.PutUint32(b[376:], 1) }), diskimage.ErrUnsupported},
		{"vdi with two blocks in one place", edited(vdi(), func(b []byte) { le.PutUint32(b[516:], 0) }), diskimage.ErrCorrupt},
		{"vdi cut in its data", cut(vdi(), mib), diskimage.ErrCorrupt},
		{"vdi cut in its header", vdi()[:300], diskimage.ErrCorrupt},

		{"vhd that differs from another", vhd(4), diskimage.ErrUnsafe},
		{"vhd with a parent's name", edited(vhd(3), func(b []byte) { copy(b[512+64:], "\x00/\x00e\x00t\x00c") }), diskimage.ErrUnsafe},
		{"vhd with a parent's place", edited(vhd(3), func(b []byte) { copy(b[512+576:], "W2ku") }), diskimage.ErrUnsafe},
		{"vhd cut in its data", cut(vhd(3), mib), diskimage.ErrCorrupt},
		{"vhd with only its end", vhd(3)[512:], diskimage.ErrCorrupt},
		{"vhd with a wrong sum", edited(vhd(3), func(b []byte) { b[50]++ }), diskimage.ErrCorrupt},
		{"vhd with a table outside the file", edited(vhd(3), func(b []byte) { be.PutUint64(b[512+16:], 1<<63) }), diskimage.ErrCorrupt},
		{"vhd with blocks of nothing", edited(vhd(3), func(b []byte) { be.PutUint32(b[512+32:], 0) }), diskimage.ErrCorrupt},
		{"vhd of too few blocks", edited(vhd(3), func(b []byte) { be.PutUint32(b[512+28:], 1) }), diskimage.ErrCorrupt},
		{"vhd with two blocks in one place", edited(vhd(3), func(b []byte) { be.PutUint32(b[3*512+4:], 4) }), diskimage.ErrCorrupt},
		{"vhd without the beginning of its disk", fixedVHD()[mib:], diskimage.ErrCorrupt},

		{"vhdx with a parent's place", vhdx(func(b []byte) { copy(b[mib+32:], guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")) }), diskimage.ErrUnsafe},
		{"vhdx that says it has a parent", vhdx(func(b []byte) { b[mib+64<<10+4] = 2 }), diskimage.ErrUnsafe},
		{"vhdx with a block that is partly its parent's", vhdx(func(b []byte) { b[2*mib] = 7 }), diskimage.ErrUnsafe},
		{"vhdx with a log, which may change everything", vhdx(func(b []byte) { b[128<<10+48] = 1 }), diskimage.ErrUnsupported},
		{"vhdx with a region of the future", vhdx(func(b []byte) { b[192<<10+8] = 3; b[192<<10+16+64+28] = 1 }), diskimage.ErrUnsupported},
		{"vhdx with a region twice", vhdx(func(b []byte) { b[192<<10+8] = 3; copy(b[192<<10+16+64:], b[192<<10+16:192<<10+48]) }), diskimage.ErrCorrupt},
		{"vhdx with a region outside the file", vhdx(func(b []byte) { le.PutUint64(b[192<<10+32:], 1<<40) }), diskimage.ErrCorrupt},
		{"vhdx with two sizes", vhdx(func(b []byte) { b[mib+10] = 4; copy(b[mib+128:], b[mib+64:mib+96]) }), diskimage.ErrCorrupt},
		{"vhdx with a size outside the metadata", vhdx(func(b []byte) { le.PutUint32(b[mib+80:], 1<<31) }), diskimage.ErrCorrupt},
		{"vhdx without a size", vhdx(func(b []byte) { b[mib+10] = 1 }), diskimage.ErrCorrupt},
		{"vhdx of 8 EiB", vhdx(func(b []byte) { le.PutUint64(b[mib+64<<10+8:], 1<<63) }), diskimage.ErrUnsupported},
		{"vhdx of a table larger than its region", vhdx(func(b []byte) { le.PutUint64(b[mib+64<<10+8:], 1<<45) }), diskimage.ErrCorrupt},
		{"vhdx with blocks of nothing", vhdx(func(b []byte) { le.PutUint32(b[mib+64<<10:], 0) }), diskimage.ErrCorrupt},
		{"vhdx with two blocks in one place", vhdx(func(b []byte) { copy(b[2*mib+8:], b[2*mib:2*mib+8]) }), diskimage.ErrCorrupt},
		{"vhdx with headers that are half written", edited(vhdx(nil), func(b []byte) { b[64<<10+9]++; b[128<<10+9]++ }), diskimage.ErrCorrupt},
		{"vhdx cut in its data", cut(vhdx(nil), mib), diskimage.ErrCorrupt},
		{"vhdx cut in its header", vhdx(nil)[:100<<10], diskimage.ErrCorrupt},

		{"an archive that is no machine", ova(disk), diskimage.ErrUnsupported},
		{"ova with a disk of the host", ova(file("/etc/shadow"), disk), diskimage.ErrUnsafe},
		{"ova with a disk above it", ova(file("../disk.vmdk"), disk), diskimage.ErrUnsafe},
		{"ova with a disk on the net", ova(file("http://example.org/disk.vmdk"), disk), diskimage.ErrUnsafe},
		{"ova with a link", ova(file("disk.vmdk"), member{"disk.vmdk", nil}), diskimage.ErrUnsafe},
		{"ova without its disk", ova(file("disk.vmdk")), diskimage.ErrCorrupt},
		{"ova with a disk twice", ova(file("disk.vmdk"), disk, disk), diskimage.ErrCorrupt},
		{"ova with no disk in its description", ova(ovf(""), disk), diskimage.ErrUnsupported},
		{"ova with a disk in pieces", ova(ovf(`<File ovf:id="f1" ovf:href="disk.vmdk" ovf:chunkSize="7"/>`), disk), diskimage.ErrUnsupported},
		{"ova with a packed disk", ova(ovf(`<File ovf:id="f1" ovf:href="disk.vmdk" ovf:compression="gzip"/>`), disk), diskimage.ErrUnsupported},
		{"ova with rubbish for a description", ova(member{"x.ovf", []byte("<a><b>")}, disk), diskimage.ErrCorrupt},
		{"ova with an unsafe disk", ova(file("disk.vmdk"), member{"disk.vmdk", desc("monolithicSparse", "vmfs")}), diskimage.ErrUnsafe},
		{"ova in an ova", ova(file("disk.ova"), member{"disk.ova", ova(file("disk.vmdk"), disk)}), diskimage.ErrUnsupported},
		{"ova cut in its disk", cut(ova(file("disk.vmdk"), disk), 64<<10), diskimage.ErrCorrupt},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			r := &counted{r: bytes.NewReader(c.file)}
			if _, err := diskimage.Probe(r, int64(len(c.file))); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			r.check(t, len(c.file))
		})
	}
}

// counted counts what is read.
type counted struct {
	r io.ReaderAt
	n int64
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(b, at)
	c.n += int64(n)
	return n, err
}

// check reports work that the size of the file does not bound.
func (c *counted) check(t *testing.T, size int) {
	t.Helper()
	if most := 3*int64(size) + 4*mib; c.n > most {
		t.Errorf("%d bytes were read of a file of %d", c.n, size)
	}
}

// What qemu-img makes is taken for what it is, whole and not cut short.
func TestFormatsLikeQEMU(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed: formats are tried on images made by hand alone")
	}
	for _, c := range []struct {
		reason, driver, option string
		want                   diskimage.Format
	}{
		{"vmdk", "vmdk", "subformat=monolithicSparse", diskimage.VMDK},
		{"vmdk as a stream", "vmdk", "subformat=streamOptimized", diskimage.VMDK},
		{"vdi", "vdi", "static=off", diskimage.VDI},
		{"vdi that does not grow", "vdi", "static=on", diskimage.VDI},
		{"vhd", "vpc", "subformat=dynamic,force_size=on", diskimage.VHD},
		{"vhd that does not grow", "vpc", "subformat=fixed,force_size=on", diskimage.VHD},
		{"vhdx", "vhdx", "subformat=dynamic", diskimage.VHDX},
		{"vhdx that does not grow", "vhdx", "subformat=fixed", diskimage.VHDX},
		{"vhdx with the smallest blocks", "vhdx", "block_size=1M", diskimage.VHDX},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir, disk := t.TempDir(), bytes.Repeat([]byte("written"), 2*mib)
			disk = disk[:9*mib]
			raw, made := filepath.Join(dir, "raw"), filepath.Join(dir, "made")
			if err := os.WriteFile(raw, disk, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", c.driver, "-o", c.option, raw, made).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			file, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			want := diskimage.Info{Format: c.want, VirtualSize: int64(len(disk))}
			if got, err := diskimage.Probe(bytes.NewReader(file), int64(len(file))); got != want || err != nil {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
			half := file[:len(file)/2]
			if got, err := diskimage.Probe(bytes.NewReader(half), int64(len(half))); !errors.Is(err, diskimage.ErrCorrupt) && got.Format != diskimage.Raw {
				t.Errorf("half of it is %+v, %v", got, err)
			}
		})
	}
}

func FuzzProbe(f *testing.F) {
	for _, b := range [][]byte{{}, vmdk(described), stream(), vdi()[:4096], vhd(3)[:8192], footer(2), ova(ovf(`<File ovf:id="f1" ovf:href="d"/>`), member{"d", []byte("raw")}), qcow2{version: 3, bits: 9, disk: pattern(9000), packed: true}.file(f)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r := &counted{r: bytes.NewReader(file)}
		info, err := diskimage.Probe(r, int64(len(file)))
		if err == nil && (info.Format == "" || info.VirtualSize < 0 || info.VirtualSize > diskimage.MaxVirtualSize) {
			t.Errorf("%+v", info)
		}
		r.check(t, len(file))
	})
}
