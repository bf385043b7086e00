package convert_test

import (
	"testing"

	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// What others made is written as an author would: no default, no id, references to
// what stands beside it, names that are free and can be written.
func TestStrays(t *testing.T) {
	t.Parallel()
	flavor := &resources.Flavor{ID: "f", Name: "kvm1-1x512", VCPUs: 1, RAMMB: 512}
	machine := func(id, name string) *resources.Instance {
		i := &resources.Instance{FlavorID: schema.Ref[resources.Flavor]("f"), Host: "kvm1", PowerState: resources.Active,
			Networks: []resources.InstanceNetwork{{Bridge: "br0", PortID: "assigned"}}}
		i.ID, i.Name = id, name
		return i
	}
	got, err := convert.Strays(resources.All(), "Of kvm1", []convert.Stray{
		{ID: "1", Object: machine("1", "web 1"), With: []any{flavor}, Left: []string{"disk sdz stays"}},
		{ID: "2", Object: machine("2", "web-1"), With: []any{flavor}},
	}, map[string]bool{"instance.web_1": true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Of kvm1
resource "flavor" "kvm1_1x512" {
  name   = "kvm1-1x512"
  vcpus  = 1
  ram_mb = 512
}

# Disk sdz stays.
resource "instance" "web_1_2" {
  name      = "web 1"
  flavor_id = flavor.kvm1_1x512.id
  networks = [{
    bridge = "br0"
  }]
  host = "kvm1"
}

import {
  to = instance.web_1_2
  id = "1"
}

resource "instance" "web_1_3" {
  name      = "web-1"
  flavor_id = flavor.kvm1_1x512.id
  networks = [{
    bridge = "br0"
  }]
  host = "kvm1"
}

import {
  to = instance.web_1_3
  id = "2"
}
`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
