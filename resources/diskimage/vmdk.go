package diskimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

const (
	sector = 512
	// descriptor begins a file that only says in which others a disk is.
	descriptor = "# Disk Descriptor"
	// atEnd is where a stream's directory is said to be: the copy of the header
	// behind the data knows.
	atEnd = 1<<64 - 1
	// description is how much of a description is read, and the most that may be:
	// 20 sectors are usual, and what QEMU reads.
	description    = 20 * sector
	maxDescription = 1 << 20
)

// vmdkHeader is VMware's SparseExtentHeader; places and sizes are in sectors.
type vmdkHeader struct {
	Magic                       [4]byte
	Version, Flags              uint32
	Capacity, Grain             uint64
	Description, DescriptionLen uint64
	PerTable                    uint32
	Spare, Directory            uint64
	Overhead                    uint64
	_                           [5]byte
	Compression                 uint16
}

// packedGrains is the flag that grains are compressed.
const packedGrains = 1 << 16

func readVMDK(s section, at int64) (h vmdkHeader, err error) {
	if n, err := s.ReadAt(h.Magic[:], at); n < len(h.Magic) {
		return h, fmt.Errorf("%w: its header is missing: %w", ErrCorrupt, err)
	}
	b, err := s.bytes("header", at, sector)
	if err == nil {
		_, err = binary.Decode(b, binary.LittleEndian, &h)
	}
	return h, err
}

// probeVMDK reads the header, the description and the tables of a disk that is all
// in one file.
func probeVMDK(r io.ReaderAt, size int64) (int64, error) {
	s := section{r, size}
	h, err := readVMDK(s, 0)
	switch {
	case string(h.Magic[:]) == descriptor[:4]:
		return 0, fmt.Errorf("%w: it is the description of a disk whose data is in other files", ErrUnsafe)
	case err != nil:
		return 0, err
	case h.Version < 1 || h.Version > 3:
		return 0, fmt.Errorf("%w: version %d of vmdk", ErrUnsupported, h.Version)
	case h.Capacity == 0:
		return 0, fmt.Errorf("%w: it has no data of its own", ErrUnsafe)
	case h.Capacity > MaxVirtualSize/sector:
		return 0, fmt.Errorf("%w: a disk of %d sectors, and %d is the limit", ErrUnsupported, h.Capacity, int64(MaxVirtualSize/sector))
	}
	if err := s.described(h); err != nil {
		return 0, err
	}
	if h.Directory == atEnd {
		// Behind the data: a marker, the header once more, and a marker of the end.
		end, err := readVMDK(s, size-2*sector)
		if err != nil {
			return 0, err
		}
		if end.Magic != h.Magic || end.Directory == atEnd {
			return 0, fmt.Errorf("%w: its end is missing", ErrCorrupt)
		}
		if end.Capacity != h.Capacity || end.Grain != h.Grain || end.PerTable != h.PerTable {
			return 0, fmt.Errorf("%w: its two headers differ", ErrCorrupt)
		}
		h = end
	}
	return int64(h.Capacity) * sector, s.grains(h)
}

// grains reports tables and data outside the file.
func (s section) grains(h vmdkHeader) error {
	if !powerOfTwo(h.Grain, 8, 1<<16) || h.PerTable != 512 {
		return fmt.Errorf("%w: grains of %d sectors, %d to a table", ErrCorrupt, h.Grain, h.PerTable)
	}
	most := uint64(s.size / sector)
	if h.Directory == 0 || h.Directory > most || h.Overhead > most {
		return fmt.Errorf("%w: its directory lies outside the file", ErrCorrupt)
	}
	grain, per := int64(h.Grain)*sector, int64(h.PerTable)
	tables := newBlocks(s.size, 4*per, 4*per)
	data := newBlocks(s.size, grain, sector)
	if h.Flags&packedGrains == 0 {
		data.take = grain
	}
	directory := s.walk(int64(h.Directory)*sector, ceil(int64(h.Capacity), int64(h.Grain)*per), 4).little()
	for e := range directory.entries {
		if e == 0 {
			continue
		}
		at := int64(e) * sector
		if err := tables.meet(at); err != nil {
			return err
		}
		table := s.walk(at, per, 4).little()
		for g := range table.entries {
			if g <= 1 { // not there, or zeros
				continue
			}
			if h.Flags&packedGrains != 0 {
				if int64(g)*sector > s.size-data.take {
					return fmt.Errorf("%w: a table points to byte %d of %d", ErrCorrupt, int64(g)*sector, s.size)
				}
				continue
			}
			if err := data.meet(int64(g) * sector); err != nil {
				return err
			}
		}
		if table.err != nil {
			return table.err
		}
	}
	return directory.err
}

// described checks the description inside a disk. Where the header says it is and
// where QEMU looks may be two places: nothing is hidden in either.
func (s section) described(h vmdkHeader) error {
	if h.Description == 0 || h.DescriptionLen == 0 || h.DescriptionLen > maxDescription/sector {
		return fmt.Errorf("%w: it has no description, so it is a part of a disk of several files", ErrUnsafe)
	}
	if h.Description > uint64(s.size/sector) {
		return fmt.Errorf("%w: its description lies outside the file", ErrCorrupt)
	}
	text, err := s.bytes("description", int64(h.Description)*sector, int64(h.DescriptionLen)*sector)
	if err != nil {
		return err
	}
	usual, err := s.bytes("description", sector, min(description, s.size-sector))
	if err != nil {
		return err
	}
	for _, b := range [][]byte{text, usual} {
		if b, _, _ = bytes.Cut(b, []byte{0}); bytes.Contains(bytes.ToLower(b), []byte("parentfilenamehint")) {
			return fmt.Errorf("%w: it has a parent", ErrUnsafe)
		}
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	return checkDescription(string(text))
}

var (
	extentLine = regexp.MustCompile(`^(?i:RW|RDONLY|NOACCESS)\s+\d+\s+(\S+)(?:\s+"([^"]*)")?`)
	settingOf  = regexp.MustCompile(`^\s*([A-Za-z]+)\s*=\s*"?([^"]*?)"?\s*$`)
)

// checkDescription refuses a description of more than the file that it is in.
func checkDescription(text string) error {
	kind, extents := "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := extentLine.FindStringSubmatch(line); m != nil {
			extents++
			if !strings.EqualFold(m[1], "SPARSE") || m[2] != path.Base(m[2]) || strings.Contains(m[2], `\`) {
				return fmt.Errorf("%w: it has an extent %s %q", ErrUnsafe, m[1], m[2])
			}
			continue
		}
		m := settingOf.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		switch key := strings.ToLower(m[1]); {
		case key == "createtype":
			if kind != "" && kind != m[2] {
				return fmt.Errorf("%w: it is %s and %s", ErrCorrupt, kind, m[2])
			}
			kind = m[2]
		case key == "parentcid" && !strings.EqualFold(m[2], "ffffffff"):
			return fmt.Errorf("%w: it has a parent", ErrUnsafe)
		}
	}
	switch {
	case kind != "monolithicSparse" && kind != "streamOptimized":
		return fmt.Errorf("%w: it is of kind %q, and monolithicSparse and streamOptimized have all in one file", ErrUnsafe, kind)
	case extents != 1:
		return fmt.Errorf("%w: it has %d extents", ErrUnsafe, extents)
	}
	return nil
}
