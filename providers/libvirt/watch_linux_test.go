package libvirt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What somebody does to a domain is told, and what is there already is told first.
func TestWatch(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	const old, young = "6f1c2d3e-0000-4000-8000-000000000001", "6f1c2d3e-0000-4000-8000-000000000002"
	define := func(name, id string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "domain.xml")
		form := `<domain type='qemu'><name>` + name + `</name><uuid>` + id + `</uuid><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>`
		if err := os.WriteFile(file, []byte(form), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pair[1].virsh("define", file); err != nil {
			t.Fatal(err)
		}
	}
	define("old", old)
	d := Open(facts(pair[0].socket(), pair[1].socket()), t.TempDir())
	told := make(chan []string)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Watch(ctx, func(ids []string) {
			select {
			case told <- ids:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = d.Close()
	})
	wait := func(doing, id string) {
		t.Helper()
		for late := time.After(30 * time.Second); ; {
			select {
			case ids := <-told:
				if slices.Contains(ids, id) {
					return
				}
			case <-late:
				t.Fatalf("%s: nobody tells", doing)
			}
		}
	}
	wait("what is there", old)
	define("young", young)
	wait("defined", young)
	for _, verb := range []string{"start", "suspend", "resume", "destroy", "undefine"} {
		if _, err := pair[1].virsh(verb, "young"); err != nil {
			t.Fatal(err)
		}
		wait(verb, young)
	}
}
