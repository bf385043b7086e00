package lang

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Files reads what a stack is made of.
type Files interface {
	ReadFile(path string) ([]byte, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	Stat(path string) (fs.FileInfo, error)
}

type disk struct{}

func (disk) ReadFile(path string) ([]byte, error)       { return os.ReadFile(path) }
func (disk) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (disk) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }

// maxFile bounds every file that is read.
const maxFile = 64 << 20

var errTooLarge = fmt.Errorf("it is larger than %d MiB", maxFile>>20)

// A recorder remembers what is read through it.
type recorder struct {
	files  Files
	mu     sync.Mutex
	record Bundle
}

func newRecorder(dir string, files Files) *recorder {
	r := &recorder{files: files, record: Bundle{Dir: dir, Files: map[string][]byte{}, Folders: map[string][]string{}}}
	if files == nil {
		r.files = disk{}
	}
	if b, ok := r.files.(*Bundle); ok {
		r.record.Cwd, r.record.Home = b.Cwd, b.Home
		return r
	}
	// Without either, abspath and pathexpand leave paths as they are.
	r.record.Cwd, _ = os.Getwd()
	r.record.Home, _ = os.UserHomeDir()
	return r
}

// read reads a regular file of bounded size and remembers it.
func (r *recorder) read(path string) ([]byte, error) {
	path = filepath.Clean(path)
	r.mu.Lock()
	b, ok := r.record.Files[path]
	r.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := r.peek(path)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.record.Files[path] = b
	r.mu.Unlock()
	return b, nil
}

// peek reads a file without remembering it: a variable file may hold secrets.
func (r *recorder) peek(path string) ([]byte, error) {
	info, err := r.files.Stat(path)
	switch {
	case err != nil:
		return nil, plain(err)
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	b, err := r.files.ReadFile(path)
	if err != nil {
		return nil, plain(err)
	}
	if len(b) > maxFile {
		return nil, errTooLarge
	}
	return b, nil
}

// list names what is in a folder, folders with a slash at the end.
func (r *recorder) list(path string) ([]string, error) {
	path = filepath.Clean(path)
	r.mu.Lock()
	names, ok := r.record.Folders[path]
	r.mu.Unlock()
	if ok {
		return names, nil
	}
	entries, err := r.files.ReadDir(path)
	if err != nil {
		return nil, plain(err)
	}
	names = make([]string, 0, len(entries))
	for _, e := range entries {
		dir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			if info, err := r.files.Stat(filepath.Join(path, e.Name())); err == nil {
				dir = info.IsDir()
			}
		}
		name := e.Name()
		if dir {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	r.mu.Lock()
	r.record.Folders[path] = names
	r.mu.Unlock()
	return names, nil
}

// plain is an error without the path that its sentence names anyway.
func plain(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (r *recorder) bundle() *Bundle {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.record
	b.Files = make(map[string][]byte, len(r.record.Files))
	for k, v := range r.record.Files {
		b.Files[k] = v
	}
	b.Folders = make(map[string][]string, len(r.record.Folders))
	for k, v := range r.record.Folders {
		b.Folders[k] = v
	}
	return &b
}

// A Bundle is every file that a stack was made of, and the folders as they were.
// It is a Files itself: Load(b.Dir, Options{Files: b, Values: ...}) gives the
// same stack on another day and in another place.
type Bundle struct {
	Dir string `json:"dir"`
	// Cwd and Home are where relative paths and ~ began.
	Cwd  string `json:"cwd"`
	Home string `json:"home,omitempty"`
	// Files by their path, as they were asked for.
	Files map[string][]byte `json:"files"`
	// Folders list names; those of folders end with a slash.
	Folders map[string][]string `json:"folders"`
}

func (b *Bundle) abs() string {
	if filepath.IsAbs(b.Dir) {
		return filepath.Clean(b.Dir)
	}
	return filepath.Join(b.Cwd, b.Dir)
}

// MarshalBinary packs the bundle: gzip over JSON.
func (b *Bundle) MarshalBinary() ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if err := json.NewEncoder(z).Encode(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// UnmarshalBinary reads what MarshalBinary packed.
func (b *Bundle) UnmarshalBinary(packed []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("read the bundle of a stack: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("read the bundle of a stack: %w", err)
	}
	return json.Unmarshal(text, b)
}

// ReadFile gives a file of the bundle.
func (b *Bundle) ReadFile(path string) ([]byte, error) {
	if c, ok := b.Files[filepath.Clean(path)]; ok {
		return c, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// ReadDir gives a folder's listing, as it was.
func (b *Bundle) ReadDir(path string) ([]fs.DirEntry, error) {
	names, ok := b.Folders[filepath.Clean(path)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	entries := make([]fs.DirEntry, len(names))
	for i, n := range names {
		name, dir := strings.CutSuffix(n, "/")
		entries[i] = fs.FileInfoToDirEntry(entry{name: name, dir: dir})
	}
	return entries, nil
}

// Stat tells what the bundle knows of a path.
func (b *Bundle) Stat(path string) (fs.FileInfo, error) {
	path = filepath.Clean(path)
	if c, ok := b.Files[path]; ok {
		return entry{name: filepath.Base(path), size: int64(len(c))}, nil
	}
	if _, ok := b.Folders[path]; ok {
		return entry{name: filepath.Base(path), dir: true}, nil
	}
	// A file that was seen in a listing or asked about, and never read.
	names := b.Folders[filepath.Dir(path)]
	switch base := filepath.Base(path); {
	case slices.Contains(names, base):
		return entry{name: base}, nil
	case slices.Contains(names, base+"/"):
		return entry{name: base, dir: true}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
}

type entry struct {
	name string
	size int64
	dir  bool
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
