package intake

import (
	"context"
	"errors"
	"io"
	"os"
)

// Clone makes one file's bytes another's: shared where the file system can, else
// copied without the holes.
func Clone(ctx context.Context, to, from *os.File) error {
	if share(to, from) == nil {
		return nil
	}
	info, err := from.Stat()
	if err != nil {
		return err
	}
	for at := int64(0); ; {
		lo, hi, err := nextData(from, at, info.Size())
		if err != nil {
			return err
		}
		if lo >= info.Size() {
			return to.Truncate(info.Size())
		}
		if err := copyRange(ctx, to, from, lo, hi); err != nil {
			return err
		}
		at = hi
	}
}

// copyRange copies in pieces, so that a broken-off call ends soon.
func copyRange(ctx context.Context, to *os.File, from io.ReaderAt, lo, hi int64) error {
	b := make([]byte, min(hi-lo, 1<<20))
	for at := lo; at < hi; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.ReadAt(b[:min(int64(len(b)), hi-at)], at)
		if n == 0 && err != nil {
			return err
		}
		if _, err := to.WriteAt(b[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// SyncFolder has the names of a folder's files on the disk.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
