package resources_test

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
)

const plugs = ground + `
resource "instance" "x" {
  flavor_id = flavor.small.id
  image_id  = image.disk.id
  networks  = [{ network_id = network.net.id }]
}
resource "port" "p" {
  network_id = network.net.id
  fixed_ips  = [{ ip_address = "10.0.0.50" }]
}
resource "interface_attachment" "there" {
  instance_id = instance.x.id
  port_id     = port.p.id
}
resource "interface_attachment" "made" {
  instance_id = instance.x.id
  network_id  = network.net.id
  fixed_ip    = "10.0.0.60"
}
output "there" { value = interface_attachment.there.fixed_ip }
output "made" { value = interface_attachment.made.fixed_ip }
`

// A port that is there is plugged in, and one that is made; both stay when the
// instance is changed, and go with it. Another address is another attachment.
func TestInterfaceAttachment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.apply(plugs, planner.Options{})
	for _, o := range p.Outputs {
		if want := map[string]string{"there": "10.0.0.50", "made": "10.0.0.60"}[o.Name]; o.After.AsString() != want {
			t.Errorf("%s is at %s, want %s", o.Name, o.After.AsString(), want)
		}
	}
	unchanged := func(config string) {
		t.Helper()
		again, diags := s.plan(config, planner.Options{Refresh: planner.RefreshFull})
		if diags.HasErrors() {
			t.Fatal(diagsText(diags))
		}
		for _, c := range again.Changes {
			t.Errorf("unchanged, and %s is to be %v: %v", c.Address, c.Action, c.Changed)
		}
		for _, d := range again.Drift {
			t.Errorf("unchanged, and %s was changed behind cairn's back", d.Address)
		}
	}
	unchanged(plugs)
	renamed := strings.Replace(plugs, `resource "instance" "x" {`, "resource \"instance\" \"x\" {\n  name = \"renamed\"", 1)
	s.apply(renamed, planner.Options{})
	unchanged(renamed)
	moved := strings.Replace(renamed, `fixed_ip    = "10.0.0.60"`, "", 1)
	s.apply(moved, planner.Options{})
	unchanged(moved)
	other := strings.Replace(renamed, `"10.0.0.60"`, `"10.0.0.61"`, 1)
	replaced := map[string]bool{}
	for _, c := range s.apply(other, planner.Options{}).Changes {
		replaced[c.Address.String()] = c.Action.Replaces()
	}
	if !replaced["interface_attachment.made"] || replaced["instance.x"] {
		t.Errorf("another address replaces %v", replaced)
	}
	unchanged(other)
	s.apply(before(other, `resource "interface_attachment" "made"`)+`output "none" { value = 1 }`, planner.Options{})
	s.apply("", planner.Options{})
}

func TestUnsuitableInterfaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, old, new, want string }{
		{"no port and no network", `network_id  = network.net.id
  fixed_ip `, `fixed_ip `, "one port or network"},
		{"both of them", `network_id  = network.net.id
  fixed_ip    = "10.0.0.60"`, `network_id  = network.net.id
  port_id     = port.p.id`, "one port or network"},
		{"an address that the port does not have", `port_id     = port.p.id`, `port_id     = port.p.id
  fixed_ip    = "10.0.0.51"`, "The port has other addresses"},
		{"a port that is one of the instance's networks", `[{ network_id = network.net.id }]`, `[{ port = port.p.id }]`, "plugged in already"},
		{"a port that is attached already", `network_id  = network.net.id
  fixed_ip    = "10.0.0.60"`, `port_id     = port.p.id`, "plugged in already"},
		{"an address of no subnet", `"10.0.0.60"`, `"10.9.0.60"`, "10.9.0.60"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(plugs, c.old) {
				t.Fatalf("no %q to replace", c.old)
			}
			_, diags := newSite(t).plan(strings.Replace(plugs, c.old, c.new, 1), planner.Options{})
			if !strings.Contains(diagsText(diags), c.want) || !diags.HasErrors() {
				t.Errorf("no %q in:\n%s", c.want, diagsText(diags))
			}
		})
	}
}
