package resources_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/builtin"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// site is an embedded cloud with a stack that is planned and applied.
type site struct {
	*testing.T
	dir string
	*planner.Site
	model *embedded.Cloud
	stack string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, ".cairn", "cairn.db"))
	if err != nil {
		t.Fatal(err)
	}
	facts := cloudfile.Default(dir)
	e, err := embedded.Open(t.Context(), filepath.Join(dir, ".cairn", "embedded"), facts)
	if err != nil {
		t.Fatal(err)
	}
	systems := providers.Link(builtin.System(), e.System())
	t.Cleanup(func() {
		if err := systems.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), []byte(strings.Repeat("disk", 300000)), 0o600); err != nil {
		t.Fatal(err)
	}
	return &site{t, dir, &planner.Site{Cloud: facts, Types: resources.All(), Store: store, Keys: seal.Lazy(filepath.Join(dir, ".cairn", "keyset.json")), Systems: systems}, e, "test"}
}

func (s *site) plan(config string, opt planner.Options) (*planner.Plan, hcl.Diagnostics) {
	s.Helper()
	config = strings.ReplaceAll(config, "DISK", filepath.Join(s.dir, "disk.raw"))
	if err := os.WriteFile(filepath.Join(s.dir, "main.stack.hcl"), fmt.Appendf(nil, "stack %q {}\n%s", s.stack, config), 0o600); err != nil {
		s.Fatal(err)
	}
	stack, diags := lang.Load(s.dir, lang.Options{Types: s.Types})
	if diags.HasErrors() {
		s.Fatal(diags)
	}
	return planner.Make(s.Context(), s.Site, stack, opt)
}

// apply plans and applies, and answers with the plan.
func (s *site) apply(config string, opt planner.Options) *planner.Plan {
	s.Helper()
	p, diags := s.plan(config, opt)
	if diags.HasErrors() {
		s.Fatal(diags)
	}
	lease, err := s.Store.Lock(s.Context(), s.stack, state.Me("test"), 0)
	if err != nil {
		s.Fatal(err)
	}
	defer func() {
		if err := lease.Release(); err != nil {
			s.Error(err)
		}
	}()
	out, err := p.Apply(context.WithoutCancel(s.Context()), lease, planner.ApplyOptions{Command: "apply"})
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		s.Fatal(err)
	}
	return p
}

const ground = `
resource "network" "net" {}
resource "subnet" "v4" {
  network_id = network.net.id
  cidr       = "10.0.0.0/24"

  allocation_pools = [{ start = "10.0.0.128", end = "10.0.0.250" }] # where none is asked for
}
resource "flavor" "small" {
  name    = "small"
  vcpus   = 2
  ram_mb  = 2048
  disk_gb = 1
}
resource "image" "disk" {
  local_file_path = "DISK"
}
resource "keypair" "ops" {
  name       = "ops"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ops"
}
`

const farm = ground + `
resource "server_group" "apart" { policy = "anti-affinity" }
resource "volume_type" "fast" { name = "fast" }
resource "instance" "web" {
  count           = 3
  flavor_id       = flavor.small.id
  image_id        = image.disk.id
  key_pair        = keypair.ops.name
  networks        = [{ network_id = network.net.id }]
  scheduler_hints = { group = server_group.apart.id }
}
resource "volume" "data" {
  size        = 2
  volume_type = volume_type.fast.name
}
resource "snapshot" "before" { volume_id = volume.data.id }
resource "volume" "copy" { snapshot_id = snapshot.before.id }
resource "volume_attachment" "data" {
  instance_id = instance.web[0].id
  volume_id   = volume.data.id
}
resource "instance" "db" {
  flavor_id = flavor.small.id
  networks  = [{ subnet = subnet.v4.id, fixed_ip_v4 = "10.0.0.77" }]
  block_devices = [{
    source_type = "image"
    uuid        = image.disk.id
    boot_index  = 0
    volume_size = 3
  }]
}
output "hosts" { value = instance.web[*].host }
output "db" { value = instance.db.access_ip_v4 }
output "device" { value = volume_attachment.data.device }
`

