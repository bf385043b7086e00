package diskimage

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// section is a file of so many bytes that strangers made.
type section struct {
	io.ReaderAt
	size int64
}

// bytes reads n bytes that must be there.
func (s section) bytes(what string, at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > s.size || n > s.size-at {
		return nil, fmt.Errorf("%w: its %s lies outside the file", ErrCorrupt, what)
	}
	b := make([]byte, n)
	if m, err := s.ReadAt(b, at); int64(m) < n {
		return nil, fmt.Errorf("read its %s: %w", what, err)
	}
	return b, nil
}

// A walk goes over a table of numbers, a piece at a time.
type walk struct {
	section
	at, n int64
	width int64
	order binary.ByteOrder
	err   error
}

// walk is a table of n numbers of width bytes, the most significant byte first.
func (s section) walk(at, n, width int64) *walk {
	return &walk{section: s, at: at, n: n, width: width, order: binary.BigEndian}
}

func (w *walk) little() *walk {
	w.order = binary.LittleEndian
	return w
}

// entries yields the numbers. A table outside the file is w.err.
func (w *walk) entries(yield func(uint64) bool) {
	for left := w.n; left > 0; {
		n := min(left, block/w.width)
		b, err := w.bytes("table", w.at+(w.n-left)*w.width, n*w.width)
		if err != nil {
			w.err = err
			return
		}
		for i := range n {
			v := uint64(0)
			if w.width == 8 {
				v = w.order.Uint64(b[8*i:])
			} else {
				v = uint64(w.order.Uint32(b[4*i:]))
			}
			if !yield(v) {
				return
			}
		}
		left -= n
	}
}

// blocks are the pieces of equal size that the data of an image is in. A table
// points to each once at most: what points twice makes a large disk of a small file.
type blocks struct {
	file, unit, take int64 // bytes of the file, of a block's data, and of a block in all
	met              []uint64
}

func newBlocks(file, unit, take int64) *blocks {
	return &blocks{file: file, unit: unit, take: take, met: make([]uint64, file/unit/64+1)}
}

func (b *blocks) meet(at int64) error {
	if at <= 0 || at > b.file-b.take {
		return fmt.Errorf("%w: a table points to byte %d of %d", ErrCorrupt, at, b.file)
	}
	n := at / b.unit
	if b.met[n/64]&(1<<(n%64)) != 0 {
		return fmt.Errorf("%w: two tables point to byte %d", ErrCorrupt, at)
	}
	b.met[n/64] |= 1 << (n % 64)
	return nil
}

// powerOfTwo reports whether n is one, from least to most.
func powerOfTwo(n, least, most uint64) bool {
	return n >= least && n <= most && bits.OnesCount64(n) == 1
}

// virtual is a size that an image may state for its disk.
func virtual(n uint64) (int64, error) {
	if n > MaxVirtualSize {
		return 0, fmt.Errorf("%w: a disk of %d bytes, and %d is the limit", ErrUnsupported, n, int64(MaxVirtualSize))
	}
	return int64(n), nil
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }
