// Package diskimage reads disk images: raw ones, and qcow2 as QEMU's
// docs/interop/qcow2.txt describes it. It reads what strangers made: an image
// that points to other files is refused, and work and memory are bounded by the
// size of the file and of the disk. It writes no qcow2.
package diskimage

import (
	"encoding/binary"
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
)

// Values lists the formats.
func (Format) Values() []string { return []string{string(Raw), string(QCOW2)} }

// ErrUnsafe is what an image is refused with that points to another file, which
// the guest would then read.
var ErrUnsafe = errors.New("the image refers to another file")

// ErrUnsupported is what an image is refused with whose features are not known here.
var ErrUnsupported = errors.New("the image has a feature that is not supported")

// ErrCorrupt is what an image is refused with that contradicts itself.
var ErrCorrupt = errors.New("the image is damaged")

// MaxVirtualSize bounds the disks that images may describe: 64 TiB.
const MaxVirtualSize = 64 << 40

// Info is what an image says of itself.
type Info struct {
	Format      Format
	VirtualSize int64 // of the disk, in bytes
}

var magic = []byte("QFI\xfb")

// Probe finds out the format of an image of so many bytes. What is not qcow2 is
// raw, except formats that are known and can't be read here.
func Probe(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, min(size, 8))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return Info{}, err
	}
	if string(head[:min(4, len(head))]) == string(magic) {
		h, err := readHeader(r, size)
		if err != nil {
			return Info{Format: QCOW2}, err
		}
		return Info{QCOW2, h.size}, nil
	}
	for _, foreign := range []struct{ magic, name string }{
		{"KDMV", "vmdk"}, {"COWD", "vmdk"}, {"# Disk D", "vmdk"}, {"vhdxfile", "vhdx"}, {"conectix", "vhd"}, {"<<< ", "vdi"}, {"LUKS\xba\xbe", "luks"}, {"QED\x00", "qed"},
	} {
		if len(head) >= len(foreign.magic) && string(head[:len(foreign.magic)]) == foreign.magic {
			return Info{}, fmt.Errorf("%w: it is a %s file, and raw and qcow2 are read", ErrUnsupported, foreign.name)
		}
	}
	return Info{Raw, size}, nil
}

// header is what is needed of a qcow2's.
type header struct {
	version     uint32
	clusterBits uint32
	size        int64
	l1Size      uint32
	l1Offset    uint64
}

// The bits of incompatible features.
const (
	dirty        = 1 << 0
	corrupt      = 1 << 1
	externalData = 1 << 2
	compression  = 1 << 3
	extendedL2   = 1 << 4
)

func readHeader(r io.ReaderAt, fileSize int64) (header, error) {
	b := make([]byte, 112)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return header{}, err
	}
	if n < 72 {
		return header{}, fmt.Errorf("%w: its header ends after %d bytes", ErrCorrupt, n)
	}
	be := binary.BigEndian
	h := header{version: be.Uint32(b[4:]), clusterBits: be.Uint32(b[20:]), l1Size: be.Uint32(b[36:]), l1Offset: be.Uint64(b[40:])}
	size := be.Uint64(b[24:])
	switch {
	case h.version != 2 && h.version != 3:
		return header{}, fmt.Errorf("%w: version %d of qcow2", ErrUnsupported, h.version)
	case h.version == 3 && n < 104:
		return header{}, fmt.Errorf("%w: its header ends after %d bytes", ErrCorrupt, n)
	case be.Uint64(b[8:]) != 0 || be.Uint32(b[16:]) != 0:
		return header{}, fmt.Errorf("%w: it has a backing file", ErrUnsafe)
	case be.Uint32(b[32:]) != 0:
		return header{}, fmt.Errorf("%w: it is encrypted", ErrUnsupported)
	case h.clusterBits < 9 || h.clusterBits > 21:
		return header{}, fmt.Errorf("%w: clusters of 2^%d bytes", ErrCorrupt, h.clusterBits)
	case size > MaxVirtualSize:
		return header{}, fmt.Errorf("%w: a disk of %d bytes, and %d is the limit", ErrUnsupported, size, int64(MaxVirtualSize))
	}
	h.size = int64(size)
	if h.version == 3 {
		if err := features(be.Uint64(b[72:]), be.Uint32(b[100:]), b[104], n); err != nil {
			return header{}, err
		}
	}
	cluster := uint64(1) << h.clusterBits
	perTable := cluster * (cluster / 8)
	needs := (size + perTable - 1) / perTable
	switch {
	case uint64(h.l1Size) < needs:
		return header{}, fmt.Errorf("%w: its table has %d entries, and the disk needs %d", ErrCorrupt, h.l1Size, needs)
	case h.l1Offset%cluster != 0 || h.l1Offset > uint64(fileSize) || needs*8 > uint64(fileSize)-h.l1Offset:
		return header{}, fmt.Errorf("%w: its table lies outside the file", ErrCorrupt)
	}
	h.l1Size = uint32(needs) // what is beyond the disk is never read
	return h, nil
}

func features(bits uint64, length uint32, compressionType byte, n int) error {
	switch {
	case bits&externalData != 0:
		return fmt.Errorf("%w: its data is in another file", ErrUnsafe)
	case bits&corrupt != 0:
		return fmt.Errorf("%w: it is marked so", ErrCorrupt)
	case bits&extendedL2 != 0:
		return fmt.Errorf("%w: extended L2 entries", ErrUnsupported)
	case bits&^(dirty|compression) != 0:
		return fmt.Errorf("%w: incompatible features %#x", ErrUnsupported, bits)
	case length < 104:
		return fmt.Errorf("%w: a header of %d bytes", ErrCorrupt, length)
	case bits&compression != 0 && (length <= 104 || n <= 104 || compressionType != 0):
		return fmt.Errorf("%w: clusters that are not compressed with zlib", ErrUnsupported)
	}
	return nil
}
