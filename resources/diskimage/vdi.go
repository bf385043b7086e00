package diskimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// vdiHeader is VirtualBox's, from the signature on at byte 64.
type vdiHeader struct {
	Signature, Version, Length, Kind, Flags uint32
	_                                       [256]byte
	Map, Data                               uint32
	_                                       [3]uint32
	Sector                                  uint32
	_                                       uint32
	Size                                    uint64
	Block, BlockExtra, Blocks, Allocated    uint32
	_, _                                    [16]byte // of the image and of its last snapshot
	Link, Parent                            [16]byte
}

// The kinds of VDI that stand alone.
const (
	vdiDynamic = 1
	vdiStatic  = 2
)

// vdiBlock is the only size of blocks that VirtualBox and QEMU have.
const vdiBlock = 1 << 20

func probeVDI(r io.ReaderAt, size int64) (int64, error) {
	s := section{r, size}
	var h vdiHeader
	b, err := s.bytes("header", 64, int64(binary.Size(h)))
	if err != nil {
		return 0, err
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &h); err != nil {
		return 0, err
	}
	disk, err := virtual(h.Size)
	switch {
	case err != nil:
		return 0, err
	case h.Version != 1<<16|1:
		return 0, fmt.Errorf("%w: version %d.%d of vdi", ErrUnsupported, h.Version>>16, h.Version&0xffff)
	case h.Kind != vdiDynamic && h.Kind != vdiStatic:
		return 0, fmt.Errorf("%w: it is the difference to another disk", ErrUnsafe)
	case len(bytes.Trim(h.Link[:], "\x00")) > 0 || len(bytes.Trim(h.Parent[:], "\x00")) > 0:
		return 0, fmt.Errorf("%w: it has a parent", ErrUnsafe)
	case h.Sector != sector || h.Block != vdiBlock || h.BlockExtra != 0:
		return 0, fmt.Errorf("%w: blocks of %d+%d bytes, sectors of %d", ErrUnsupported, h.Block, h.BlockExtra, h.Sector)
	case int64(h.Blocks) < ceil(disk, vdiBlock) || h.Map%sector != 0 || h.Data%sector != 0:
		return 0, fmt.Errorf("%w: %d blocks for a disk of %d bytes", ErrCorrupt, h.Blocks, disk)
	}
	data := newBlocks(size, vdiBlock, vdiBlock)
	table := s.walk(int64(h.Map), ceil(disk, vdiBlock), 4).little()
	for e := range table.entries {
		if e >= 1<<32-2 { // not there, or zeros
			continue
		}
		if err := data.meet(int64(h.Data) + int64(e)*vdiBlock); err != nil {
			return 0, err
		}
	}
	return disk, table.err
}
