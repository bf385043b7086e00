package intake

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// share makes two files one on the disk, until one is written to.
func share(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }

// nextData finds the next bytes of a file, from at on, that are no hole.
func nextData(f *os.File, at, size int64) (lo, hi int64, err error) {
	lo, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil { // the file system knows no holes
		return at, size, nil
	}
	hi, err = unix.Seek(int(f.Fd()), lo, unix.SEEK_HOLE)
	if err != nil {
		return lo, size, nil
	}
	return lo, hi, nil
}
