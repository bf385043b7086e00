package libvirt

import (
	"context"
	"fmt"
	"sync"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
)

// look is what all hosts held at a time: one call a host for its domains, one a pool
// for the names of its volumes.
type look struct {
	domains map[string][]*seen  // by UUID; several while a guest moves, or after that was broken off
	names   map[string][]string // UUIDs of domains by "host name"
	volumes map[string][]string // hosts by the volume's name
	away    map[string]error    // hosts that could not be asked
}

// seen is a domain as its host's statistics tell it.
type seen struct {
	host, name string
	state      golibvirt.DomainState
	reason     int32
	vcpus      int
	ramMB      int
	disks      map[string]string // paths by target
	nics       map[string]bool   // names of devices on the host; of a running guest alone
}

// running reports whether there is a process of the guest.
func (s *seen) running() bool {
	return s.state != golibvirt.DomainShutoff && s.state != golibvirt.DomainNostate && s.state != golibvirt.DomainCrashed
}

// Look takes one look at all hosts, from which ReadAll answers until done.
func (d *Driver) Look(ctx context.Context) (done func(), err error) {
	l, err := d.lookAll(ctx)
	if err != nil {
		return nil, err
	}
	d.looking.Lock()
	defer d.looking.Unlock()
	d.now = l
	return func() {
		d.looking.Lock()
		defer d.looking.Unlock()
		if d.now == l {
			d.now = nil
		}
	}, nil
}

// current is the look that is being taken, or a new one.
func (d *Driver) current(ctx context.Context) (*look, error) {
	d.looking.Lock()
	l := d.now
	d.looking.Unlock()
	if l != nil {
		return l, nil
	}
	return d.lookAll(ctx)
}

func (d *Driver) lookAll(ctx context.Context) (*look, error) {
	l := &look{domains: map[string][]*seen{}, names: map[string][]string{}, volumes: map[string][]string{}}
	var mu sync.Mutex
	l.away = d.each(ctx, func(ctx context.Context, h *host) error {
		domains, err := h.domains(ctx)
		if err != nil {
			return err
		}
		volumes, err := h.volumes(ctx)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for id, s := range domains {
			l.domains[id] = append(l.domains[id], s)
			l.names[h.Name+" "+s.name] = append(l.names[h.Name+" "+s.name], id)
		}
		for _, name := range volumes {
			l.volumes[name] = append(l.volumes[name], h.Name)
		}
		return nil
	})
	return l, ctx.Err()
}

// told is which statistics are asked for: state, memory, processors, network cards
// and disks.
const told = golibvirt.DomainStatsState | golibvirt.DomainStatsBalloon | golibvirt.DomainStatsVCPU | golibvirt.DomainStatsInterface | golibvirt.DomainStatsBlock

// domains asks a host for all its domains, in one call.
func (h *host) domains(ctx context.Context) (all map[string]*seen, err error) {
	var records []golibvirt.DomainStatsRecord
	err = h.do(ctx, func(c *golibvirt.Libvirt) error {
		records, err = c.ConnectGetAllDomainStats(nil, uint32(told), 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at its domains: %w", err)
	}
	all = make(map[string]*seen, len(records))
	for _, r := range records {
		all[text(r.Dom.UUID)] = newSeen(h.Name, r)
	}
	return all, nil
}

// newSeen reads the statistics of a domain. Their names are those of
// virConnectGetAllDomainStats.
func newSeen(host string, r golibvirt.DomainStatsRecord) *seen {
	s := &seen{host: host, name: r.Dom.Name, disks: map[string]string{}, nics: map[string]bool{}}
	targets, paths := map[string]string{}, map[string]string{}
	for _, p := range r.Params {
		switch p.Field {
		case "state.state":
			s.state = golibvirt.DomainState(integer(p.Value))
			continue
		case "state.reason":
			s.reason = int32(integer(p.Value))
			continue
		case "vcpu.current":
			s.vcpus = int(integer(p.Value))
			continue
		case "balloon.maximum": // KiB
			s.ramMB = int(integer(p.Value) / 1024)
			continue
		}
		family, index, attribute, ok := indexed(p.Field)
		if !ok {
			continue
		}
		value, _ := p.Value.I.(string)
		switch {
		case family == "block" && attribute == "name":
			targets[index] = value
		case family == "block" && attribute == "path":
			paths[index] = value
		case family == "net" && attribute == "name":
			s.nics[value] = true
		}
	}
	for i, t := range targets {
		s.disks[t] = paths[i]
	}
	return s
}

// indexed takes a name such as block.0.path apart.
func indexed(field string) (family, index, attribute string, ok bool) {
	a, b := -1, -1
	for i := 0; i < len(field); i++ {
		if field[i] != '.' {
			continue
		}
		if a < 0 {
			a = i
			continue
		}
		b = i
		break
	}
	if b < 0 || b-a < 2 || field[a+1] < '0' || field[a+1] > '9' {
		return "", "", "", false
	}
	return field[:a], field[a+1 : b], field[b+1:], true
}

// number64 is a number of the protocol, of whichever size.
func integer(v golibvirt.TypedParamValue) int64 {
	switch n := v.I.(type) {
	case int32:
		return int64(n)
	case uint32:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(n)
	}
	return 0
}

// volumes lists the names of the volumes in a host's pools.
func (h *host) volumes(ctx context.Context) (names []string, err error) {
	for _, p := range h.Pools {
		pool, err := h.pool(ctx, p)
		if err != nil {
			return nil, err
		}
		err = h.do(ctx, func(c *golibvirt.Libvirt) error {
			all, _, err := c.StoragePoolListAllVolumes(pool, 1, 0)
			for _, v := range all {
				names = append(names, v.Name)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look at pool %s: %w", p.Name, err)
		}
	}
	return names, nil
}

// find is the domain of an instance: the one with a running guest, where a move that
// was broken off has left two. It is providers.ErrNotFound only when every host
// that may have it was asked.
func (l *look) find(i *resources.Instance) (*seen, error) {
	var found *seen
	for _, s := range l.domains[i.ID] {
		if found == nil || s.running() && !found.running() || s.running() == found.running() && s.host == i.Host {
			found = s
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, l.unknown(i.Host)
}

// unknown is why nobody can say that something which was on a host is gone.
func (l *look) unknown(host string) error {
	if err := l.away[host]; err != nil {
		return err
	}
	for _, err := range l.away {
		return fmt.Errorf("it is not on host %s, and may be where nobody can look: %w", host, err)
	}
	return providers.ErrNotFound
}

// holds answers with the host that has a volume, "" where none has it.
func (l *look) holds(name string) string {
	if hosts := l.volumes[name]; len(hosts) > 0 {
		return hosts[0]
	}
	return ""
}
