package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/resources/cloud"
)

// oldest is the first libvirt that has what is asked of it, as its library numbers
// versions: major * 1,000,000 + minor * 1,000.
const oldest = 8_000_000

// Learn asks each host what it has. One that can't be reached is away: nothing is
// put there, and what is there is not known.
func (d *Driver) Learn(ctx context.Context, c *cloud.Cloud) error {
	away := d.each(ctx, d.learn)
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.Away = ""
		if err := away[h.Name]; err != nil {
			h.Away = err.Error()
		}
	}
	return ctx.Err()
}

// learn asks one host. What the cloud file says of it counts more.
func (d *Driver) learn(ctx context.Context, h *host) error {
	if h.known() {
		return h.do(ctx, func(c *golibvirt.Libvirt) error { return nil })
	}
	var caps capabilities
	var cpus, memory, disk int
	err := h.do(ctx, func(c *golibvirt.Libvirt) error {
		version, err := c.ConnectGetLibVersion()
		if err != nil {
			return err
		}
		if version < oldest {
			return fmt.Errorf("its libvirt is %s, and %s is the oldest that is understood: upgrade it", number(version), number(oldest))
		}
		text, err := c.ConnectGetCapabilities()
		if err != nil {
			return err
		}
		if err := xml.Unmarshal([]byte(text), &caps); err != nil {
			return fmt.Errorf("its capabilities: %w", err)
		}
		_, kib, n, _, _, _, _, _, err := c.NodeGetInfo()
		cpus, memory = int(n), int(kib/1024)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range h.Pools {
		pool, err := h.pool(ctx, p)
		if err != nil {
			return err
		}
		err = h.do(ctx, func(c *golibvirt.Libvirt) error {
			_, capacity, _, _, err := c.StoragePoolGetInfo(pool)
			disk += int(capacity >> 30)
			return err
		})
		if err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.virt, err = caps.choose(h.Machine.Virt); err != nil {
		return err
	}
	h.Machine.Virt = h.virt
	for _, x := range []struct {
		to  *int
		has int
	}{{&h.VCPUs, cpus}, {&h.RAMMB, memory}, {&h.DiskGB, disk}} {
		if *x.to == 0 {
			*x.to = x.has
		}
	}
	return nil
}

// known reports whether the host has been asked before.
func (h *host) known() bool { return h.way() != "" }

// way is how guests run on the host.
func (h *host) way() cloud.Virt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.virt
}

func number(version uint64) string {
	return fmt.Sprintf("%d.%d.%d", version/1_000_000, version/1_000%1_000, version%1_000)
}

// capabilities is what is read of a host's.
type capabilities struct {
	Guests []struct {
		Arch struct {
			Name    string `xml:"name,attr"`
			Domains []struct {
				Type string `xml:"type,attr"`
			} `xml:"domain"`
		} `xml:"arch"`
	} `xml:"guest"`
}

// choose says how guests run. That a host has /dev/kvm does not mean that a guest
// boots by it: the cloud file can say better.
func (c *capabilities) choose(want cloud.Virt) (cloud.Virt, error) {
	has := map[cloud.Virt]bool{}
	for _, g := range c.Guests {
		for _, d := range g.Arch.Domains {
			has[cloud.Virt(d.Type)] = has[cloud.Virt(d.Type)] || g.Arch.Name == "x86_64"
		}
	}
	if want == cloud.VirtAuto || want == "" {
		want = cloud.VirtQEMU
		if has[cloud.VirtKVM] {
			want = cloud.VirtKVM
		}
	}
	if !has[want] {
		return "", errors.New("it can't run x86_64 guests by " + string(want) + ": is qemu-system-x86 installed, and virt right in the cloud file?")
	}
	return want, nil
}
