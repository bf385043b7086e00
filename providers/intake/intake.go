// Package intake takes images in: it fetches the bytes that were planned, whatever
// the line does, and makes a disk of them that hangs on nothing else. It makes no
// resource; drivers do, each in its own place.
//
// What is fetched was written by strangers. Package diskimage looks into it before
// anything else does, and QEMU's tools get it with its format said, no way to
// another file, and limits.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairncloud/cairn/resources"
)

// ErrUnfit is what a source is refused with that is not what was planned: no repeat
// mends that.
var ErrUnfit = errors.New("the source is not what was planned")

func unfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnfit, fmt.Sprintf(format, args...))
}

// A Source is the file of an image whose checksum is right. Nobody changes it until
// it is closed.
type Source struct {
	Path string
	Size int64

	held *lock
}

// Close removes the file, when nobody else uses it at the moment.
func (s *Source) Close() error {
	alone, err := s.held.alone()
	if err == nil && alone {
		err = errors.Join(os.Remove(s.Path), s.held.remove())
	}
	return errors.Join(err, s.held.release())
}

// Fetch takes the bytes of an image, whose checksum is known, into a folder that
// only cairn writes to. Whoever fetches the same bytes into the same folder
// meanwhile, in this process or another, waits and uses the same file. A download
// that breaks off goes on where it was, in this call and in the next.
func Fetch(ctx context.Context, image *resources.Image, dir string) (*Source, error) {
	return Usual.Fetch(ctx, image, dir)
}

// Limits are what a fetch puts up with.
type Limits struct {
	Bytes int64         // of a source
	Idle  time.Duration // without a byte
	Tries int           // in a row that get nowhere
	Pause time.Duration // before the second try; it doubles with each
	Kept  time.Duration // how long a download that was broken off is kept
}

// Usual are the limits of Fetch.
var Usual = Limits{Bytes: 1 << 40, Idle: time.Minute, Tries: 6, Pause: time.Second, Kept: 7 * 24 * time.Hour}

// Fetch is Fetch with other limits.
func (l Limits) Fetch(ctx context.Context, image *resources.Image, dir string) (*Source, error) {
	algorithm, digits, _ := strings.Cut(strings.ToLower(image.Checksum), ":")
	if algorithm != "sha256" && algorithm != "sha512" || digits == "" || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, unfit("checksum %q", image.Checksum)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l.sweep(dir)
	name := filepath.Join(dir, prefix+algorithm+"-"+digits)
	for {
		held, err := hold(ctx, name+".lock", func() bool { return there(name) })
		if err != nil {
			return nil, err
		}
		if err := l.take(ctx, image, name); err != nil {
			if !there(name + ".part") { // nothing to go on with
				err = errors.Join(err, held.remove())
			}
			return nil, errors.Join(err, held.release())
		}
		shared, err := held.share()
		info, gone := os.Stat(name)
		if err == nil && shared && gone == nil {
			return &Source{Path: name, Size: info.Size(), held: held}, nil
		}
		if err = errors.Join(err, held.release()); err != nil {
			return nil, err
		}
	}
}

// prefix begins the names of what is fetched.
const prefix = ".source-"

// there reports whether a source is whole: its name says its hash.
func there(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// take makes the file, unless it is there.
func (l Limits) take(ctx context.Context, image *resources.Image, name string) error {
	if there(name) {
		return nil
	}
	path := image.LocalFilePath
	if path == "" {
		u, err := url.Parse(image.SourceURL)
		if err != nil {
			return err
		}
		if u.Scheme == "http" || u.Scheme == "https" {
			d := &download{Limits: l, url: u, checksum: strings.ToLower(image.Checksum), name: name}
			return d.run(ctx)
		}
		if u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
			return unfit("nothing is fetched from %s", u.Redacted())
		}
		path = u.Path
	}
	part := name + ".part"
	if err := l.copy(ctx, path, part, image.Checksum); err != nil {
		return errors.Join(err, remove(part))
	}
	return settle(part, name)
}

// copy takes a local file, which somebody may change while it is looked at.
func (l Limits) copy(ctx context.Context, path, part, checksum string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return unfit("%s is no regular file", path)
	case info.Size() > l.Bytes:
		return unfit("%s has %d bytes, and %d is the limit", path, info.Size(), l.Bytes)
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	if err := Clone(ctx, to, from); err != nil {
		return fmt.Errorf("copy %s: %w", path, err)
	}
	sum, err := resources.Hash(reader{ctx, io.NewSectionReader(to, 0, 1<<62)}, strings.ToLower(checksum))
	if err != nil {
		return err
	}
	if !strings.EqualFold(sum, checksum) {
		return unfit("%s hashes to %s, and %s was planned", path, sum, checksum)
	}
	return nil
}

// settle gives a file its name when it is on the disk.
func settle(part, name string) error {
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(name))
}

// sweep removes what was broken off long ago and nobody holds.
func (l Limits) sweep(dir string) {
	old, err := filepath.Glob(filepath.Join(escape(dir), prefix+"*.lock"))
	if err != nil {
		return
	}
	for _, path := range old {
		base := strings.TrimSuffix(path, ".lock")
		if !l.stale(path, base, base+".part") {
			continue
		}
		held := try(path)
		if held == nil {
			continue
		}
		for _, f := range []string{base, base + ".part", base + ".from", path} {
			_ = remove(f)
		}
		_ = held.release()
	}
}

// stale reports whether none of some files was written to lately.
func (l Limits) stale(files ...string) bool {
	for _, f := range files {
		if info, err := os.Lstat(f); err == nil && time.Since(info.ModTime()) < l.Kept {
			return false
		}
	}
	return true
}

// escape keeps the letters of a path that mean something to Glob.
func escape(path string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
