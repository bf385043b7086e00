package resources

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/cairncloud/cairn/resources/diskimage"
)

// seen is what was found out about a file as it was then.
type seen[T any] struct {
	info  fs.FileInfo
	found T
}

// A memory keeps what was found out about files by their paths, for as long as path,
// size, time and inode stay the same: then it costs one look at the file's metadata.
type memory[T any] struct{ files sync.Map }

var (
	hashes memory[string]
	probes memory[diskimage.Info]
)

func (m *memory[T]) of(path string, find func(*os.File) (T, error)) (found T, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return found, withoutPath(err)
	}
	if x, ok := m.files.Load(path); ok {
		if was := x.(seen[T]); os.SameFile(was.info, info) && was.info.Size() == info.Size() && was.info.ModTime().Equal(info.ModTime()) {
			return was.found, nil
		}
	}
	f, err := openImage(path)
	if err != nil {
		return found, err
	}
	defer func() { _ = f.Close() }()
	found, err = find(f)
	if err == nil {
		m.files.Store(path, seen[T]{info, found})
	}
	return found, err
}

// hashFile is the SHA-256 of a file.
func hashFile(path string) (string, error) {
	return hashes.of(path, func(f *os.File) (string, error) { return Hash(f, "sha256:") })
}

// HashFile is the hash of a file, by the algorithm that like begins with.
func HashFile(path, like string) (string, error) {
	f, err := openImage(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	return Hash(f, like)
}

// Hash is the hash of what r holds, by the algorithm that like begins with: in the
// spelling of source_checksum.
func Hash(r io.Reader, like string) (string, error) {
	h, name := hash.Hash(sha256.New()), "sha256:"
	if strings.HasPrefix(like, "sha512:") {
		h, name = sha512.New(), "sha512:"
	}
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return name + hex.EncodeToString(h.Sum(nil)), nil
}

func probeFile(path string) (diskimage.Info, error) {
	return probes.of(path, func(f *os.File) (diskimage.Info, error) {
		info, err := f.Stat()
		if err != nil {
			return diskimage.Info{}, err
		}
		return diskimage.Probe(f, info.Size())
	})
}

// openImage opens a regular file: a pipe would wait for a writer for ever.
func openImage(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	return f, withoutPath(err)
}

func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
