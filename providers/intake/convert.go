package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
)

// ErrNoTool is what an image is refused with that only qemu-img can convert, where
// there is none.
var ErrNoTool = errors.New("qemu-img is not on PATH")

// Convert makes a disk of a source: raw or qcow2, at the path to, which is whole
// from the moment that it is there. The source has to be of the format from. Raw,
// iso, ami and qcow2 become raw in this process; all else takes qemu-img. The answer
// is about what was made.
func Convert(ctx context.Context, source, to string, from, want diskimage.Format) (diskimage.Info, error) {
	if want != diskimage.Raw && want != diskimage.QCOW2 {
		return diskimage.Info{}, fmt.Errorf("no %s is made", want)
	}
	f, err := os.Open(source)
	if err != nil {
		return diskimage.Info{}, err
	}
	defer func() { _ = f.Close() }()
	c, err := inspect(f, from)
	if err != nil {
		return diskimage.Info{}, err
	}
	dir, base := filepath.Split(to)
	out, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return diskimage.Info{}, err
	}
	err = c.write(ctx, out, want)
	if err == nil {
		err = out.Sync()
	}
	var made diskimage.Info
	if err = errors.Join(err, out.Close()); err == nil {
		made, err = c.check(ctx, out.Name(), want)
	}
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		return diskimage.Info{}, errors.Join(err, remove(out.Name()))
	}
	return made, SyncFolder(dir)
}

// A conversion is of one source.
type conversion struct {
	source *os.File
	size   int64
	said   diskimage.Format // by its author
	found  diskimage.Info
	// disk is what is converted, and where in the source it is: all of it, but for an OVA.
	disk     diskimage.Info
	at, span int64
}

// inspect refuses a source that is not what was said, or describes too much.
func inspect(f *os.File, said diskimage.Format) (*conversion, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &conversion{source: f, size: info.Size(), said: said, span: info.Size()}
	if c.found, err = diskimage.Probe(f, c.size); err != nil {
		return nil, err
	}
	c.disk = c.found
	switch {
	case !said.Fits(c.found.Format):
		return nil, unfit("the source is %s, and %s was planned", c.found.Format, said)
	case c.found.VirtualSize > resources.MaxImageGB<<30:
		return nil, unfit("it describes a disk of %d bytes, and an image has at most %d GiB", c.found.VirtualSize, resources.MaxImageGB)
	case c.found.Format != diskimage.OVA:
		return c, nil
	}
	part, disk, err := diskimage.FirstDisk(f, c.size)
	if err != nil {
		return nil, err
	}
	_, c.at, c.span = part.Outer()
	c.disk = disk
	return c, nil
}

func (c *conversion) write(ctx context.Context, out *os.File, want diskimage.Format) error {
	switch {
	case want == diskimage.Raw && c.found.Format.Plain():
		return Clone(ctx, out, c.source)
	case want == diskimage.Raw && (c.disk.Format == diskimage.QCOW2 || c.disk.Format.Plain()):
		from := io.NewSectionReader(readerAt{ctx, c.source}, c.at, c.span)
		if _, err := diskimage.WriteRaw(out, from, c.span); err != nil {
			return err
		}
		return out.Truncate(c.disk.VirtualSize)
	}
	return c.qemu(ctx, out.Name(), want)
}

// drivers are the formats in QEMU's words.
var drivers = map[diskimage.Format]string{
	diskimage.Raw: "raw", diskimage.ISO: "raw", diskimage.AMI: "raw", diskimage.QCOW2: "qcow2",
	diskimage.VMDK: "vmdk", diskimage.VDI: "vdi", diskimage.VHD: "vpc", diskimage.VHDX: "vhdx",
}

// node tells QEMU what the source is, so that it guesses nothing: the format, that
// nothing is beneath it, and which bytes of which file it is.
func (c *conversion) node() (string, error) {
	path, err := filepath.Abs(c.source.Name())
	if err != nil {
		return "", err
	}
	file := map[string]any{"driver": "file", "filename": path}
	if c.span != c.size {
		file = map[string]any{"driver": "raw", "offset": c.at, "size": c.span, "file": file}
	}
	driver := drivers[c.disk.Format]
	node := map[string]any{"driver": driver, "file": file}
	switch driver {
	case "qcow2", "vmdk":
		node["backing"] = nil
	case "vpc": // what the footer says, and not what the geometry comes to
		node["force_size_calc"] = "current_size"
	}
	b, err := json.Marshal(node)
	return "json:" + string(b), err
}

// qemu converts by qemu-img.
func (c *conversion) qemu(ctx context.Context, to string, want diskimage.Format) error {
	node, err := c.node()
	if err != nil {
		return err
	}
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	bounds := bounds{
		Memory: 2 << 30,
		CPU:    5*time.Minute + time.Duration(c.disk.VirtualSize/(10<<20))*time.Second,
		File:   c.disk.VirtualSize + c.disk.VirtualSize/64 + 64<<20, // a qcow2 has tables
	}
	_, err = bounds.run(ctx, "convert", "-O", string(want), node, to)
	if errors.Is(err, ErrNoTool) {
		err = fmt.Errorf("%w: a %s image becomes %s by it. Debian has it in the package qemu-utils; raw, iso, ami and qcow2 become raw without", ErrNoTool, c.found.Format, want)
	}
	if err != nil {
		return fmt.Errorf("convert %s to %s: %w", c.found.Format, want, err)
	}
	return nil
}

// check makes sure that what was made hangs on nothing, and is as large as it was
// said to be: to whole sectors, as QEMU has it.
func (c *conversion) check(ctx context.Context, path string, want diskimage.Format) (diskimage.Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return diskimage.Info{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return diskimage.Info{}, err
	}
	made := diskimage.Info{Format: diskimage.Raw, VirtualSize: info.Size()}
	if want == diskimage.QCOW2 { // else whatever the guest has on its disk is what it is
		if made, err = diskimage.Probe(f, info.Size()); err != nil {
			return made, err
		}
		if err := alone(ctx, path); err != nil {
			return made, err
		}
	}
	if made.Format != want || made.VirtualSize < c.disk.VirtualSize || made.VirtualSize >= c.disk.VirtualSize+512 {
		return made, fmt.Errorf("a %s of %d bytes came out of a %s of %d", made.Format, made.VirtualSize, c.disk.Format, c.disk.VirtualSize)
	}
	return made, nil
}

// alone asks QEMU too whether a qcow2 hangs on another file.
func alone(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	bounds := bounds{Memory: 1 << 30, CPU: 30 * time.Second, File: 1 << 20}
	out, err := bounds.run(ctx, "info", "--output=json", "-f", "qcow2", path)
	if err != nil {
		return err
	}
	var info struct {
		Backing string `json:"backing-filename"`
		Full    string `json:"full-backing-filename"`
		Format  struct {
			Data struct {
				File string `json:"data-file"`
			} `json:"data"`
		} `json:"format-specific"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return fmt.Errorf("qemu-img info: %w", err)
	}
	if info.Backing != "" || info.Full != "" || info.Format.Data.File != "" {
		return fmt.Errorf("%w: qemu-img says so of what was made", diskimage.ErrUnsafe)
	}
	return nil
}

// readerAt ends when its context does.
type readerAt struct {
	ctx context.Context
	io.ReaderAt
}

func (r readerAt) ReadAt(b []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(b, at)
}
