package embedded_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/builtin"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/world"
)

// disk is 3 MiB with a hole in its middle.
func disk() []byte {
	b := make([]byte, 3<<20)
	for i := range 1 << 20 {
		b[i], b[2<<20+i] = byte(i*7), byte(i*13+1)
	}
	return b
}

// farm writes an image twice, and makes what stands on it.
func farm(t testing.TB) (*providertest.Farm, string) {
	t.Helper()
	dir, data := t.TempDir(), disk()
	file, twin := filepath.Join(dir, "disk.raw"), filepath.Join(dir, "twin.raw")
	if err := errors.Join(os.WriteFile(file, data, 0o600), os.WriteFile(twin, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return providertest.NewFarm(file, diskimage.Raw, fmt.Sprintf("sha256:%x", sha256.Sum256(data))), twin
}

func handles(c *embedded.Cloud) map[string]providers.Handle {
	all := maps.Clone(builtin.System().Handles)
	maps.Copy(all, c.System().Handles)
	return all
}

func TestComputeConformance(t *testing.T) {
	t.Parallel()
	f, twin := farm(t)
	providertest.Run(t, providertest.Suite{
		Open:     func(t testing.TB) map[string]providers.Handle { return handles(open(t, t.TempDir())) },
		Samples:  providertest.ComputeSamples(f, twin),
		Refusals: providertest.ComputeRefusals(f),
	})
}

// lab is an embedded cloud with a few objects made.
type lab struct {
	testing.TB
	dir   string
	cloud *embedded.Cloud
	all   map[string]providers.Handle
	w     *world.World
}

func newLab(t testing.TB, objects ...any) *lab {
	t.Helper()
	dir := t.TempDir()
	c := open(t, dir)
	l := &lab{t, dir, c, handles(c), world.New(resources.All(), providertest.Cloud())}
	for _, o := range objects {
		l.make(o)
	}
	return l
}

func (l *lab) of(o any) providers.Handle {
	switch o.(type) {
	case *resources.Image:
		return l.all["image"]
	case *resources.Volume:
		return l.all["volume"]
	case *resources.Snapshot:
		return l.all["snapshot"]
	case *resources.Instance:
		return l.all["instance"]
	}
	return nil
}

func (l *lab) make(o any) any {
	l.Helper()
	got, err := l.of(o).Create(l.Context(), l.w, o)
	if err != nil {
		l.Fatal(err)
	}
	return got
}

// holds reads the beginning of a file: the rest of it has to be a hole.
func (l *lab) holds(folder, id string, size int64, begins []byte) {
	l.Helper()
	f, err := os.Open(filepath.Join(l.dir, folder, id))
	if err != nil {
		l.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, min(size, 8<<20))
	info, err := f.Stat()
	if _, rerr := f.ReadAt(b, 0); err != nil || rerr != nil {
		l.Fatal(err, rerr)
	}
	if info.Size() != size || !bytes.HasPrefix(b, begins) || len(bytes.Trim(b[len(begins):], "\x00")) > 0 || onDisk(l, f.Name()) > 4<<20 {
		l.Errorf("%s/%s has %d bytes, want %d, or does not hold what it should", folder, id, info.Size(), size)
	}
}

// Guests see the same bytes in an image, a volume of it, a snapshot of that, and
// volumes of both.
func TestGuestBytesAreTheSame(t *testing.T) {
	t.Parallel()
	f, _ := farm(t)
	root, twice, again := *f.Data, *f.Data, *f.Data
	l := newLab(t, f.Image)
	root.ImageID = refOf[resources.Image](f.Image.ID)
	twice.ID, twice.SnapshotID = "11111111-0000-4000-8000-000000000001", refOf[resources.Snapshot](f.Snapshot.ID)
	again.ID, again.SourceVolID, again.Size = "11111111-0000-4000-8000-000000000002", refOf[resources.Volume](f.Data.ID), 3
	l.make(&root)
	l.make(f.Snapshot)
	l.make(&twice)
	l.make(&again)
	data := disk()
	l.holds("images", f.Image.ID, int64(len(data)), data)
	l.holds("volumes", root.ID, 2<<30, data)
	l.holds("snapshots", f.Snapshot.ID, 2<<30, data)
	l.holds("volumes", twice.ID, 2<<30, data)
	l.holds("volumes", again.ID, 3<<30, data)
	if n := onDisk(t, l.dir); n > 64<<20 {
		t.Errorf("11 GiB of disks, nearly all holes, take %d bytes", n)
	}
	// What is written into a copy is in no other, and a snapshot stays as it was.
	v, err := os.OpenFile(filepath.Join(l.dir, "volumes", root.ID), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.WriteAt([]byte("changed"), 0)
	if err = errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	l.holds("snapshots", f.Snapshot.ID, 2<<30, data)
	l.holds("volumes", twice.ID, 2<<30, data)
	// Images and snapshots go whatever was made of them.
	if err := errors.Join(l.of(f.Image).Delete(t.Context(), nil, f.Image), l.of(f.Snapshot).Delete(t.Context(), nil, f.Snapshot)); err != nil {
		t.Fatal(err)
	}
	l.holds("volumes", twice.ID, 2<<30, data)
	root.Name, root.Size = "outlives its image", 3
	if _, err := l.of(&root).Update(t.Context(), l.w, &root, &root); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(l.dir, "images", f.Image.ID)); !os.IsNotExist(err) {
		t.Errorf("the image's file is left: %v", err)
	}
}

// A call that is killed, wherever, is finished by its repeat, and leaves no other
// files behind.
func TestKilledCreateIsFinished(t *testing.T) {
	t.Parallel()
	f, _ := farm(t)
	root := *f.Data
	root.ImageID = refOf[resources.Image](f.Image.ID)
	l := newLab(t, f.Image)
	killed := errors.New("killed")
	for _, at := range []string{"create volume " + root.ID, "created volume " + root.ID} {
		l.cloud.Fail = func(op string) error {
			if op == at {
				return killed
			}
			return nil
		}
		if _, err := l.of(&root).Create(t.Context(), l.w, &root); !errors.Is(err, killed) {
			t.Fatalf("%s: %v", at, err)
		}
		l.cloud.Fail = nil
		// What a process leaves that is killed while it copies, and a file without a row.
		for name, text := range map[string]string{"." + root.ID + ".123": "half", root.ID: "of another time"} {
			if at[:7] == "create " {
				if err := os.WriteFile(filepath.Join(l.dir, "volumes", name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		l.make(&root)
		l.holds("volumes", root.ID, 2<<30, disk())
		files, err := os.ReadDir(filepath.Join(l.dir, "volumes"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: left %v, %v", at, files, err)
		}
		if err := l.of(&root).Delete(t.Context(), nil, &root); err != nil {
			t.Fatal(err)
		}
	}
	off, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.of(&root).Create(off, l.w, &root); err == nil {
		t.Error("a call that was broken off before it began has an end")
	}
}

// A port is up while an instance is plugged into it; a guest that stops by
// itself is seen; the cloud survives a restart.
func TestInstance(t *testing.T) {
	t.Parallel()
	f, _ := farm(t)
	dir := t.TempDir()
	c := open(t, dir)
	all := handles(c)
	w := world.New(resources.All(), providertest.Cloud(), append(f.Objects(), f.Small, f.Large)...)
	for _, o := range append(f.Objects(), f.Image) {
		if _, err := all[resources.All().ByGo(typeOf(o)).Name].Create(t.Context(), w, o); err != nil {
			t.Fatal(err)
		}
	}
	status := func(want string) {
		t.Helper()
		p, err := all["port"].Read(t.Context(), nil, f.Web)
		if err != nil || p.(*resources.Port).Status != want {
			t.Errorf("port: %+v, %v, want %s", p, err, want)
		}
	}
	status("DOWN")
	none, _ := providertest.NoFlavor(f)
	if _, err := all["instance"].Create(t.Context(), w, none); !errors.Is(err, embedded.ErrRefused) {
		t.Errorf("an instance of no flavor: %v", err)
	}
	if _, err := all["instance"].Create(t.Context(), w, f.One); err != nil {
		t.Fatal(err)
	}
	status("ACTIVE")
	if err := c.Power(t.Context(), f.One.ID, resources.Shutoff); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	all = handles(open(t, dir))
	got, err := all["instance"].Read(t.Context(), nil, f.One)
	if err != nil || got.(*resources.Instance).PowerState != resources.Shutoff || got.(*resources.Instance).Status != "SHUTOFF" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := all["instance"].Delete(t.Context(), nil, f.One); err != nil {
		t.Fatal(err)
	}
	status("DOWN")
	if left, err := os.ReadDir(filepath.Join(dir, "disks")); err != nil || len(left) > 0 {
		t.Errorf("disks are left: %v, %v", left, err)
	}
}
