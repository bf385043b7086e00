package resources_test

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
)

// Of the three hosts 1 and 3 are in zone a, and 2 in zone b.
const picky = ground + `
resource "flavor" "picky" {
  name        = "picky"
  vcpus       = 1
  ram_mb      = 512
  disk_gb     = 1
  extra_specs = { "aggregate_instance_extra_specs:class" = "ASKED" }
}
resource "instance" "x" {
  flavor_id = flavor.picky.id
  image_id  = image.disk.id
}
resource "aggregate" "two" {
  name     = "two"
  hosts    = ["host2"]
  metadata = { class = "HAS" }
}
`

func TestAggregateExtraSpecs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, has, asked string
		fits               bool
	}{
		{"a text without an operator is the value", "gold", "gold", true},
		{"and no other one", "silver", "gold", false},
		{"a value with commas is several", "silver, gold", "gold", true},
		{"a lone = is at least", "9", "= 8", true},
		{"less is not at least", "7", "= 8", false},
		{"numbers are compared as numbers", "10", ">= 9", true},
		{"8.0 is 8", "8.0", "== 8", true},
		{"8 is not another number", "8", "!= 8", false},
		{"no more than", "9", "<= 8", false},
		{"a text compares with no number", "many", "= 8", false},
		{"s== is the same text", "8.0", "s== 8", false},
		{"s!= is any other text", "gold", "s!= silver", true},
		{"texts have an order", "10", "s< 9", true},
		{"<in> is a part of the value", "golden", "<in> gold", true},
		{"<all-in> is all of them", "gold and silver", "<all-in> gold silver", true},
		{"one of <all-in> missing", "gold", "<all-in> gold silver", false},
		{"<or> is any of them", "silver", "<or> gold <or> silver", true},
		{"<or> is whole values", "silver", "<or> gold <or> silve", false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			p, diags := newSite(t).plan(strings.NewReplacer("HAS", c.has, "ASKED", c.asked).Replace(picky), planner.Options{})
			if !c.fits {
				if want := `host1: flavor picky asks for an aggregate with class = "` + c.asked; !strings.Contains(diagsText(diags), want) {
					t.Errorf("no %q in:\n%s", want, diagsText(diags))
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diagsText(diags))
			}
			if p.Placements["instance.x"].Host != "host2" {
				t.Errorf("it is on %q: %s", p.Placements["instance.x"].Host, diagsText(diags))
			}
		})
	}
}

// What is on a host stays when an aggregate changes; another flavor, or a new
// instance, goes by what the aggregates say then.
func TestAggregateChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := strings.NewReplacer("HAS", "gold", "ASKED", "gold", "host2", "host1").Replace(picky)
	s.apply(config, planner.Options{})
	moved := strings.Replace(config, `["host1"]`, `["host3"]`, 1)
	p := s.apply(moved, planner.Options{})
	for _, c := range p.Changes {
		if c.Address.String() != "aggregate.two" {
			t.Errorf("the aggregate changes, and so does %s: %v", c.Address, c.Changed)
		}
	}
	renamed := strings.Replace(moved, `resource "instance" "x" {`, "resource \"instance\" \"x\" {\n  name = \"x\"", 1)
	if host := s.apply(renamed, planner.Options{}).Placements["instance.x"].Host; host != "host1" {
		t.Errorf("with another name it goes to %q", host)
	}
	p, diags := s.plan(renamed, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diagsText(diags))
	}
	hosts, now, err := p.ExplainPlacement("instance.x")
	if err != nil || now != "host1" || !strings.Contains(hosts[0].Why, `class = "gold"`) || hosts[2].Why != "" {
		t.Errorf("%v, on %s, %v", hosts, now, err)
	}
	resized := strings.Replace(renamed, "vcpus       = 1", "vcpus       = 2", 1)
	if host := s.apply(resized, planner.Options{}).Placements["instance.x"].Host; host != "host3" {
		t.Errorf("with another flavor it goes to %q", host)
	}
	if again, diags := s.plan(resized, planner.Options{Refresh: planner.RefreshFull}); diags.HasErrors() || len(again.Changes) > 0 {
		t.Errorf("%s, and %d changes", diagsText(diags), len(again.Changes))
	}
	s.apply("", planner.Options{})
}

