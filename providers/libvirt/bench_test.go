package libvirt

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	googleuuid "github.com/google/uuid"

	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/providers/libvirt/seed"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

// benchDomains is how many domains are defined.
const benchDomains = 1000

// benchHost is a host of the lab that CAIRN_LAB names.
func benchHost(b *testing.B) *cloud.Cloud {
	dir := os.Getenv("CAIRN_LAB")
	if dir == "" {
		b.Skip("CAIRN_LAB names no lab: `make bench-libvirt` brings one up")
	}
	return &cloud.Cloud{ID: "bench000-cloud", Hosts: []cloud.Host{{Name: "hv1", URI: "qemu+unix:///system?socket=" + filepath.Join(dir, "hv1", "run", "libvirt-sock"), Zone: "a",
		Pools: []cloud.Pool{{Name: "local", Type: cloud.PoolDir, Path: "/var/lib/libvirt/cairn", Tier: "local"}}, Machine: cloud.Machine{Virt: cloud.VirtQEMU, Bridge: "br-int", Listen: "127.0.0.1"}}}}
}

// BenchmarkDefine defines domains that are off, with a disk, a seed and a console
// each, four at a time: by the driver, and by the library alone with the same calls.
// Then it looks at all of them, beside one call for their statistics.
func BenchmarkDefine(b *testing.B) {
	c := benchHost(b)
	d := Open(c, b.TempDir())
	b.Cleanup(func() { _ = d.Close() })
	image := &resources.Image{LocalFilePath: filepath.Join(os.Getenv("CAIRN_LAB"), "images", "guest.qcow2"), DiskFormat: "qcow2"}
	image.ID = googleuuid.NewString()
	var err error
	if image.Checksum, err = resources.HashFile(image.LocalFilePath, "sha256:"); err != nil {
		b.Fatal(err)
	}
	flavor := &resources.Flavor{ID: "flavor", VCPUs: 1, RAMMB: 256, DiskGB: 1}
	w := world.New(resources.All(), c, image, flavor)
	var all []resources.Instance
	for n := range benchDomains {
		i := resources.Instance{FlavorID: "flavor", ImageID: schema.Ref[resources.Image](image.ID), Host: "hv1", VCPUs: 1, RAMMB: 256, DiskGB: 1, PowerState: resources.Shutoff, InstanceName: fmt.Sprintf("bench-%04d", n)}
		i.ID, i.Name = googleuuid.NewString(), i.InstanceName
		all = append(all, i)
	}
	ctx, h := b.Context(), d.hosts["hv1"]
	drop := func() {
		inFours(b, len(all), func(n int) error { return (instances{d}).Delete(ctx, w, all[n]) })
	}
	if err := d.learn(ctx, h); err != nil {
		b.Fatal(err)
	}
	if _, err := d.send(ctx, image, h, h.Pools[0]); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		if err := h.drop(ctx, h.Pools[0], domain.ImageFile(image.ID), d.whole(image.ID)); err != nil {
			b.Error(err)
		}
	})
	for b.Loop() {
		began := time.Now()
		inFours(b, len(all), func(n int) error { return bare(ctx, d, w, h, &all[n]) })
		alone := time.Since(began)
		drop()
		began = time.Now()
		inFours(b, len(all), func(n int) error {
			_, err := (instances{d}).Create(ctx, w, all[n])
			return err
		})
		driver := time.Since(began)
		began = time.Now()
		if _, err := h.domains(ctx); err != nil {
			b.Fatal(err)
		}
		stats := time.Since(began)
		began = time.Now()
		if _, err := d.lookAll(ctx); err != nil {
			b.Fatal(err)
		}
		look := time.Since(began)
		drop()
		b.ReportMetric(alone.Seconds(), "bare-s")
		b.ReportMetric(driver.Seconds(), "driver-s")
		b.ReportMetric(driver.Seconds()/alone.Seconds(), "define-ratio")
		b.ReportMetric(stats.Seconds(), "stats-s")
		b.ReportMetric(look.Seconds()/stats.Seconds(), "look-ratio")
	}
}

// bare makes what an instance comes to, by the library's calls alone.
func bare(ctx context.Context, d *Driver, w schema.World, h *host, i *resources.Instance) error {
	iso, err := seed.Build(i, w)
	if err != nil {
		return err
	}
	form, err := domain.Of(i, w, d.place(h, w, i)).Marshal()
	if err != nil {
		return err
	}
	pool, err := h.pool(ctx, h.Pools[0])
	if err != nil {
		return err
	}
	return h.do(ctx, func(c *golibvirt.Libvirt) error {
		for _, x := range []blank{
			{name: domain.Local(i.ID, "vda"), format: "qcow2", size: gib, backing: domain.Path(h.Pools[0], domain.ImageFile(string(i.ImageID)))},
			{name: domain.ConsoleLog(i.ID), format: "raw"},
			{name: domain.SeedFile(i.ID), format: "raw", size: int64(len(iso))},
		} {
			text, err := x.xml()
			if err != nil {
				return err
			}
			v, err := c.StorageVolCreateXML(pool, text, 0)
			if err != nil {
				return err
			}
			if x.name == domain.SeedFile(i.ID) {
				if err := c.StorageVolUpload(v, bytes.NewReader(iso), 0, uint64(len(iso)), 0); err != nil {
					return err
				}
			}
		}
		_, err := c.DomainDefineXMLFlags(form, golibvirt.DomainDefineValidate)
		return err
	})
}

// inFours does n things, four at a time.
func inFours(b *testing.B, n int, do func(n int) error) {
	b.Helper()
	work := make(chan int)
	var wait sync.WaitGroup
	for range inFlight {
		wait.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wait.Wait()
}
