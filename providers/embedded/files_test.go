package embedded_test

import (
	"io/fs"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"github.com/cairncloud/cairn/resources/schema"
)

func refOf[T any](id string) schema.Ref[T] { return schema.Ref[T](id) }

func typeOf(o any) reflect.Type { return reflect.TypeOf(o).Elem() }

// onDisk is how many bytes the files of a folder take.
func onDisk(t testing.TB, dir string) int64 {
	t.Helper()
	n := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
