package diskimage

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// A guid as it is in the file: its first three parts have the least significant
// byte first.
type guid [16]byte

func parseGUID(s string) (g guid) {
	var a uint32
	var b, c, d uint16
	var e uint64
	if _, err := fmt.Sscanf(s, "%08x-%04x-%04x-%04x-%012x", &a, &b, &c, &d, &e); err != nil {
		panic(err)
	}
	binary.LittleEndian.PutUint32(g[0:], a)
	binary.LittleEndian.PutUint16(g[4:], b)
	binary.LittleEndian.PutUint16(g[6:], c)
	binary.BigEndian.PutUint64(g[8:], uint64(d)<<48|e)
	return g
}

// What a VHDX is made of, by [MS-VHDX] sections 2.4 and 2.6.
var (
	vhdxBlocks   = parseGUID("2DC27766-F623-4200-9D64-115E9BFD4A08")
	vhdxMetadata = parseGUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")
	vhdxFile     = parseGUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
	vhdxSize     = parseGUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
	vhdxSector   = parseGUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
	vhdxParent   = parseGUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
	vhdxOther    = []guid{parseGUID("BECA12AB-B2E6-4523-93EF-C309E000C746"), parseGUID("CDA348C7-445D-4471-9CC9-E9885251C556")} // its id and its physical sectors
)

// The states of a block, [MS-VHDX] section 2.5.1.1.
const (
	vhdxPresent = 6
	vhdxPartly  = 7 // the rest is the parent's
)

func probeVHDX(r io.ReaderAt, size int64) (int64, error) {
	s := section{r, size}
	if err := s.closed(); err != nil {
		return 0, err
	}
	regions, err := s.regions()
	if err != nil {
		return 0, err
	}
	m, err := s.metadata(regions[vhdxMetadata])
	if err != nil {
		return 0, err
	}
	return m.disk, s.vhdxData(regions[vhdxBlocks], m)
}

// sum reports whether a structure's checksum is right, which is in its bytes 4 to 8.
func sum(b []byte) bool {
	c := slices.Clone(b)
	clear(c[4:8])
	return crc32.Checksum(c, crc32.MakeTable(crc32.Castagnoli)) == binary.LittleEndian.Uint32(b[4:])
}

// closed refuses an image whose log has to be replayed before its tables are true.
func (s section) closed() error {
	var current []byte
	for _, at := range []int64{64 << 10, 128 << 10} {
		b, err := s.bytes("header", at, 4<<10)
		if err != nil {
			return err
		}
		if string(b[:4]) != "head" || !sum(b) {
			continue
		}
		if current == nil || binary.LittleEndian.Uint64(b[8:]) > binary.LittleEndian.Uint64(current[8:]) {
			current = b
		}
	}
	switch {
	case current == nil:
		return fmt.Errorf("%w: it has no header that is whole", ErrCorrupt)
	case guid(current[48:64]) != guid{}:
		return fmt.Errorf("%w: it was not closed, and its log has to be replayed", ErrUnsupported)
	case binary.LittleEndian.Uint16(current[66:]) != 1:
		return fmt.Errorf("%w: version %d of vhdx", ErrUnsupported, binary.LittleEndian.Uint16(current[66:]))
	}
	return nil
}

// span is a part of a file.
type span struct{ at, n int64 }

func (s section) regions() (map[guid]span, error) {
	b, err := s.bytes("table", 192<<10, 64<<10)
	if err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint32(b[8:]))
	if string(b[:4]) != "regi" || !sum(b) || n > 2047 {
		return nil, fmt.Errorf("%w: its table of regions is wrong", ErrCorrupt)
	}
	all := map[guid]span{}
	for i := range n {
		e := b[16+32*i:]
		id, at, length, must := guid(e[:16]), binary.LittleEndian.Uint64(e[16:]), binary.LittleEndian.Uint32(e[24:]), binary.LittleEndian.Uint32(e[28:])
		_, twice := all[id]
		switch {
		case id != vhdxBlocks && id != vhdxMetadata:
			if must&1 != 0 {
				return nil, fmt.Errorf("%w: a region of it is not known", ErrUnsupported)
			}
			continue
		case twice:
			return nil, fmt.Errorf("%w: it has a region twice", ErrCorrupt)
		case at < 1<<20 || at%(1<<20) != 0 || at > uint64(s.size) || int64(length) > s.size-int64(at):
			return nil, fmt.Errorf("%w: a region of it lies outside the file", ErrCorrupt)
		}
		all[id] = span{int64(at), int64(length)}
	}
	if len(all) != 2 {
		return nil, fmt.Errorf("%w: a region of it is missing", ErrCorrupt)
	}
	return all, nil
}