const zoned = ground + `
resource "instance" "x" {
  count             = 2
  flavor_id         = flavor.small.id
  image_id          = image.disk.id
  availability_zone = "rack"
}
resource "volume" "v" {
  size              = 1
  availability_zone = "rack"
}
resource "volume_attachment" "v" {
  instance_id = instance.x[0].id
  volume_id   = volume.v.id
}
`

// A zone is made by name or by an aggregate, and volumes reach it as they reach the
// one around it.
func TestMadeZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, zone string }{
		{"a zone of hosts", `resource "availability_zone" "r" {
  name  = "rack"
  hosts = ["host3"]
}`},
		{"a zone of an aggregate's hosts", `resource "availability_zone" "r" {
  name          = "rack"
  aggregate_ids = [aggregate.r.id]
}
resource "aggregate" "r" {
  name  = "r"
  hosts = ["host3"]
}`},
		{"an aggregate that makes a zone, as in Nova", `resource "aggregate" "r" {
  name  = "r"
  hosts = ["host3"]
  zone  = "rack"
}`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			p := s.apply(zoned+c.zone, planner.Options{})
			for _, name := range []string{"instance.x[0]", "instance.x[1]"} {
				if host := p.Placements[name].Host; host != "host3" {
					t.Errorf("%s is on %q", name, host)
				}
			}
			if again, diags := s.plan(zoned+c.zone, planner.Options{Refresh: planner.RefreshFull}); diags.HasErrors() || len(again.Changes) > 0 {
				t.Errorf("%s, and %d changes", diagsText(diags), len(again.Changes))
			}
			for _, to := range []string{`["host1"]`, `[]`} {
				_, diags := s.plan(zoned+strings.Replace(c.zone, `["host3"]`, to, 1), planner.Options{})
				if want := "is in zone rack, and on host host3"; !strings.Contains(diagsText(diags), want) {
					t.Errorf("hosts = %s: no %q in:\n%s", to, want, diagsText(diags))
				}
			}
			s.apply("", planner.Options{})
		})
	}
}

func before(text, sep string) string {
	head, _, _ := strings.Cut(text, sep)
	return head
}

func TestUnsuitableAggregates(t *testing.T) {
	t.Parallel()
	aggregate := func(name, more string) string {
		return `resource "aggregate" "` + name + "\" {\n  name = \"" + name + "\"\n" + more + "\n}\n"
	}
	for _, c := range []struct{ reason, config, want string }{
		{"a host that is mistyped", aggregate("a", `hosts = ["hots2"]`), `Did you mean "host2"?`},
		{"a host of a zone that is mistyped", `resource "availability_zone" "z" {
  name  = "z"
  hosts = ["host4"]
}`, `no host "host4"`},
		{"two of a name", aggregate("a", "") + `resource "aggregate" "b" { name = "a" }`, `an aggregate named "a" already`},
		{"a host that the cloud file has elsewhere", aggregate("a", `hosts = ["host2"]
  zone = "a"`), "The cloud file has it in zone b"},
		{"a zone across zones of the cloud file", aggregate("a", `hosts = ["host1", "host2"]
  zone = "rack"`), "several zones of the cloud file"},
		{"a host in two zones", aggregate("a", `hosts = ["host1"]
  zone = "rack"`) + aggregate("b", `hosts = ["host1"]
  zone = "room"`), "is in zone room already"},
		{"a zone that the cloud file has", `resource "availability_zone" "a" { name = "a" }`, "The cloud file has zone a"},
		{"a zone without hosts", before(zoned, `resource "volume"`) + `resource "availability_zone" "r" { name = "rack" }`, "it is not in zone rack"},
		{"a zone that is mistyped", zoned + aggregate("r", `hosts = ["host1"]
  zone = "rak"`), `Did you mean "rak"?`},
		{"a host outside of the zone", strings.Replace(zoned, `  count `, `  host  = "host1"
  count `, 1) + aggregate("r", `hosts = ["host3"]
  zone = "rack"`), "host1: it is not in zone rack"},
		{"a number that is none", strings.Replace(picky, "ASKED", "= gold", 1), "compares numbers"},
		{"an operator alone", strings.Replace(picky, "ASKED", "s==", 1), "After s== comes"},
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
