package diskimage

import (
	"encoding/binary"
	"fmt"
	"io"
)

func probeQCOW2(r io.ReaderAt, size int64) (int64, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return 0, err
	}
	return h.size, h.reach(r, size)
}

// reach reports tables and clusters that begin behind the end of the file, as those
// of a file do that was cut short, and tables that are used twice.
func (h header) reach(r io.ReaderAt, size int64) error {
	cluster := int64(1) << h.clusterBits
	tables := newBlocks(size, cluster, 1)
	table := make([]byte, cluster)
	top := section{r, size}.walk(int64(h.l1Offset), int64(h.l1Size), 8)
	for e := range top.entries {
		at := int64(e & offsetMask)
		if at == 0 {
			continue
		}
		if err := tables.meet(at); err != nil {
			return err
		}
		if _, err := r.ReadAt(table, at); err != nil && err != io.EOF {
			return err
		}
		for i := int64(0); i < cluster; i += 8 {
			e := binary.BigEndian.Uint64(table[i:])
			data := int64(e & offsetMask)
			if e&compressed != 0 {
				data = int64(e & (1<<(62-(h.clusterBits-8)) - 1))
			}
			if data >= size {
				return fmt.Errorf("%w: a table points to byte %d of %d", ErrCorrupt, data, size)
			}
		}
		clear(table)
	}
	return top.err
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