// vhdxMeta is what is needed of the metadata.
type vhdxMeta struct{ disk, block, sector int64 }

func (s section) metadata(region span) (m vhdxMeta, err error) {
	if region.n < 64<<10 {
		return m, fmt.Errorf("%w: metadata of %d bytes", ErrCorrupt, region.n)
	}
	b, err := s.bytes("metadata", region.at, 64<<10)
	if err != nil {
		return m, err
	}
	n := int(binary.LittleEndian.Uint16(b[10:]))
	if string(b[:8]) != "metadata" || n > 2047 {
		return m, fmt.Errorf("%w: its metadata is wrong", ErrCorrupt)
	}
	items := map[guid][]byte{}
	for i := range n {
		e := b[32+32*i:]
		id, flags := guid(e[:16]), binary.LittleEndian.Uint32(e[24:])
		if id == vhdxParent {
			return m, fmt.Errorf("%w: it has a parent", ErrUnsafe)
		}
		if id != vhdxFile && id != vhdxSize && id != vhdxSector {
			if flags&4 != 0 && !slices.Contains(vhdxOther, id) {
				return m, fmt.Errorf("%w: a part of its metadata is not known", ErrUnsupported)
			}
			continue
		}
		at, length := int64(binary.LittleEndian.Uint32(e[16:])), int64(binary.LittleEndian.Uint32(e[20:]))
		if items[id] != nil || length < 4 || length > 64 || at > region.n-length {
			return m, fmt.Errorf("%w: its metadata is wrong", ErrCorrupt)
		}
		if items[id], err = s.bytes("metadata", region.at+at, length); err != nil {
			return m, err
		}
	}
	if len(items[vhdxFile]) != 8 || len(items[vhdxSize]) != 8 || len(items[vhdxSector]) != 4 {
		return m, fmt.Errorf("%w: a part of its metadata is missing", ErrCorrupt)
	}
	le := binary.LittleEndian
	if le.Uint32(items[vhdxFile][4:])&2 != 0 {
		return m, fmt.Errorf("%w: it has a parent", ErrUnsafe)
	}
	m.block, m.sector = int64(le.Uint32(items[vhdxFile])), int64(le.Uint32(items[vhdxSector]))
	if !powerOfTwo(uint64(m.block), 1<<20, 256<<20) || m.sector != 512 && m.sector != 4096 {
		return m, fmt.Errorf("%w: blocks of %d bytes, sectors of %d", ErrCorrupt, m.block, m.sector)
	}
	m.disk, err = virtual(le.Uint64(items[vhdxSize]))
	return m, err
}

// vhdxData reports blocks outside the file. After so many of them, the table has
// an entry of another kind.
func (s section) vhdxData(region span, m vhdxMeta) error {
	ratio := (m.sector << 23) / m.block
	n := ceil(m.disk, m.block)
	if n > 0 {
		n += (n - 1) / ratio
	}
	if n*8 > region.n {
		return fmt.Errorf("%w: its table has room for %d entries, and the disk needs %d", ErrCorrupt, region.n/8, n)
	}
	data := newBlocks(s.size, m.block, m.block)
	table := s.walk(region.at, n, 8).little()
	i := int64(-1)
	for e := range table.entries {
		if i++; i%(ratio+1) == ratio {
			continue
		}
		switch e & 7 {
		case vhdxPresent:
			at := e >> 20
			if at > uint64(s.size>>20) {
				return fmt.Errorf("%w: a table points to MiB %d of %d", ErrCorrupt, at, s.size>>20)
			}
			if err := data.meet(int64(at) << 20); err != nil {
				return err
			}
		case vhdxPartly:
			return fmt.Errorf("%w: a block of it is partly its parent's", ErrUnsafe)
		}
	}
	return table.err
}
