// Package libvirt makes instances, their disks and images real on hosts that run
// libvirt and QEMU. No agent of cairn's is on a host: it speaks libvirt's own
// protocol. Networks are somebody else's: a guest is plugged into a bridge with the
// id of its port, and who that concerns finds it there.
package libvirt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Network is what guests need of those who carry their packets.
type Network interface {
	// Up waits until ports are plugged in and carry packets. Those that are not in
	// time are a providers.ErrUnrealised.
	Up(ctx context.Context, ports []string) error
	// Moving lets ports be on two chassis for a while: what is sent to them goes on to
	// the first until the guest speaks on the second, or end.
	Moving(ctx context.Context, ports []string, from, to string) (end func(context.Context) error, err error)
}

// A Driver is the machines of a cloud. Nothing is connected before the first call
// needs it.
type Driver struct {
	// Network of the guests; nil: their cards carry nothing that cairn knows of.
	Network Network

	cloud  *cloud.Cloud
	types  *schema.Types
	folder string // of images on their way to hosts
	hosts  map[string]*host

	looking sync.Mutex // guards now
	now     *look      // from which ReadAll answers

	sending sync.Map // *sync.Mutex by host and image: one upload at a time
	behind  sync.Map // []string, hosts that had something of an instance that is elsewhere, by its id
}

// Open answers with the driver of a cloud's hosts. Images pass through the folder.
func Open(c *cloud.Cloud, folder string) *Driver {
	d := &Driver{cloud: c, types: resources.All(), folder: folder, hosts: map[string]*host{}}
	for i := range c.Hosts {
		d.hosts[c.Hosts[i].Name] = newHost(&c.Hosts[i])
	}
	return d
}

// System is the driver as something to link.
func (d *Driver) System() providers.System {
	s := providers.System{Name: "libvirt", Handles: map[string]providers.Handle{}, Look: d.Look, Learn: d.Learn, Fits: d.Fits, Strays: d.Strays, Watch: d.Watch, Close: d.Close, Purge: d.Purge}
	realise[resources.Instance](d, s.Handles, instances{d})
	realise[resources.InterfaceAttachment](d, s.Handles, interfaces{d})
	realise[resources.Image](d, s.Handles, images{d})
	realise[resources.Volume](d, s.Handles, volumes{d})
	realise[resources.VolumeAttachment](d, s.Handles, attachments{d})
	return s
}

func realise[T any](d *Driver, all map[string]providers.Handle, driver providers.Driver[T]) {
	all[d.types.ByGo(reflect.TypeFor[T]()).Name] = providers.For(driver)
}

// Close lets go of the connections.
func (d *Driver) Close() error {
	for _, h := range d.hosts {
		h.close()
	}
	return nil
}

// host finds one by its name.
func (d *Driver) host(name string) (*host, error) {
	if h := d.hosts[name]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("there is no host %q", name)
}

// atOnce is how many hosts are asked at a time.
const atOnce = 64

// each asks all hosts, many at a time. One that can't be reached is among the
// answers, as an error.
func (d *Driver) each(ctx context.Context, ask func(ctx context.Context, h *host) error) map[string]error {
	names := slices.Sorted(maps.Keys(d.hosts))
	errs := make([]error, len(names))
	turns := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, name := range names {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			errs[i] = ask(ctx, d.hosts[name])
		})
	}
	wait.Wait()
	failed := map[string]error{}
	for i, err := range errs {
		if err != nil {
			failed[names[i]] = err
		}
	}
	return failed
}

// is reports whether a server's error has a code.
func is(err error, code golibvirt.ErrorNumber) bool {
	var e golibvirt.Error
	return errors.As(err, &e) && e.Code == uint32(code)
}

// uuid is an id as the protocol has it.
func uuid(id string) (u golibvirt.UUID, ok bool) {
	n := 0
	for i := 0; i < len(id); i++ {
		if id[i] == '-' {
			continue
		}
		var v byte
		switch c := id[i]; {
		case c >= '0' && c <= '9':
			v = c - '0'
		case c >= 'a' && c <= 'f':
			v = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			v = c - 'A' + 10
		default:
			return u, false
		}
		if n >= 32 {
			return u, false
		}
		u[n/2] = u[n/2]<<4 | v
		n++
	}
	return u, n == 32
}

func text(u golibvirt.UUID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
