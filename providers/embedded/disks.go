package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/intake"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// The folders of the cloud's files.
const (
	imageFiles    = "images"
	volumeFiles   = "volumes"
	snapshotFiles = "snapshots"
	localFiles    = "disks" // of instances, on their hosts
)

// gib is a GiB.
const gib = 1 << 30

// storage adds the tables of what is kept in files, and of instances.
func (c *Cloud) storage() {
	addDisks(c, &disks[resources.Image]{table: table[resources.Image]{check: checkImage, inUse: dropImage}, files: imageDisk})
	addDisks(c, &disks[resources.Volume]{table: table[resources.Volume]{check: checkVolume, inUse: dropVolume, live: volumeStatus}, files: volumeDisk})
	addDisks(c, &disks[resources.Snapshot]{table: table[resources.Snapshot]{check: checkSnapshot, inUse: dropSnapshot}, files: snapshotDisk})
	addDisks(c, &disks[resources.Instance]{table: table[resources.Instance]{check: checkInstance, inUse: dropInstance, parts: attachmentsOf, live: instanceStatus}, files: localDisks})
	add(c, table[resources.VolumeAttachment]{check: checkAttachment, inUse: detach})
	add(c, table[resources.InterfaceAttachment]{check: checkPlugged, inUse: unplug})
}

// disks is a table whose objects have files. The files come first and the row
// after them: a file without a row was left by a call that was broken off, and
// is made anew.
type disks[T any] struct {
	table[T]
	// files says what files an object has. It refuses what can't be.
	files func(t *tx, w schema.World, had, want *T) ([]disk, error)
	// making are the ids whose files are made at the moment, each with a *sync.Mutex.
	making sync.Map
}

// A disk is a file that is to be made.
type disk struct {
	path string
	size int64 // at least; what fill writes may be larger
	fill func(ctx context.Context, to *os.File) error
	// place, unless nil, makes the file whole at its path by itself.
	place func(ctx context.Context, path string) error
}

func addDisks[T any](c *Cloud, d *disks[T]) {
	typ := reflect.TypeFor[T]()
	d.cloud, d.typ = c, c.typeOf(typ)
	c.tables[typ] = d
}

func (d *disks[T]) handle() providers.Handle { return providers.For[T](d) }

// Create makes the files, then the row.
func (d *disks[T]) Create(ctx context.Context, w schema.World, want T) (T, error) {
	made, err := d.make(ctx, w, &want)
	if err != nil {
		return want, fmt.Errorf("create %s %s: %w", d.name(), d.id(&want), err)
	}
	got, err := d.table.Create(ctx, w, want)
	return got, discard(made, err)
}

// discard deletes the files that were made for what was then refused.
func discard(made []disk, err error) error {
	if errors.Is(err, ErrRefused) {
		for _, f := range made {
			err = errors.Join(err, remove(f.path))
		}
	}
	return err
}

// Update makes files that are new, then changes the row.
func (d *disks[T]) Update(ctx context.Context, w schema.World, have, want T) (T, error) {
	made, err := d.make(ctx, w, &want)
	if err != nil {
		return want, fmt.Errorf("update %s %s: %w", d.name(), d.id(&want), err)
	}
	got, err := d.table.Update(ctx, w, have, want)
	return got, discard(made, err)
}

// make makes the files that are missing, and answers with them.
func (d *disks[T]) make(ctx context.Context, w schema.World, want *T) ([]disk, error) {
	id := d.id(want)
	if id != filepath.Base(id) || strings.HasPrefix(id, ".") {
		return nil, refused("%q can't be an id", id)
	}
	one, _ := d.making.LoadOrStore(id, new(sync.Mutex))
	one.(*sync.Mutex).Lock()
	defer one.(*sync.Mutex).Unlock()
	var todo []disk
	err := d.cloud.write(ctx, func(t *tx) error {
		had, _ := t.Find(reflect.TypeFor[T](), id).(*T)
		if err := d.lead(t, w, had, want); err != nil {
			return err
		}
		all, err := d.files(t, w, had, want)
		for _, f := range all {
			if _, err := os.Stat(f.path); had != nil && err == nil {
				continue // it belongs to the row
			}
			todo = append(todo, f)
		}
		return err
	})
	for _, f := range todo {
		if err == nil {
			err = f.make(ctx)
		}
	}
	return todo, err
}

func (c *Cloud) path(folder, id string) string { return filepath.Join(c.dir, folder, id) }

// make writes the file under another name and renames it when it is whole and
// on the disk.
func (f disk) make(ctx context.Context) error {
	dir, base := filepath.Split(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(dir, "."+base+".*"))
	for _, old := range left { // of calls that were broken off
		_ = os.Remove(old)
	}
	if err != nil {
		return err
	}
	if f.place != nil {
		return f.place(ctx, f.path)
	}
	to, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return err
	}
	err = f.write(ctx, to)
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(to.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return intake.SyncFolder(dir)
}

func (f disk) write(ctx context.Context, to *os.File) error {
	if f.fill != nil {
		if err := f.fill(ctx, to); err != nil {
			return err
		}
	}
	if info, err := to.Stat(); err != nil || info.Size() < f.size {
		if err = errors.Join(err, to.Truncate(f.size)); err != nil {
			return err
		}
	}
	return to.Sync()
}

// grow makes a file larger. To repeat it is no error.
func grow(path string, size int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() >= size {
		return err
	}
	return os.Truncate(path, size)
}

// remove deletes a file, or what was left of it.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// copyOf fills a file with the bytes of another one: shared where the file system
// can, else without its holes.
func copyOf(path string) func(context.Context, *os.File) error {
	return func(ctx context.Context, to *os.File) error {
		from, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = from.Close() }()
		return intake.Clone(ctx, to, from)
	}
}

// use says that something uses an object; unuse takes back all that it uses of a type.
func (t *tx) use(typ, id, by string) error {
	return t.exec(`INSERT OR IGNORE INTO uses (type, id, by) VALUES (?, ?, ?)`, typ, id, by)
}

func (t *tx) unuse(typ, by string) error {
	return t.exec(`DELETE FROM uses WHERE type = ? AND by = ?`, typ, by)
}
