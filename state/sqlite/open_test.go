//go:build linux

package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// query runs SQL on a file behind the store's back.
func query(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec(text)
	must(t, err)
	must(t, db.Close())
}

// written is a database with a record in it, closed.
func written(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(ctx, path)
	must(t, err)
	l := lock(t, s, "erp")
	must(t, l.Edit(ctx, "import", []state.End{{Put: record("thing.a", strings.Repeat("x", 20_000))}}))
	must(t, l.Release())
	must(t, s.Close())
}

func TestOpenMakesIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stack ü?#%", ".cairn", "cairn.db")
	id := open(t, path).CloudID()
	if len(id) != 36 {
		t.Errorf("cloud id %q", id)
	}
	if again := open(t, path).CloudID(); again != id {
		t.Errorf("the cloud was %s, and is %s", id, again)
	}
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		must(t, err)
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", filepath.Base(p), info.Mode().Perm())
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*-new-*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason  string
		make    func(path string)
		options []sqlite.Option
		is      error
		says    string
	}{
		{"another program's database must not be written", func(path string) { query(t, path, "CREATE TABLE songs (name)") }, nil, nil, "is a SQLite database, but not cairn's"},
		{"an old cairn would misread a newer one's", func(path string) { written(t, path); query(t, path, "PRAGMA user_version = 99") }, nil, state.ErrNewer, "version 99"},
		{"a text", func(path string) { must(t, os.WriteFile(path, []byte(strings.Repeat("hello\n", 100)), 0o600)) }, nil, nil, "is not a SQLite database"},
		{"a short text", func(path string) { must(t, os.WriteFile(path, []byte("hello"), 0o600)) }, nil, nil, "is not a SQLite database"},
		{"cut off in the middle", func(path string) { written(t, path); must(t, os.Truncate(path, 20_000)) }, nil, nil, "restore it from a backup"},
		{"cut off within the header", func(path string) { written(t, path); must(t, os.Truncate(path, 60)) }, nil, nil, "restore it from a backup"},
		{"cut off to nothing: a new cloud in its place would make all again", func(path string) { written(t, path); must(t, os.Truncate(path, 0)) }, nil, nil, "is empty"},
		{"pages overwritten", func(path string) {
			written(t, path)
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			_, err = f.WriteAt(make([]byte, 8192), 2048)
			must(t, err)
			must(t, f.Close())
		}, nil, nil, "is damaged"},
		{"a folder", func(path string) { must(t, os.Mkdir(path, 0o700)) }, nil, nil, "is a folder"},
		{"a file where a folder should be", func(path string) {
			must(t, os.RemoveAll(filepath.Dir(path)))
			must(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
		}, nil, nil, "not a directory"},
		{"a log without its database must not be read into a new one", func(path string) { must(t, os.WriteFile(path+"-wal", []byte("x"), 0o600)) }, nil, nil, "restore the database"},
		{"none, and none is to be made", func(path string) {}, []sqlite.Option{sqlite.Existing()}, state.ErrNoStore, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "cairn.db")
			c.make(path)
			before, _ := os.ReadFile(path)
			s, err := sqlite.Open(ctx, path, c.options...)
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), filepath.Dir(path)) {
				t.Errorf("got %v", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

// mount makes a small file system; it skips the test for who may not.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a tmpfs of %s needs root: %v", size, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, path string) {
		t.Helper()
		s := open(t, path)
		if got := snapshot(t, s, "erp"); addresses(got.Records) != "thing.a" {
			t.Errorf("read %+v", got)
		}
		_, err := s.Lock(ctx, "erp", state.Me("test"), 0)
		if !errors.Is(err, state.ErrReadOnly) || !strings.Contains(err.Error(), path) {
			t.Errorf("a write: %v", err)
		}
	}
	t.Run("a mount", func(t *testing.T) {
		dir := mount(t, "8m")
		written(t, filepath.Join(dir, "cairn.db"))
		must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		check(t, filepath.Join(dir, "cairn.db"))
		if _, err := sqlite.Open(ctx, filepath.Join(dir, "new.db")); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("making one: %v", err)
		}
	})
	t.Run("a mount, with what a killed process left in the log", func(t *testing.T) {
		dir, from := mount(t, "8m"), filepath.Join(t.TempDir(), "cairn.db")
		s := open(t, from)
		must(t, lock(t, s, "erp").Edit(ctx, "import", []state.End{{Put: record("thing.a", "x")}}))
		for _, end := range []string{"", "-wal"} {
			data, err := os.ReadFile(from + end)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "cairn.db"+end), data, 0o600))
		}
		must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		_, err := sqlite.Open(ctx, filepath.Join(dir, "cairn.db"))
		if err == nil || !strings.Contains(err.Error(), "changes in its -wal file") {
			t.Errorf("without the log it would be an older state: %v", err)
		}
	})
	t.Run("its mode", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("modes hold nobody back who is root")
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "cairn.db")
		written(t, path)
		must(t, os.Chmod(path, 0o400))
		check(t, path)
		must(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		check(t, path)
	})
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "4m")
	s := open(t, filepath.Join(dir, "cairn.db"))
	l := lock(t, s, "erp")
	run := begin(t, s, l, "erp", state.Claims{}, "thing.a", "thing.b")
	must(t, l.Commit(ctx, run, []state.End{{Step: 1, Put: record("thing.a", "before")}}))

	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk isn't full: %v", err)
	}
	big := state.End{Step: 2, Put: record("thing.b", strings.Repeat("x", 1<<20))}
	err := l.Commit(ctx, run, []state.End{big})
	if err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("on a full disk: %v", err)
	}
	if got := snapshot(t, s, "erp"); addresses(got.Records) != "thing.a" || len(got.Intents) != 1 {
		t.Errorf("after it: %s and %d intents", addresses(got.Records), len(got.Intents))
	}
	must(t, os.Remove(filler))
	must(t, l.Commit(ctx, run, []state.End{big}))
	finish(t, l, run)
	if got := snapshot(t, s, "erp"); addresses(got.Records) != "thing.a thing.b" {
		t.Errorf("with room again: %s", addresses(got.Records))
	}
}

// A read answers at once, and from before, while another writes; a write that
// gets no turn says who has it.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	s := open(t, path, sqlite.Patience(200*time.Millisecond))
	l := lock(t, s, "erp")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN IMMEDIATE; UPDATE stacks SET serial = 99")
	must(t, err)
	if got := snapshot(t, s, "erp"); got.Serial != 0 {
		t.Errorf("serial %d", got.Serial)
	}
	err = l.Edit(ctx, "edit", nil)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d, test) holds stack erp", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	_, err = db.Exec("ROLLBACK")
	must(t, err)
	must(t, l.Edit(ctx, "edit", nil))
}
