package diskimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// vhdFooter ends a VHD, and begins one that grows.
type vhdFooter struct {
	Cookie            [8]byte
	Features, Version uint32
	Data              uint64
	_                 [4]uint32 // when, by what and where it was made
	Original, Size    uint64
	_                 uint32 // its geometry
	Kind, Sum         uint32
}

// The kinds of VHD.
const (
	vhdFixed   = 2
	vhdDynamic = 3
	vhdDiffers = 4
)

// vhdTable is the header that says where the blocks of a VHD are that grows.
type vhdTable struct {
	Cookie         [8]byte
	_, Table       uint64
	_              uint32
	Entries, Block uint32
	_              uint32
	Parent         [16]byte
	_, _           uint32
	ParentName     [512]byte
	ParentLocators [192]byte
}

// footer reads a footer. It is none when its sum is wrong.
func (s section) footer(at int64) (f vhdFooter, err error) {
	b, err := s.bytes("footer", at, sector)
	if err != nil {
		return f, err
	}
	if _, err := binary.Decode(b, binary.BigEndian, &f); err != nil {
		return f, err
	}
	sum := uint32(0)
	for i, x := range b {
		if i < 64 || i >= 68 {
			sum += uint32(x)
		}
	}
	if string(f.Cookie[:]) != "conectix" || ^sum != f.Sum {
		return f, fmt.Errorf("%w: its footer is wrong", ErrCorrupt)
	}
	return f, nil
}

// endsVHD reports whether a footer is behind the bytes of a file.
func endsVHD(r io.ReaderAt, size int64) (bool, error) {
	if size < 2*sector {
		return false, nil
	}
	b, err := section{r, size}.bytes("end", size-sector, 8)
	return string(b) == "conectix", err
}

// probeFixedVHD reads a disk with a footer behind it.
func probeFixedVHD(s section) (int64, error) {
	f, err := s.footer(s.size - sector)
	switch {
	case err != nil:
		return 0, err
	case f.Kind != vhdFixed:
		return 0, fmt.Errorf("%w: its beginning is missing", ErrCorrupt)
	case f.Size > uint64(s.size-sector):
		return 0, fmt.Errorf("%w: it has %d bytes of a disk of %d", ErrCorrupt, s.size-sector, f.Size)
	}
	return int64(f.Size), nil
}

// probeVHD reads a disk that has a footer before it too, and grows, or only one behind it.
func probeVHD(r io.ReaderAt, size int64) (int64, error) {
	s := section{r, size}
	if b, err := s.bytes("footer", 0, 8); err != nil || string(b) != "conectix" {
		return probeFixedVHD(s)
	}
	f, err := s.footer(0)
	if err != nil {
		return 0, err
	}
	disk, err := virtual(f.Size)
	switch {
	case err != nil:
		return 0, err
	case f.Kind == vhdDiffers:
		return 0, fmt.Errorf("%w: it is the difference to another disk", ErrUnsafe)
	case f.Kind != vhdDynamic:
		return 0, fmt.Errorf("%w: kind %d of vhd", ErrUnsupported, f.Kind)
	case f.Data > uint64(size):
		return 0, fmt.Errorf("%w: its header lies outside the file", ErrCorrupt)
	}
	end, err := s.footer(size - sector)
	if err != nil || end.Kind != f.Kind || end.Size != f.Size {
		return 0, fmt.Errorf("%w: its end is missing", ErrCorrupt)
	}
	b, err := s.bytes("header", int64(f.Data), 2*sector)
	if err != nil {
		return 0, err
	}
	var t vhdTable
	if _, err := binary.Decode(b, binary.BigEndian, &t); err != nil {
		return 0, err
	}
	switch {
	case string(t.Cookie[:]) != "cxsparse":
		return 0, fmt.Errorf("%w: its header is wrong", ErrCorrupt)
	case len(bytes.Trim(t.Parent[:], "\x00")) > 0 || len(bytes.Trim(t.ParentName[:], "\x00")) > 0 || len(bytes.Trim(t.ParentLocators[:], "\x00")) > 0:
		return 0, fmt.Errorf("%w: it has a parent", ErrUnsafe)
	case !powerOfTwo(uint64(t.Block), 4<<10, 256<<20):
		return 0, fmt.Errorf("%w: blocks of %d bytes", ErrCorrupt, t.Block)
	case t.Table > uint64(size) || int64(t.Entries)*int64(t.Block) < disk:
		return 0, fmt.Errorf("%w: %d blocks for a disk of %d bytes", ErrCorrupt, t.Entries, disk)
	}
	unit := int64(t.Block)
	bitmap := ceil(unit/sector/8, sector) * sector
	data := newBlocks(size, unit, bitmap+unit)
	table := s.walk(int64(t.Table), ceil(disk, unit), 4)
	for e := range table.entries {
		if e == 1<<32-1 {
			continue
		}
		if err := data.meet(int64(e) * sector); err != nil {
			return 0, err
		}
	}
	return disk, table.err
}
