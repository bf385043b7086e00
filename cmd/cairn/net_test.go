package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const traced = `
stack "traced" {}

resource "network" "outside" {
  external = true
  segments = [{ network_type = "vlan", physical_network = data.physical_network.uplink.name, segmentation_id = 101 }]
}

data "physical_network" "uplink" {}

resource "subnet" "outside" {
  network_id = network.outside.id
  cidr       = "203.0.113.0/24"
}

resource "network" "inside" {}

resource "subnet" "inside" {
  network_id = network.inside.id
  cidr       = "10.0.0.0/24"
}

resource "router" "edge" {
  external_network_id = network.outside.id
}

resource "router_interface" "inside" {
  router_id = router.edge.id
  subnet_id = subnet.inside.id
}

resource "security_group" "web" {
  rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 443, port_range_max = 443 }]
}

resource "security_group" "db" {}

resource "security_group_rule" "db" {
  security_group_id = security_group.db.id
  direction         = "ingress"
  protocol          = "tcp"
  port_range_min    = 5432
  port_range_max    = 5432
  remote_group_id   = security_group.web.id
}

resource "port" "web" {
  network_id         = network.inside.id
  security_group_ids = [security_group.web.id]
  fixed_ips          = [{ ip_address = "10.0.0.10" }]
}

resource "port" "db" {
  network_id         = network.inside.id
  security_group_ids = [security_group.db.id]
  fixed_ips          = [{ ip_address = "10.0.0.20" }]
}

resource "floating_ip" "web" {
  floating_network_id = network.outside.id
  port_id             = port.web.id
  address             = "203.0.113.50"
}
`

// call runs one command that stands alone.
func call(dir string, make func(*app) *cobra.Command, args ...string) (out string, err error) {
	var b bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &b, err: &b, noColor: true, chdir: ""}
	defer a.close()
	c := make(a)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&b)
	c.SetErr(&b)
	if dir != "" {
		args = append(args, "-dir", dir)
	}
	c.SetArgs(longFlags(args))
	err = c.Execute()
	return b.String(), err
}

func TestNetTrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.stack.hcl"), []byte(traced), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run([]string{"apply", "-auto-approve", "-no-color", dir}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("apply: %d\n%s", code, &out)
	}
	for _, c := range []struct {
		reason string
		args   []string
		fails  string // the error; "" for none
		says   []string
	}{
		{"in from the internet", []string{"internet", "port.web", "-tcp", "443"}, "", []string{
			"tcp 443 from the internet to port.web (203.0.113.50)\n", "router.edge  sends it on to 10.0.0.10 by floating_ip.web\n",
			"port.web     lets it in by security_group.web rules[0]\n", "and back\n", "It arrives, and so does the reply."}},
		{"by the floating address's own name", []string{"internet", "floating_ip.web", "-tcp", "443"}, "", []string{"lets it in by"}},
		{"a rule of its own", []string{"port.web", "port.db", "-tcp", "5432"}, "", []string{
			"lets it out by the default rules of security_group.web\n", "port.db         lets it in by security_group_rule.db\n"}},
		{"addresses for ports", []string{"10.0.0.10", "10.0.0.20", "-tcp", "5432"}, "", []string{"tcp 5432 from 10.0.0.10 to 10.0.0.20\n"}},
		{"what no rule allows", []string{"port.web", "port.db", "-udp", "53"}, "exit status 2", []string{
			"drops ingress of udp 53 from 10.0.0.10: nothing allows it in security_group.db\n", "It does not arrive."}},
		{"out to the internet", []string{"port.db", "internet", "-icmp"}, "", []string{"gives it the source 203.0.113."}},
		{"no packet", []string{"port.web", "port.db"}, "say what is sent", nil},
		{"two packets", []string{"port.web", "port.db", "-icmp", "-tcp", "1"}, "one packet at a time", nil},
		{"no such port", []string{"port.web", "port.db", "-tcp", "70000"}, "from 1 to 65535", nil},
		{"a mistyped address", []string{"port.wbe", "port.db", "-icmp"}, "did you mean port.web?", nil},
		{"nothing like it", []string{"instance.application", "port.db", "-icmp"}, "nothing is recorded at", nil},
		{"something that sends nothing", []string{"network.inside", "port.db", "-icmp"}, "is no port, instance or floating address", nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			out, err := call(dir, (*app).netCommand, append([]string{"trace"}, c.args...)...)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v, not %q", err, c.fails)
			}
			for _, s := range c.says {
				if !strings.Contains(out, s) {
					t.Errorf("nothing says %q in\n%s", s, out)
				}
			}
		})
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		args   []string
		fails  string
		says   string
	}{
		{"a code", []string{"CRN-IP-1"}, "", "# CRN-IP-1: an address is taken, or none is left\n"},
		{"in small letters", []string{"crn-ip-1"}, "", "# CRN-IP-1:"},
		{"all codes", nil, "", "CRN-IP-1        an address is taken, or none is left\n"},
		{"nearly a code", []string{"CRN-IPP-1"}, "did you mean CRN-IP-1?", ""},
		{"no code at all", []string{"weather"}, "`cairn explain` lists them", ""},
	} {
		out, err := call("", (*app).explainCommand, c.args...)
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v, not %q", c.reason, err, c.fails)
		}
		if !strings.Contains(out, c.says) {
			t.Errorf("%s: nothing says %q in\n%s", c.reason, c.says, out)
		}
	}
}
