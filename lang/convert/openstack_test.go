package convert_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
)

func fromOpenStack(t *testing.T, native bool, files map[string][]byte) (*convert.Output, *convert.Report) {
	t.Helper()
	out, report, diags := convert.OpenStack(files, convert.Options{Types: resources.All(), Stack: "s", Native: native})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return out, report
}

// estate is a configuration of which everything has a counterpart.
const estate = `
provider "openstack" {
  auth_url    = "https://cloud.example:5000/v3"
  tenant_name = "demo"
}
variable "image" {
  default = "tiny"
}
resource "openstack_networking_network_v2" "net" {
  name           = "net"
  admin_state_up = "true"
}
resource "openstack_networking_subnet_v2" "net" {
  network_id = openstack_networking_network_v2.net.id
  cidr       = "10.0.0.0/24"
  allocation_pool {
    start = "10.0.0.10" # the first
    end   = "10.0.0.20"
  }
  allocation_pool {
    start = "10.0.0.30"
    end   = "10.0.0.40"
  }
}
resource "openstack_networking_secgroup_v2" "web" {
  name = "web"
}
resource "openstack_networking_secgroup_rule_v2" "web" {
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 80
  port_range_max    = 80
  security_group_id = openstack_networking_secgroup_v2.web.id
}
resource "openstack_networking_port_v2" "web" {
  count              = 2
  network_id         = openstack_networking_network_v2.net.id
  security_group_ids = [openstack_networking_secgroup_v2.web.id]
  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.net.id
  }
  dynamic "allowed_address_pairs" {
    for_each = ["10.0.0.200"]
    content {
      ip_address = allowed_address_pairs.value
    }
  }
}
resource "openstack_compute_servergroup_v2" "web" {
  name     = "web"
  policies = ["anti-affinity"]
}
resource "openstack_compute_instance_v2" "web" {
  count           = 2
  name            = "web-${count.index}"
  image_name      = var.image
  flavor_name     = "tiny"
  security_groups = ["default", "web"]
  network {
    port = openstack_networking_port_v2.web[count.index].id
  }
  scheduler_hints {
    group = openstack_compute_servergroup_v2.web.id
  }
  lifecycle {
    ignore_changes = [image_name, network]
  }
}
resource "openstack_compute_quotaset_v2" "q" {
  project_id = "p"
  ram        = 1024
}
resource "openstack_networking_quota_v2" "q" {
  project_id = "p"
  floatingip = 3
}
output "addresses" {
  value = [for p in openstack_networking_port_v2.web : p.all_fixed_ips[0]]
}
`

// What is converted loads, in both formats, as the same blocks.
func TestEstate(t *testing.T) {
	t.Parallel()
	var first []string
	for _, native := range []bool{false, true} {
		out, report := fromOpenStack(t, native, map[string][]byte{"main.tf": []byte(estate)})
		if !report.Complete() {
			t.Errorf("something is left: %+v", report.Items)
		}
		dir := t.TempDir()
		write(t, dir, out.Files)
		s := load(t, dir)
		if s.TF == native || s.Name != "s" {
			t.Errorf("it is read as stack %q, .tf files: %v", s.Name, s.TF)
		}
		all := blocks(s)
		if native && !slices.Equal(all, first) {
			t.Errorf("stack files have\n%v\nand .tf files\n%v", all, first)
		}
		first = all
		if !native {
			terraformAccepts(t, dir)
		}
	}
	for _, want := range []string{"security_group.web", "data.security_group.default", "data.image.image", "data.flavor.tiny", "quota.q"} {
		if !slices.Contains(first, want) {
			t.Errorf("%s is not in %v", want, first)
		}
	}
}