// A farm is planned with every host, address and device known, applied, found
// unchanged, resized by another flavor, and taken down without a file left.
func TestFarm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.apply(farm, planner.Options{})
	hosts := map[string]bool{}
	for _, o := range p.Outputs {
		switch o.Name {
		case "hosts":
			for _, h := range o.After.AsValueSlice() {
				hosts[h.AsString()] = true
			}
		case "db":
			if o.After.AsString() != "10.0.0.77" {
				t.Errorf("db is at %s", o.After.AsString())
			}
		case "device":
			if o.After.AsString() != "vdb" {
				t.Errorf("the volume is %s", o.After.AsString())
			}
		}
	}
	if len(hosts) != 3 {
		t.Errorf("three that must be apart are on %v", hosts)
	}
	again, diags := s.plan(farm, planner.Options{Refresh: planner.RefreshFull})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, c := range again.Changes {
		t.Errorf("unchanged, and %s is to be %v: %v", c.Address, c.Action, c.Changed)
	}
	larger := strings.Replace(farm, "ram_mb  = 2048", "ram_mb  = 4096", 1)
	resized := s.apply(larger, planner.Options{})
	stops := 0
	for _, c := range resized.Changes {
		if c.Type.Name == "instance" {
			stops += len(c.Stops)
		}
	}
	if stops != 4 {
		t.Errorf("%d of 4 instances stop for their flavor", stops)
	}
	if again, diags = s.plan(larger, planner.Options{Refresh: planner.RefreshFull}); diags.HasErrors() || len(again.Changes) > 0 {
		t.Errorf("%v, and %d changes", diags, len(again.Changes))
	}
	s.apply("", planner.Options{})
	for _, folder := range []string{"images", "volumes", "snapshots", "disks"} {
		if left, err := os.ReadDir(filepath.Join(s.dir, ".cairn", "embedded", folder)); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", folder, left, err)
		}
	}
}

