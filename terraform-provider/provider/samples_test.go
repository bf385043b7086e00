package provider

// A sample is one resource of a type, as an author writes it, and what it may
// become.
type sample struct {
	with    string // resources that it needs, whole
	body    string
	update  string // changed in place; "": no attribute of the type can be
	replace string // changed so that it takes a new object
	by      string // the attribute that forces it
	shrunk  string // changed in a way that is refused
	refused string // and how
	second  string // another object of the type, where a second name alone is no other one
}

const network = `
resource "cairn_network" "n" {
  name = "n"
}
resource "cairn_subnet" "s" {
  name       = "s"
  network_id = cairn_network.n.id
  cidr       = "10.1.0.0/24"
}
`

// edge is a router between a network and the outside.
const edge = network + `
resource "cairn_network" "out" {
  name     = "out"
  external = true
  segments = [{ network_type = "vlan", physical_network = "physnet1" }]
}
resource "cairn_subnet" "out" {
  name       = "out"
  network_id = cairn_network.out.id
  cidr       = "203.0.113.0/24"
}
resource "cairn_router" "r" {
  name                = "r"
  external_network_id = cairn_network.out.id
}
`

const project = `
resource "cairn_project" "p" {
  name = "p"
}
`

const machine = network + `
resource "cairn_flavor" "f" {
  name    = "f"
  vcpus   = 1
  ram_mb  = 256
  disk_gb = 1
}
resource "cairn_flavor" "g" {
  name    = "g"
  vcpus   = 2
  ram_mb  = 512
  disk_gb = 1
}
resource "cairn_image" "i" {
  name            = "i"
  local_file_path = var.image
}
`

const (
	key1 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g one"
	key2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB two"
)

