//go:build !linux

package intake

import (
	"errors"
	"os"
)

func share(_, _ *os.File) error { return errors.ErrUnsupported }

func nextData(_ *os.File, at, size int64) (lo, hi int64, err error) { return at, size, nil }
