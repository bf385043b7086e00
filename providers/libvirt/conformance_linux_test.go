package libvirt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/builtin"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/diskimage"
	"github.com/cairncloud/cairn/resources/world"
)

// facts are those of two real hosts, reached by these sockets.
func facts(sockets ...string) *cloud.Cloud {
	c := providertest.Cloud()
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.URI = "qemu+unix:///system"
		if len(sockets) > 0 {
			h.URI += "?socket=" + sockets[i]
		}
		h.Machine = cloud.Machine{Virt: cloud.VirtQEMU, Type: "pc", Bridge: "br0", Datapath: cloud.DatapathLinux, Listen: "127.0.0.1"}
		h.Pools = []cloud.Pool{{Name: "standard", Type: cloud.PoolDir, Path: standardPath, Tier: "standard"}, {Name: "fast", Type: cloud.PoolDir, Path: fastPath, Tier: "fast"}}
	}
	return c
}

// onServers are the drivers of two real hosts that hold nothing. What guests are
// plugged into is modelled.
func onServers(t testing.TB) map[string]providers.Handle {
	t.Helper()
	pair := startServers(t)
	d := Open(facts(pair[0].socket(), pair[1].socket()), t.TempDir())
	model, err := embedded.Open(t.Context(), t.TempDir(), providertest.Cloud())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Purge(context.Background()), d.Close(), model.Close()); err != nil {
			t.Error(err)
		}
		for _, s := range pair {
			if left := s.left(); len(left) > 0 && !t.Failed() {
				t.Errorf("a host is left with %v", left)
			}
		}
	})
	all := maps.Clone(builtin.System().Handles)
	maps.Copy(all, model.System().Handles)
	maps.Copy(all, d.System().Handles)
	return all
}

// farm writes an image twice, and makes what stands on it.
func farm(t testing.TB) (*providertest.Farm, string) {
	t.Helper()
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * 7)
	}
	file, twin := filepath.Join(t.TempDir(), "disk.raw"), filepath.Join(t.TempDir(), "twin.raw")
	if err := errors.Join(os.WriteFile(file, data, 0o600), os.WriteFile(twin, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return providertest.NewFarm(file, diskimage.Raw, fmt.Sprintf("sha256:%x", sha256.Sum256(data))), twin
}

func TestConformance(t *testing.T) {
	t.Parallel()
	f, twin := farm(t)
	providertest.Run(t, providertest.Suite{
		Cloud: facts(),
		Open:  onServers,
		// A volume is in no host's pool before an instance there has it.
		Unheld: []string{"volume"},
		Untold: []string{
			"image.name", "image.checksum", "image.description", "image.tags", "image.local_file_path", "image.source_url", "image.source_checksum", "image.min_disk_gb", "image.min_ram_mb", "image.visibility", "image.properties",
			"volume.name", "volume.description", "volume.tags", "volume.metadata", "volume.size", "volume.volume_type", "volume.multiattach",
			"instance.name", "instance.description", "instance.tags", "instance.metadata", "instance.scheduler_hints", "instance.migration", "instance.shutdown_timeout", "instance.stop_before_destroy",
			"instance.flavor_id", "instance.block_devices", "instance.networks", "instance.security_group_ids", "instance.disk_gb",
		},
		Samples: samples(providertest.ComputeSamples(f, twin)),
		Refusals: refusals(t, providertest.ComputeRefusals(f),
			"a volume that is attached is deleted", "a volume gets smaller", "a volume is attached twice", "a volume is attached to nobody", "a volume that is not there is attached",
			"a port is attached to nobody", "a port that is not there is attached",
			"a volume of no image", "an image becomes another one", "an image of other bytes than planned", "an instance on a host without room", "an instance of no image", "a root disk gets smaller"),
	})
}

// samples are those that a host without a guest system can have.
func samples(all []providertest.Sample) (some []providertest.Sample) {
	for _, s := range all {
		if s.Type == "snapshot" { // of a volume in a host's pool: there is none
			continue
		}
		s.With = off(s.With)
		some = append(some, s)
	}
	return some
}

// off has instances off: what runs in these guests lets go of no disk. Stories take
// disks from guests that run.
func off(objects []any) []any {
	all := slices.Clone(objects)
	for n, o := range all {
		if i, ok := o.(*resources.Instance); ok {
			still := *i
			still.PowerState, still.ShutdownTimeout = resources.Shutoff, new(int)
			all[n] = &still
		}
	}
	return all
}

// refusals are those that a host can tell. The others are the plan's and its ledger's.
func refusals(t *testing.T, all []providertest.Refusal, reasons ...string) (some []providertest.Refusal) {
	for _, r := range all {
		if slices.Contains(reasons, r.Reason) {
			r.Given = off(r.Given)
			some = append(some, r)
		}
	}
	if len(some) != len(reasons) {
		t.Errorf("%d of %d refusals are in the suite", len(some), len(reasons))
	}
	return some
}

// A port is plugged into a guest that runs. It stays when the instance is changed,
// ends or goes to another host, and is missed when somebody unplugs it.
func TestInterfaceOfRunningGuest(t *testing.T) {
	t.Parallel()
	f, _ := farm(t)
	all := onServers(t)
	w := world.New(resources.All(), facts(), f.Image, f.Small, f.Large, f.Inside, f.Web, f.DB, f.One)
	for _, x := range []struct {
		typ    string
		object any
	}{{"image", f.Image}, {"instance", f.One}, {"interface_attachment", f.Plugged}} {
		if _, err := all[x.typ].Create(t.Context(), w, x.object); err != nil {
			t.Fatal(err)
		}
		w.Put(x.object)
	}
	there := func(when string, want error) {
		t.Helper()
		if _, err := all["interface_attachment"].Read(t.Context(), w, f.Plugged); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	there("plugged in while it runs", nil)
	become := func(change func(*resources.Instance)) {
		t.Helper()
		want := *f.One
		change(&want)
		if _, err := all["instance"].Update(t.Context(), w, f.One, &want); err != nil {
			t.Fatal(err)
		}
		f.One = &want
		w.Put(f.One)
	}
	become(func(i *resources.Instance) { i.Name = "renamed" })
	there("the instance is changed", nil)
	become(func(i *resources.Instance) { i.PowerState, i.ShutdownTimeout = resources.Shutoff, new(int) })
	there("the guest is off", nil)
	become(func(i *resources.Instance) { i.Host = "h2" })
	there("it is on another host", nil)
	become(func(i *resources.Instance) { i.PowerState = resources.Active })
	there("it runs there", nil)
	become(func(i *resources.Instance) { i.PowerState = resources.Shutoff })
	if err := all["interface_attachment"].Delete(t.Context(), w, f.Plugged); err != nil {
		t.Fatal(err)
	}
	there("it is unplugged", providers.ErrNotFound)
	for _, x := range []struct {
		typ    string
		object any
	}{{"instance", f.One}, {"image", f.Image}} {
		if err := all[x.typ].Delete(t.Context(), w, x.object); err != nil {
			t.Error(err)
		}
	}
}
