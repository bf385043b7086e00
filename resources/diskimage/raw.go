package diskimage

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
)

// WriteRaw writes the disk that a plain or qcow2 image of so many bytes describes. What is
// zero is not written: dst must read as zeros where nobody wrote, and the
// caller gives it the length of Info.VirtualSize.
func WriteRaw(dst io.WriterAt, src io.ReaderAt, size int64) (Info, error) {
	info, err := Probe(src, size)
	if err != nil {
		return info, err
	}
	switch {
	case info.Format.Plain():
		return info, copySparse(dst, io.NewSectionReader(src, 0, size))
	case info.Format != QCOW2:
		return info, fmt.Errorf("%w: it is %s, and raw and qcow2 are unpacked here", ErrUnsupported, info.Format)
	}
	h, err := readHeader(src, size)
	if err != nil {
		return info, err
	}
	q := &reader{header: h, src: src, dst: dst, file: size, cluster: 1 << h.clusterBits}
	q.met = make([]uint64, size>>h.clusterBits/64+1)
	q.packed = map[uint64]bool{}
	q.data, q.table = make([]byte, q.cluster), make([]byte, q.cluster)
	return info, q.write()
}

// block is how much is looked at at once when zeros are passed over.
const block = 64 << 10

func copySparse(dst io.WriterAt, src io.Reader) error {
	b := make([]byte, block)
	for at := int64(0); ; {
		n, err := io.ReadFull(src, b)
		if n > 0 && !zero(b[:n]) {
			if _, werr := dst.WriteAt(b[:n], at); werr != nil {
				return werr
			}
		}
		at += int64(n)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

var zeros [4096]byte

func zero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// reader walks the tables of one qcow2.
type reader struct {
	header
	src     io.ReaderAt
	dst     io.WriterAt
	file    int64
	cluster int64
	// met are the clusters of the file that a table has pointed to, packed the
	// compressed ones: an image points to each once, so the work is bounded by the file.
	met         []uint64
	packed      map[uint64]bool
	data, table []byte
	unpack      io.ReadCloser
}

// The bits of table entries.
const (
	offsetMask = 0x00fffffffffffe00
	compressed = 1 << 62
	reads0     = 1 << 0
)

func (q *reader) write() error {
	perTable := q.cluster / 8
	top := make([]byte, 8*min(int64(q.l1Size), 64<<10))
	for first := int64(0); first < int64(q.l1Size); first += int64(len(top) / 8) {
		n := min(int64(len(top)/8), int64(q.l1Size)-first)
		if err := q.read(top[:8*n], int64(q.l1Offset)+8*first); err != nil {
			return err
		}
		for i := range n {
			at := binary.BigEndian.Uint64(top[8*i:]) & offsetMask
			if at == 0 {
				continue
			}
			if err := q.meet(at); err != nil {
				return err
			}
			if err := q.read(q.table, int64(at)); err != nil {
				return err
			}
			if err := q.clusters((first + i) * perTable); err != nil {
				return err
			}
		}
	}
	return nil
}

// clusters writes what the second table says, whose first entry is a cluster of
// the disk.
func (q *reader) clusters(first int64) error {
	for i := range q.cluster / 8 {
		entry := binary.BigEndian.Uint64(q.table[8*i:])
		at := (first + i) * q.cluster
		if at >= q.size {
			return nil
		}
		switch {
		case entry&compressed != 0:
			if err := q.inflate(entry); err != nil {
				return err
			}
		case q.version == 3 && entry&reads0 != 0, entry&offsetMask == 0:
			continue
		default:
			host := entry & offsetMask
			if err := q.meet(host); err != nil {
				return err
			}
			if err := q.read(q.data, int64(host)); err != nil {
				return err
			}
		}
		data := q.data[:min(q.cluster, q.size-at)]
		if zero(data) {
			continue
		}
		if _, err := q.dst.WriteAt(data, at); err != nil {
			return err
		}
	}
	return nil
}

// meet notes that a table points to a cluster of the file.
func (q *reader) meet(at uint64) error {
	if at&uint64(q.cluster-1) != 0 || at >= uint64(q.file) {
		return fmt.Errorf("%w: a table points to byte %d of %d", ErrCorrupt, at, q.file)
	}
	n := at >> q.clusterBits
	if q.met[n/64]&(1<<(n%64)) != 0 {
		return fmt.Errorf("%w: two tables point to byte %d", ErrCorrupt, at)
	}
	q.met[n/64] |= 1 << (n % 64)
	return nil
}

// inflate unpacks a compressed cluster into q.data.
func (q *reader) inflate(entry uint64) error {
	bits := 62 - (q.clusterBits - 8)
	at := entry & (1<<bits - 1)
	sectors := (entry>>bits)&(1<<(q.clusterBits-8)-1) + 1
	length := int64(sectors)*512 - int64(at%512)
	if at >= uint64(q.file) {
		return fmt.Errorf("%w: a table points to byte %d of %d", ErrCorrupt, at, q.file)
	}
	if q.packed[at] {
		return fmt.Errorf("%w: two tables point to byte %d", ErrCorrupt, at)
	}
	q.packed[at] = true
	section := io.NewSectionReader(q.src, int64(at), min(length, q.file-int64(at)))
	if q.unpack == nil {
		q.unpack = flate.NewReader(section)
	} else if err := q.unpack.(flate.Resetter).Reset(section, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(q.unpack, q.data); err != nil {
		return fmt.Errorf("%w: the compressed cluster at byte %d: %w", ErrCorrupt, at, err)
	}
	return nil
}

// read fills b. The last cluster of a file may be cut short: the rest is zeros.
func (q *reader) read(b []byte, at int64) error {
	n, err := q.src.ReadAt(b, at)
	if err == io.EOF {
		clear(b[n:])
		return nil
	}
	return err
}