// samples has one of every type that can be made. A type without one fails
// TestEveryTypeHasASample.
var samples = map[string]sample{
	"flavor": {
		body:    `name = "x", vcpus = 1, ram_mb = 256, disk_gb = 1`,
		update:  `name = "x", vcpus = 1, ram_mb = 256, disk_gb = 1, description = "small", extra_specs = { "hw:cpu_policy" = "shared" }`,
		replace: `name = "x", vcpus = 2, ram_mb = 256, disk_gb = 1`, by: "vcpus",
	},
	"floating_ip": {
		with: edge, body: `floating_network_id = cairn_network.out.id, address = "203.0.113.76", description = "x"`,
		update:  `floating_network_id = cairn_network.out.id, description = "y", tags = ["a", "b"]`,
		replace: `floating_network_id = cairn_network.out.id, address = "203.0.113.77"`, by: "address",
	},
	"floating_ip_association": {
		with: edge + `
resource "cairn_router_interface" "i" {
  router_id = cairn_router.r.id
  subnet_id = cairn_subnet.s.id
}
resource "cairn_port" "p" {
  name       = "p"
  network_id = cairn_network.n.id
}
resource "cairn_port" "q" {
  name       = "q"
  network_id = cairn_network.n.id
}
resource "cairn_floating_ip" "f" {
  floating_network_id = cairn_network.out.id
}
resource "cairn_floating_ip" "g" {
  floating_network_id = cairn_network.out.id
}
`,
		body:    `floating_ip_id = cairn_floating_ip.f.id, port_id = cairn_port.p.id`,
		update:  `floating_ip_id = cairn_floating_ip.f.id, port_id = cairn_port.q.id`,
		replace: `floating_ip_id = cairn_floating_ip.g.id, port_id = cairn_port.p.id`, by: "floating_ip_id",
	},
	"image": {
		body:    `name = "x", local_file_path = var.image`,
		update:  `name = "x", local_file_path = var.image, visibility = "public", min_disk_gb = 1, properties = { os = "none" }`,
		replace: `name = "x", local_file_path = var.other`, by: "local_file_path",
	},
	"instance": {
		with: machine,
		body: `name = "x", flavor_id = cairn_flavor.f.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }],
			timeouts = { create = "1m" }`,
		update:  `name = "x", flavor_id = cairn_flavor.g.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }], metadata = { a = "b" }`,
		replace: `name = "x", flavor_id = cairn_flavor.f.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }], user_data = "#!/bin/sh"`, by: "user_data",
	},
	"keypair": {
		body:    `name = "x", public_key = "` + key1 + `"`,
		replace: `name = "x", public_key = "` + key2 + `"`, by: "public_key",
	},
	"network": {
		body:    `name = "x"`,
		update:  `name = "y", description = "z", mtu = 1400, tags = ["b", "a"], dns_domain = "example.org."`,
		replace: `name = "x", segments = [{ network_type = "vlan", physical_network = "physnet1", segmentation_id = 150 }]`, by: "segments",
	},
	"port": {
		with: network, body: `name = "x", network_id = cairn_network.n.id`,
		update:  `name = "x", network_id = cairn_network.n.id, fixed_ips = [{ ip_address = "10.1.0.77" }], security_group_ids = [], dns_name = "x"`,
		replace: `name = "x", network_id = cairn_network.n.id, mac_address = "fa:16:3e:12:34:56"`, by: "mac_address",
	},
	"project": {
		body: `name = "x"`, update: `name = "x", description = "y", enabled = false`,
		replace: `name = "x", parent_id = cairn_project.above.id`, by: "parent_id",
		with: `resource "cairn_project" "above" {
  name = "above"
}`,
	},
	"quota": {
		with: `resource "cairn_project" "p" {
  name = "p"
}
resource "cairn_project" "q" {
  name = "q"
}`,
		body: `project_id = cairn_project.p.id, ports = 10`, update: `project_id = cairn_project.p.id, ports = 0, cores = -1`,
		replace: `project_id = cairn_project.q.id, ports = 10`, by: "project_id",
	},
	"random_id":       {body: `byte_length = 4`, replace: `byte_length = 8`, by: "byte_length"},
	"random_password": {body: `length = 12`, replace: `length = 12, special = false`, by: "special"},
	"random_string":   {body: `length = 12`, replace: `length = 12, keepers = { a = "b" }`, by: "keepers"},
	"route": {
		with: edge + `
resource "cairn_router_interface" "i" {
  router_id = cairn_router.r.id
  subnet_id = cairn_subnet.s.id
}
`,
		body:    `router_id = cairn_router.r.id, destination_cidr = "192.0.2.0/24", next_hop = "10.1.0.254"`,
		replace: `router_id = cairn_router.r.id, destination_cidr = "192.0.2.0/25", next_hop = "10.1.0.254"`, by: "destination_cidr",
	},
	"router": {
		with: edge + project, body: `name = "x"`,
		update: `name = "x", external_network_id = cairn_network.out.id, enable_snat = false`,
		// A router moves between projects by becoming another one.
		replace: `name = "x", project_id = cairn_project.p.id`, by: "project_id",
	},
	"router_interface": {
		with: edge, body: `router_id = cairn_router.r.id, subnet_id = cairn_subnet.s.id`,
		replace: `router_id = cairn_router.r.id, subnet_id = cairn_subnet.s.id, ip_address = "10.1.0.99"`, by: "ip_address",
	},
	"security_group": {
		with: project,
		body: `name = "x", rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 22, port_range_max = 22 }]`,
		update: `name = "x", rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 80, port_range_max = 80, remote_ip_prefix = "10.0.0.0/8" },
			{ direction = "ingress", ethertype = "IPv6" }]`,
		replace: `name = "x", project_id = cairn_project.p.id`, by: "project_id",
	},
	"security_group_rule": {
		with: `resource "cairn_security_group" "g" {
  name = "g"
}`,
		body:    `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "icmp"`,
		update:  `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "icmp", description = "ping"`,
		replace: `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "udp"`, by: "protocol",
	},
	"server_group": {
		body:    `name = "x", policy = "anti-affinity", rules = { max_server_per_host = 2 }`,
		update:  `name = "y", policy = "anti-affinity", rules = { max_server_per_host = 2 }`,
		replace: `name = "x", policy = "affinity"`, by: "policy",
	},
	"snapshot": {
		with: `resource "cairn_volume" "v" {
  name = "v"
  size = 1
}
resource "cairn_volume" "w" {
  name = "w"
  size = 1
}`,
		body: `name = "x", volume_id = cairn_volume.v.id`, update: `name = "x", volume_id = cairn_volume.v.id, description = "y", metadata = { a = "b" }`,
		replace: `name = "x", volume_id = cairn_volume.w.id`, by: "volume_id",
	},
	"subnet": {
		with: network, body: `name = "x", network_id = cairn_network.n.id, cidr = "10.2.0.0/24"`,
		update:  `name = "x", network_id = cairn_network.n.id, cidr = "10.2.0.0/24", gateway_ip = "10.2.0.254", allocation_pools = [{ start = "10.2.0.10", end = "10.2.0.20" }], dns_nameservers = ["10.2.0.3"]`,
		replace: `name = "x", network_id = cairn_network.n.id, cidr = "10.3.0.0/24"`, by: "cidr",
		second: `name = "other", network_id = cairn_network.n.id, cidr = "10.4.0.0/24"`,
	},
	"terraform_data": {
		body: `input = { a = [1, "two", true] }`, update: `input = "text"`,
		replace: `input = { a = [1, "two", true] }, triggers_replace = 1`, by: "triggers_replace",
	},
	"value": {
		body: `input = "x"`, update: `input = { y = null, z = [] }`,
		replace: `input = "x", triggers_replace = ["now"]`, by: "triggers_replace",
	},
	"volume": {
		body: `name = "x", size = 2`, update: `name = "x", size = 3, metadata = { a = "b" }, volume_type = "wide"`,
		replace: `name = "x", size = 2, availability_zone = "z2"`, by: "availability_zone",
		shrunk: `name = "x", size = 1`, refused: "error at size: size can only grow",
	},
	"volume_attachment": {
		with: machine + `
resource "cairn_instance" "i" {
  name      = "i"
  flavor_id = cairn_flavor.f.id
  image_id  = cairn_image.i.id
}
resource "cairn_volume" "v" {
  name = "v"
  size = 1
}
resource "cairn_volume" "w" {
  name = "w"
  size = 1
}
`,
		body:    `instance_id = cairn_instance.i.id, volume_id = cairn_volume.v.id`,
		replace: `instance_id = cairn_instance.i.id, volume_id = cairn_volume.w.id`, by: "volume_id",
	},
	"volume_type": {
		body: `name = "x"`, update: `name = "x", description = "y", availability_zones = ["z1"], multiattach = true`,
		replace: `name = "x", tier = "wide"`, by: "tier",
	},
}