func TestOpenStackBlocks(t *testing.T) {
	t.Parallel()
	const made = "resource \"openstack_networking_network_v2\" \"n\" {\n  name = \"n\"\n}\nresource \"openstack_compute_instance_v2\" \"i\" {\n  flavor_id = \"f\"\n  count     = 2\n}\nresource \"openstack_networking_floatingip_v2\" \"f\" {\n  pool = \"n\"\n}\n"
	for _, c := range []struct{ reason, in, want, left string }{
		{reason: "a pool that is made here", in: "", want: "floating_network_id = cairn_network.n.id"},
		{reason: "tenant_id in a reference", in: "output \"o\" {\n  value = openstack_networking_network_v2.n.tenant_id\n}", want: "cairn_network.n.project_id"},
		{reason: "an element of a splat", in: "resource \"openstack_compute_floatingip_associate_v2\" \"a\" {\n  floating_ip = openstack_networking_floatingip_v2.f.address\n  instance_id = openstack_compute_instance_v2.i.*.id[0]\n}", want: "port_id        = cairn_instance.i[0].networks[0].port_id"},
		{reason: "element() of a splat", in: "resource \"openstack_compute_floatingip_associate_v2\" \"a\" {\n  floating_ip = openstack_networking_floatingip_v2.f.address\n  instance_id = \"${element(openstack_compute_instance_v2.i.*.id, 1)}\"\n}", want: "port_id        = element(cairn_instance.i, 1).networks[0].port_id"},
		{reason: "an address that comes from elsewhere", in: "variable \"a\" {}\nresource \"openstack_networking_floatingip_associate_v2\" \"a\" {\n  floating_ip = var.a\n  port_id     = \"p\"\n}", want: "# floating_ip = var.a", left: "floating_ip"},
		{reason: "names in each instance", in: "resource \"openstack_compute_instance_v2\" \"e\" {\n  for_each   = { a = \"x\" }\n  flavor_id  = \"f\"\n  image_name = each.value\n}", want: "image_id  = data.cairn_image.e_image[each.key].id"},
		{reason: "all names of a list", in: "variable \"sgs\" {}\nresource \"openstack_compute_instance_v2\" \"e\" {\n  flavor_id       = \"f\"\n  security_groups = concat(var.sgs, [\"x\"])\n}", want: "security_group_ids = concat([for x in data.cairn_security_group.sgs : x.id], [data.cairn_security_group.x.id])"},
		{reason: "an id beats a name", in: "resource \"openstack_compute_instance_v2\" \"e\" {\n  flavor_id  = \"f\"\n  image_id   = \"i\"\n  image_name = \"x\"\n}", want: "# image_name = \"x\"", left: "image_name"},
		{reason: "an iterator with a name and a key", in: "resource \"openstack_networking_port_v2\" \"p\" {\n  network_id = \"n\"\n  dynamic \"fixed_ip\" {\n    for_each = { a = \"b\" }\n    iterator = it\n    content {\n      subnet_id  = it.key\n      ip_address = it.value\n    }\n  }\n}", want: "fixed_ips = [for it_key, it in { a = \"b\" } : {\n    subnet_id  = it_key\n    ip_address = it\n  }]"},
		{reason: "static and dynamic blocks", in: "resource \"openstack_networking_port_v2\" \"p\" {\n  network_id = \"n\"\n  fixed_ip {\n    subnet_id = \"s\"\n  }\n  dynamic \"fixed_ip\" {\n    for_each = [\"b\"]\n    content {\n      subnet_id = fixed_ip.value\n    }\n  }\n}", want: "fixed_ips = concat([{\n"},
		{reason: "rules of the old groups", in: "resource \"openstack_compute_secgroup_v2\" \"g\" {\n  name        = \"g\"\n  description = \"\"\n  rule {\n    from_port   = 22\n    to_port     = 22\n    ip_protocol = \"tcp\"\n    cidr        = \"0.0.0.0/0\"\n  }\n}", want: "direction        = \"ingress\"\n"},
		{reason: "what a nested block tells", in: "output \"o\" {\n  value = openstack_compute_instance_v2.i[0].network.0.uuid\n}", want: "cairn_instance.i[0].networks.0.network_id"},
		{reason: "references in strings, as of old", in: "resource \"openstack_networking_network_v2\" \"m\" {\n  depends_on = [\"openstack_networking_network_v2.n\"]\n}", want: "depends_on = [cairn_network.n]"},
		{reason: "a type that is not in cairn yet", in: "resource \"openstack_dns_zone_v2\" \"p\" {\n  name = \"p\"\n}", want: "# resource \"openstack_dns_zone_v2\" \"p\" {", left: ""},
		{reason: "a type that is out of scope", in: "resource \"openstack_db_user_v1\" \"p\" {\n  name = \"p\"\n}", want: "# Not converted: databases as a service are out of scope", left: ""},
		{reason: "a mention of what was left", in: "output \"o\" {\n  value = openstack_dns_zone_v2.p.id\n}", want: "openstack_dns_zone_v2.p.id", left: "mentions openstack_dns_zone_v2.p"},
		{reason: "what has no counterpart", in: "resource \"openstack_networking_network_v2\" \"m\" {\n  value_specs = {\n    a = \"b\"\n  }\n}", want: "  # value_specs = {\n  #   a = \"b\"\n  # }\n", left: "value_specs"},
		{reason: "a word that nobody knows", in: "resource \"openstack_networking_network_v2\" \"m\" {\n  colour = \"red\"\n}", want: "# colour = \"red\"", left: "colour"},
		{reason: "a command", in: "resource \"openstack_networking_network_v2\" \"m\" {\n  provisioner \"local-exec\" {\n    command = \"x\"\n  }\n}", want: "# provisioner", left: "provisioner"},
		{reason: "what is missing", in: "resource \"openstack_compute_keypair_v2\" \"k\" {\n  name = \"k\"\n}", want: "cairn_keypair", left: "public_key"},
		{reason: "moved", in: "moved {\n  from = openstack_networking_network_v2.o\n  to   = openstack_networking_network_v2.n\n}", want: "from = cairn_network.o\n"},
		{reason: "another provider's", in: "resource \"null_resource\" \"x\" {\n  triggers = { n = openstack_networking_network_v2.n.id }\n}", want: "triggers = { n = cairn_network.n.id }"},
		{reason: "a name that is no text yet", in: "resource \"openstack_networking_floatingip_v2\" \"g\" {\n  pool = openstack_networking_network_v2.n.name\n}", want: "floating_network_id = cairn_network.n.id\n"},
		{reason: "required_providers", in: "terraform {\n  required_providers {\n    openstack = {\n      source = \"terraform-provider-openstack/openstack\"\n    }\n  }\n}", want: "    cairn = {\n      source = \"cairncloud/cairn\"\n    }\n"},
		{reason: "a module from elsewhere", in: "module \"m\" {\n  source = \"example/m/openstack\"\n}", want: "# module \"m\" {"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			out, report := fromOpenStack(t, false, map[string][]byte{"main.tf": []byte(made + c.in + "\n")})
			if got := string(out.Files["main.tf"]); !strings.Contains(got, c.want) {
				t.Errorf("%s is not in\n%s", c.want, got)
			}
			found := c.left == ""
			for _, i := range report.Items {
				if i.Line == 0 || i.File != "main.tf" {
					t.Errorf("%+v stands nowhere", i)
				}
				found = found || i.Status == convert.Left && i.Argument == c.left
			}
			if !found {
				t.Errorf("%s is not left: %+v", c.left, report.Items)
			}
		})
	}
}

