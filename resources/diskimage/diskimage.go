// Package diskimage reads what disk images say of themselves, and makes raw disks
// of raw and qcow2 ones. It reads what strangers made: an image that points to
// other files is refused, and work and memory are bounded by the size of the file
// and of the disk. It writes no format but raw.
//
// The formats are as their makers describe them: QEMU's docs/interop/qcow2.txt,
// VMware's Virtual Disk Format 5.0, VirtualBox's VDICore.h, Microsoft's Virtual Hard
// Disk Image Format Specification and [MS-VHDX], ECMA-119 for ISO, DMTF's DSP0243
// for OVA.
package diskimage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A Format is a way to write a disk into a file.
type Format string

// The formats.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
	VMDK  Format = "vmdk" // one file: monolithicSparse or streamOptimized
	VDI   Format = "vdi"
	VHD   Format = "vhd"
	VHDX  Format = "vhdx"
	ISO   Format = "iso" // the bytes of a raw disk that is a CD
	OVA   Format = "ova" // an archive of a machine's description and its disks
	AMI   Format = "ami" // a raw disk by Amazon's name; Probe calls it raw
)

// Values lists the formats.
func (Format) Values() []string {
	return []string{string(Raw), string(QCOW2), string(VMDK), string(VDI), string(VHD), string(VHDX), string(ISO), string(OVA), string(AMI)}
}

// Fits reports whether f may be said of a file that Probe found to be another
// format: ami of a raw one, and raw of a CD, for one that also boots as a disk.
func (f Format) Fits(probed Format) bool {
	return f == probed || f == AMI && probed == Raw || f == Raw && probed == ISO
}

// Plain reports whether the file is the disk, byte for byte.
func (f Format) Plain() bool { return f == Raw || f == ISO || f == AMI }

// ErrUnsafe is what an image is refused with that points to another file, which
// the guest would then read.
var ErrUnsafe = errors.New("the image refers to another file")

// ErrUnsupported is what an image is refused with whose features are not known here.
var ErrUnsupported = errors.New("the image has a feature that is not supported")

// ErrCorrupt is what an image is refused with that contradicts itself, or has been
// cut short.
var ErrCorrupt = errors.New("the image is damaged")

// MaxVirtualSize bounds the disks that images may describe: 64 TiB.
const MaxVirtualSize = 64 << 40

// Info is what an image says of itself.
type Info struct {
	Format      Format
	VirtualSize int64 // of the disk, in bytes; of an OVA, that of its first disk
}

// A sign is what files of a format have at one place.
type sign struct {
	at   int64
	text string
}

// known are the formats that are read.
var known = []struct {
	sign
	format Format
}{
	{sign{0, "QFI\xfb"}, QCOW2},
	{sign{0, "KDMV"}, VMDK},
	{sign{0, descriptor}, VMDK},
	{sign{64, "\x7f\x10\xda\xbe"}, VDI},
	{sign{0, "conectix"}, VHD},
	{sign{0, "vhdxfile"}, VHDX},
	{sign{257, "ustar"}, OVA},
	{sign{32769, "CD001"}, ISO},
	{sign{32769, "BEA01"}, ISO}, // UDF alone
}

// foreign are those that are not, and would be taken for raw disks.
var foreign = []struct {
	sign
	name string
}{
	{sign{0, "COWD"}, "a vmdk of an old kind"},
	{sign{0, "LUKS\xba\xbe"}, "an encrypted luks disk"},
	{sign{0, "QED\x00"}, "a qed image"},
	{sign{0, "WithoutFreeSpace"}, "a parallels image"},
	{sign{0, "WithouFreSpacExt"}, "a parallels image"},
	{sign{0, "\x1f\x8b\x08"}, "packed with gzip"},
	{sign{0, "\xfd7zXZ\x00"}, "packed with xz"},
	{sign{0, "\x28\xb5\x2f\xfd"}, "packed with zstd"},
	{sign{0, "BZh91AY&SY"}, "packed with bzip2"},
}

// Probe finds out the format of an image of so many bytes, and whether all that
// its tables point to is in the file. What is of no known format is raw. It reads
// headers and tables, no data.
func Probe(r io.ReaderAt, size int64) (Info, error) {
	format, err := look(r, size)
	if err != nil || format != OVA {
		return read(format, r, size, err)
	}
	_, disk, err := FirstDisk(r, size)
	return Info{OVA, disk.VirtualSize}, err
}

// look finds out the format by what files of it begin or end with.
func look(r io.ReaderAt, size int64) (Format, error) {
	head := make([]byte, min(size, 33<<10))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return "", err
	}
	for _, k := range known {
		if k.on(head) {
			return k.format, nil
		}
	}
	for _, f := range foreign {
		if f.on(head) {
			return "", fmt.Errorf("%w: it is %s", ErrUnsupported, f.name)
		}
	}
	if fixed, err := endsVHD(r, size); fixed || err != nil {
		return VHD, err
	}
	return Raw, nil
}

// read looks into a file of one format that is no OVA.
func read(format Format, r io.ReaderAt, size int64, err error) (Info, error) {
	info := Info{Format: format}
	if err != nil {
		return info, err
	}
	switch format {
	case QCOW2:
		info.VirtualSize, err = probeQCOW2(r, size)
	case VMDK:
		info.VirtualSize, err = probeVMDK(r, size)
	case VDI:
		info.VirtualSize, err = probeVDI(r, size)
	case VHD:
		info.VirtualSize, err = probeVHD(r, size)
	case VHDX:
		info.VirtualSize, err = probeVHDX(r, size)
	default:
		info.VirtualSize = size
	}
	return info, err
}

func (s sign) on(head []byte) bool {
	return int64(len(head)) >= s.at && bytes.HasPrefix(head[s.at:], []byte(s.text))
}
