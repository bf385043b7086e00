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

// seen is a file as it was when it was hashed.
type seen struct {
	info fs.FileInfo
	sum  string
}

// hashes remembers the hashes of files by their path, for as long as path, size,
// time and inode stay the same.
var hashes sync.Map

// hashFile is the SHA-256 of a file. It costs one look at the file's metadata
// when the file has not changed since the last time.
func hashFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", withoutPath(err)
	}
	if x, ok := hashes.Load(path); ok {
		if was := x.(seen); os.SameFile(was.info, info) && was.info.Size() == info.Size() && was.info.ModTime().Equal(info.ModTime()) {
			return was.sum, nil
		}
	}
	sum, err := HashFile(path, "sha256:")
	if err == nil {
		hashes.Store(path, seen{info, sum})
	}
	return sum, err
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
	f, err := openImage(path)
	if err != nil {
		return diskimage.Info{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return diskimage.Info{}, err
	}
	return diskimage.Probe(f, info.Size())
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
