package libvirt

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	googleuuid "github.com/google/uuid"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/world"
)

// counted stands before a server and counts the calls that come to it.
func counted(t *testing.T, socket string) (front string, calls *atomic.Int64) {
	t.Helper()
	front, calls = filepath.Join(t.TempDir(), "s"), new(atomic.Int64)
	l, err := net.Listen("unix", front)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			}()
			go func() {
				defer func() { _ = server.Close() }()
				for head := make([]byte, 4); ; {
					if _, err := io.ReadFull(client, head); err != nil {
						return
					}
					calls.Add(1)
					if _, err := server.Write(head); err != nil {
						return
					}
					if _, err := io.CopyN(server, client, int64(binary.BigEndian.Uint32(head))-4); err != nil {
						return
					}
				}
			}()
		}
	}()
	return front, calls
}

// What a plan asks of a host does not grow with the domains there.
func TestALookIsAsManyCallsForMoreDomains(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	c := facts(pair[0].socket(), pair[1].socket())
	maker := Open(c, t.TempDir())
	t.Cleanup(func() { _ = maker.Close() })
	w := world.New(resources.All(), c)
	var all []*resources.Instance
	add := func(n int) {
		for range n {
			i := &resources.Instance{Host: "h1", VCPUs: 1, RAMMB: 64, PowerState: resources.Shutoff, InstanceName: fmt.Sprintf("counted-%d", len(all))}
			i.ID, i.Name = googleuuid.NewString(), i.InstanceName
			w.Put(i)
			if _, err := (instances{maker}).Create(t.Context(), w, *i); err != nil {
				t.Fatal(err)
			}
			all = append(all, i)
		}
	}
	asked := func() int64 {
		front, calls := counted(t, pair[0].socket())
		planned := facts(front, pair[1].socket())
		d := Open(planned, t.TempDir())
		defer func() { _ = d.Close() }()
		if err := d.Learn(t.Context(), planned); err != nil {
			t.Fatal(err)
		}
		done, err := d.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		read, err := (instances{d}).ReadAll(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if _, err := read(*i); err != nil {
				t.Errorf("%s: %v", i.Name, err)
			}
		}
		if _, err := (volumes{d}).ReadAll(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if _, err := (attachments{d}).ReadAll(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if _, err := (images{d}).ReadAll(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		return calls.Load()
	}
	add(2)
	few := asked()
	add(10)
	if many := asked(); many != few || few == 0 {
		t.Errorf("%d calls for 2 domains, and %d for 12", few, many)
	}
	for _, i := range all {
		if err := (instances{maker}).Delete(t.Context(), w, *i); err != nil {
			t.Error(err)
		}
	}
}
