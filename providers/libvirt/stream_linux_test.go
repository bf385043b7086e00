package libvirt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file is read whole, again and again, also while somebody writes to it.
func TestDownloadsEnd(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	c := facts(pair[0].socket(), pair[1].socket())
	d := Open(c, t.TempDir())
	t.Cleanup(func() { _ = d.Close() })
	h := d.hosts["h1"]
	log := bytes.Repeat([]byte("what a guest says\n"), 30)
	if err := h.put(t.Context(), h.Pools[0], "console.log", log); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	f, err := os.OpenFile(filepath.Join(pair[0].dir, "lib", "standard", "console.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		defer func() { _ = f.Close() }()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_, _ = fmt.Fprintf(f, "line %d\n", n)
				time.Sleep(time.Duration(n%7) * 200 * time.Microsecond)
			}
		}
	}()
	for n := range 400 {
		got, err := h.read(t.Context(), h.Pools[0], "console.log", 1<<30)
		if err != nil || !bytes.HasPrefix(got, log) {
			t.Fatalf("read %d: %d bytes, %v", n, len(got), err)
		}
		if n == 300 {
			close(stop)
			<-ended
		}
	}
	if err := h.drop(t.Context(), h.Pools[0], "console.log"); err != nil {
		t.Error(err)
	}
}