func TestTooDeep(t *testing.T) {
	t.Parallel()
	deep := "locals {\n  a = " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000) + "\n}\n"
	_, _, diags := convert.OpenStack(map[string][]byte{"deep.tf": []byte(deep)}, convert.Options{Types: resources.All(), Stack: "s"})
	if !diags.HasErrors() || !strings.Contains(diags.Error(), "deep.tf") {
		t.Errorf("%v", diags)
	}
}

func FuzzOpenStack(f *testing.F) {
	f.Add(estate, false)
	f.Add(estate, true)
	f.Add("resource \"openstack_networking_port_v2\" \"p\" { fixed_ip { ip_address = 1 } }\nresource openstack_networking_router_v2 r { vendor_options { x = 1 } }\noutput \"x\" { value = openstack_networking_port_v2.p.all_fixed_ips.0 }", false)
	f.Fuzz(func(t *testing.T, text string, native bool) {
		out, _, diags := convert.OpenStack(map[string][]byte{"m.tf": []byte(text)}, convert.Options{Types: resources.All(), Stack: "s", Native: native})
		if diags.HasErrors() {
			return
		}
		for name, got := range out.Files {
			if _, diags := hclsyntax.ParseConfig(got, filepath.Base(name), hcl.InitialPos); diags.HasErrors() {
				t.Errorf("%v\n%s", diags, got)
			}
		}
	})
}