// Other bytes are another image, and a new volume of it; the same bytes from
// elsewhere are not.
func TestImageOfOtherBytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := `resource "image" "i" {
  local_file_path = "DISK"
  source_checksum = "sha256:${filesha256("DISK")}"
}
resource "volume" "v" { image_id = image.i.id }
`
	s.apply(config, planner.Options{})
	disk, err := os.ReadFile(filepath.Join(s.dir, "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "disk.raw.twin"), disk, 0o600); err != nil {
		t.Fatal(err)
	}
	actions := func(config string) string {
		t.Helper()
		p, diags := s.plan(config, planner.Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var all []string
		for _, c := range p.Changes {
			all = append(all, fmt.Sprint(c.Address, " ", c.Action.Replaces()))
		}
		return strings.Join(all, ", ")
	}
	if got := actions(strings.ReplaceAll(config, "DISK", "DISK.twin")); got != "image.i false" {
		t.Errorf("the same bytes: %s", got)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "disk.raw"), []byte("other bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := actions(config); got != "image.i true, volume.v true" {
		t.Errorf("other bytes: %s", got)
	}
}

func TestUnsuitable(t *testing.T) {
	t.Parallel()
	instance := func(more string) string {
		return ground + `resource "instance" "x" {
  flavor_id = flavor.small.id
` + more + "\n}\n"
	}
	for _, c := range []struct{ reason, config, want string }{
		{"no disk to boot from", instance(``), "nothing to boot from"},
		{"two disks to boot from", instance(`image_id = image.disk.id
  block_devices = [{ source_type = "image", uuid = image.disk.id, boot_index = 0 }]`), "boots from one disk"},
		{"an interface on nothing", instance(`image_id = image.disk.id
  networks = [{}]`), "one port, network or subnet"},
		{"groups that no port takes", instance(`image_id = image.disk.id
  security_group_ids = [network.net.id]`), "No port takes the groups"},
		{"no such zone", instance(`image_id = image.disk.id
  availability_zone = "z"`), `no zone "z"`},
		{"no such host", instance(`image_id = image.disk.id
  host = "host9"`), `no host "host9"`},
		{"a host of another zone", instance(`image_id = image.disk.id
  host = "host1"
  availability_zone = "b"`), "CRN-PLACE-1"},
		{"no such key", instance(`image_id = image.disk.id
  key_pair = "nobody"`), `no keypair named "nobody"`},
		{"more than the hosts have", strings.Replace(instance(`image_id = image.disk.id`), "vcpus   = 2", "vcpus = 65", 1), "not enough vcpus: 64 free, 65 needed"},
		{"four apart on three hosts", instance(`image_id = image.disk.id
  count = 4
  scheduler_hints = { group = server_group.g.id }`) + `resource "server_group" "g" { policy = "anti-affinity" }`, "anti-affinity"},
		{"an image that needs more memory", strings.Replace(instance(`image_id = image.disk.id`), `path = "DISK"`, "path = \"DISK\"\n min_ram_mb = 9000\n", 1), "needs more memory"},
		{"an image that needs a larger disk", strings.Replace(instance(`image_id = image.disk.id`), `path = "DISK"`, "path = \"DISK\"\n min_disk_gb = 5\n", 1), "needs a larger disk"},
		{"more instances than the quota allows", instance(`image_id = image.disk.id
  count = 2
  project_id = project.p.id`) + `resource "project" "p" { name = "p" }
resource "quota" "q" {
  project_id = project.p.id
  cores      = 3
}`, "Not enough cores"},
		{"a volume of no size", `resource "volume" "v" {}`, "has no size"},
		{"a volume that is two copies", `resource "volume" "v" {
  source_vol_id = "a"
  snapshot_id   = "b"
}`, "copy of one thing"},
		{"no such type of volume", `resource "volume" "v" {
  size        = 1
  volume_type = "standart"
}`, `Did you mean "standard"?`},
		{"a volume too small for its image", strings.Replace(ground, `path = "DISK"`, "path = \"DISK\"\n min_disk_gb = 5\n", 1) + `resource "volume" "v" {
  size     = 1
  image_id = image.disk.id
}`, "smaller than what it is a copy of"},
		{"a volume for two instances", instance(`image_id = image.disk.id
  count = 2`) + `resource "volume" "v" { size = 1 }
resource "volume_attachment" "a" {
  count       = 2
  instance_id = instance.x[count.index].id
  volume_id   = volume.v.id
}`, "attached already"},
		{"multiattach of a type that can't", `resource "volume" "v" {
  size        = 1
  multiattach = true
}`, "one user at a time"},
		{"no such tier", `resource "volume_type" "v" {
  name = "x"
  tier = "gold"
}`, `no tier "gold"`},
		{"an image of no source", `resource "image" "i" {}`, "no source"},
		{"a URL without a checksum", `resource "image" "i" { source_url = "https://example.org/x.qcow2" }`, "Nobody would notice"},
		{"an image in the wrong format", `resource "image" "i" {
  local_file_path = "DISK"
  disk_format     = "qcow2"
}`, "is not qcow2"},
		{"an image of a file that is not there", `resource "image" "i" { local_file_path = "DISK.gone" }`, "no such file"},
		{"a private key", `resource "keypair" "k" { public_key = "-----BEGIN OPENSSH PRIVATE KEY-----" }`, "It is a private key"},
		{"half a key", `resource "keypair" "k" { public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" }`, "can't be read"},
		{"a rule that has no use", `resource "server_group" "g" {
  policy = "affinity"
  rules  = { max_server_per_host = 2 }
}`, "Only anti-affinity"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, diags := newSite(t).plan(c.config, planner.Options{})
			if !strings.Contains(diagsText(diags), c.want) || !diags.HasErrors() {
				t.Errorf("no %q in:\n%s", c.want, diagsText(diags))
			}
		})
	}
}

func diagsText(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Summary + ": " + d.Detail + "\n")
	}
	return b.String()
}

// An extra spec that nobody reads is a warning, and no more.
func TestUnknownExtraSpec(t *testing.T) {
	t.Parallel()
	_, diags := newSite(t).plan(`resource "flavor" "f" {
  name        = "f"
  vcpus       = 1
  ram_mb      = 64
  extra_specs = { "hw:cpu_polcy" = "dedicated", "trait:X" = "required" }
}`, planner.Options{})
	if diags.HasErrors() || len(diags) != 1 || !strings.Contains(diagsText(diags), `Did you mean "hw:cpu_policy"?`) {
		t.Error(diagsText(diags))
	}
}
