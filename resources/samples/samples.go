// Package samples has one object of every type that can be made, as an author
// writes it in Terraform's spelling, and what may become of it. Tests of whoever
// serves the types read it; programs don't.
package samples

// A Sample is one resource of a type, as an author writes it, and what it may
// become.
type Sample struct {
	With    string // resources that it needs, whole
	Body    string
	Update  string // changed in place; "": no attribute of the type can be
	Replace string // changed so that it takes a new object; "": no attribute forces that
	By      string // the attribute that forces it
	Shrunk  string // changed in a way that is refused
	Refused string // and how
	Second  string // another object of the type, where a second name alone is no other one
}

// Network is a network with a subnet.
const Network = `
resource "cairn_network" "n" {
  name = "n"
}
resource "cairn_subnet" "s" {
  name       = "s"
  network_id = cairn_network.n.id
  cidr       = "10.1.0.0/24"
  # What cairn chooses is none of those that samples ask for.
  allocation_pools = [{ start = "10.1.0.128", end = "10.1.0.250" }]
}
`

// edge is a router between a network and the outside.
const edge = Network + `
resource "cairn_network" "out" {
  name     = "out"
  external = true
  segments = [{ network_type = "vlan", physical_network = "physnet1" }]
}
resource "cairn_subnet" "out" {
  name       = "out"
  network_id = cairn_network.out.id
  cidr       = "203.0.113.0/24"

  allocation_pools = [{ start = "203.0.113.128", end = "203.0.113.250" }]
}
resource "cairn_router" "r" {
  name                = "r"
  external_network_id = cairn_network.out.id
}
`

// balanced is a load balancer with a pool, and another one beside it.
const balanced = Network + `
resource "cairn_load_balancer" "b" {
  name          = "b"
  vip_subnet_id = cairn_subnet.s.id
}
resource "cairn_lb_pool" "p" {
  name            = "p"
  loadbalancer_id = cairn_load_balancer.b.id
  protocol        = "TCP"
  lb_method       = "SOURCE_IP_PORT"
}
resource "cairn_lb_pool" "q" {
  name            = "q"
  loadbalancer_id = cairn_load_balancer.b.id
  protocol        = "TCP"
  lb_method       = "SOURCE_IP"
}
`

const project = `
resource "cairn_project" "p" {
  name = "p"
}
`

const machine = Network + `
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

// All has one of every type that can be made. A type without one fails a test.
var All = map[string]Sample{
	"address_group": {
		Body:   `name = "x", addresses = ["198.51.100.0/24", "2001:db8:1::7"]`,
		Update: `name = "x", addresses = ["198.51.100.0/25", "192.0.2.1"], description = "y"`,
		With:   project, Replace: `name = "x", addresses = ["198.51.100.0/24"], project_id = cairn_project.p.id`, By: "project_id",
	},
	"aggregate": {
		Body:   `name = "x", hosts = ["host1"], metadata = { ssd = "true" }`,
		Update: `name = "y", hosts = ["host1", "host3"], metadata = { ssd = "true,fast" }, zone = "made"`,
	},
	"availability_zone": {
		With: `resource "cairn_aggregate" "a" {
  name  = "a"
  hosts = ["host3"]
}
`,
		Body: `name = "x", hosts = ["host1"]`, Update: `name = "x", hosts = [], aggregate_ids = [cairn_aggregate.a.id]`,
		Replace: `name = "y", hosts = ["host1"]`, By: "name", Second: `name = "other", hosts = ["host2"]`,
	},
	"flavor": {
		Body:    `name = "x", vcpus = 1, ram_mb = 256, disk_gb = 1`,
		Update:  `name = "x", vcpus = 1, ram_mb = 256, disk_gb = 1, description = "small", extra_specs = { "hw:cpu_policy" = "shared" }`,
		Replace: `name = "x", vcpus = 2, ram_mb = 256, disk_gb = 1`, By: "vcpus",
	},
	"floating_ip": {
		With: edge, Body: `floating_network_id = cairn_network.out.id, address = "203.0.113.76", description = "x"`,
		Update:  `floating_network_id = cairn_network.out.id, description = "y", tags = ["a", "b"]`,
		Replace: `floating_network_id = cairn_network.out.id, address = "203.0.113.77"`, By: "address",
	},
	"floating_ip_association": {
		With: edge + `
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
		Body:    `floating_ip_id = cairn_floating_ip.f.id, port_id = cairn_port.p.id`,
		Update:  `floating_ip_id = cairn_floating_ip.f.id, port_id = cairn_port.q.id`,
		Replace: `floating_ip_id = cairn_floating_ip.g.id, port_id = cairn_port.p.id`, By: "floating_ip_id",
	},
	"gateway_group": {
		With: project, Body: `name = "x"`, Update: `name = "y", description = "z", availability_zone = "z1"`,
		Replace: `name = "x", project_id = cairn_project.p.id`, By: "project_id",
	},
	"image": {
		Body:    `name = "x", local_file_path = var.image`,
		Update:  `name = "x", local_file_path = var.image, visibility = "public", min_disk_gb = 1, properties = { os = "none" }`,
		Replace: `name = "x", local_file_path = var.other`, By: "local_file_path",
	},
	"instance": {
		With: machine,
		Body: `name = "x", flavor_id = cairn_flavor.f.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }],
			timeouts = { create = "1m" }`,
		Update:  `name = "x", flavor_id = cairn_flavor.g.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }], metadata = { a = "b" }`,
		Replace: `name = "x", flavor_id = cairn_flavor.f.id, image_id = cairn_image.i.id, networks = [{ network_id = cairn_network.n.id }], user_data = "#!/bin/sh"`, By: "user_data",
	},
	"interface_attachment": {
		With: machine + `
resource "cairn_instance" "i" {
  name      = "i"
  flavor_id = cairn_flavor.f.id
  image_id  = cairn_image.i.id
}
resource "cairn_port" "p" {
  name       = "p"
  network_id = cairn_network.n.id
}
resource "cairn_port" "q" {
  name       = "q"
  network_id = cairn_network.n.id
}
`,
		Body:    `instance_id = cairn_instance.i.id, port_id = cairn_port.p.id`,
		Replace: `instance_id = cairn_instance.i.id, port_id = cairn_port.q.id`, By: "port_id",
		Second: `instance_id = cairn_instance.i.id, network_id = cairn_network.n.id, fixed_ip = "10.1.0.55"`,
	},
	"keypair": {
		Body:    `name = "x", public_key = "` + key1 + `"`,
		Replace: `name = "x", public_key = "` + key2 + `"`, By: "public_key",
	},
	"lb_health_monitor": {
		With: balanced, Body: `name = "x", pool_id = cairn_lb_pool.p.id, type = "TCP", delay = 5, timeout = 3, max_retries = 2`,
		Update:  `name = "x", pool_id = cairn_lb_pool.p.id, type = "TCP", delay = 10, timeout = 9, max_retries = 3, max_retries_down = 1, admin_state_up = false`,
		Replace: `name = "x", pool_id = cairn_lb_pool.q.id, type = "TCP", delay = 5, timeout = 3, max_retries = 2`, By: "pool_id",
		Second: `name = "other", pool_id = cairn_lb_pool.q.id, type = "TCP", delay = 5, timeout = 3, max_retries = 2`,
	},
	"lb_listener": {
		With: balanced, Body: `name = "x", loadbalancer_id = cairn_load_balancer.b.id, protocol = "TCP", protocol_port = 80, default_pool_id = cairn_lb_pool.p.id`,
		Update:  `name = "y", loadbalancer_id = cairn_load_balancer.b.id, protocol = "TCP", protocol_port = 80, default_pool_id = cairn_lb_pool.q.id, description = "z"`,
		Replace: `name = "x", loadbalancer_id = cairn_load_balancer.b.id, protocol = "UDP", protocol_port = 80`, By: "protocol",
		Second: `name = "other", loadbalancer_id = cairn_load_balancer.b.id, protocol = "TCP", protocol_port = 81`,
	},
	"lb_member": {
		With: balanced, Body: `name = "x", pool_id = cairn_lb_pool.p.id, address = "10.1.0.50", protocol_port = 8080`,
		Update:  `name = "x", pool_id = cairn_lb_pool.p.id, address = "10.1.0.50", protocol_port = 8080, weight = 0`,
		Replace: `name = "x", pool_id = cairn_lb_pool.p.id, address = "10.1.0.51", protocol_port = 8080`, By: "address",
		Second: `name = "other", pool_id = cairn_lb_pool.p.id, address = "10.1.0.52", protocol_port = 8080`,
	},
	"lb_pool": {
		With: balanced, Body: `name = "x", loadbalancer_id = cairn_load_balancer.b.id, protocol = "TCP", lb_method = "SOURCE_IP_PORT"`,
		Update:  `name = "y", loadbalancer_id = cairn_load_balancer.b.id, protocol = "TCP", lb_method = "SOURCE_IP", persistence = { type = "SOURCE_IP" }`,
		Replace: `name = "x", loadbalancer_id = cairn_load_balancer.b.id, protocol = "UDP", lb_method = "SOURCE_IP_PORT"`, By: "protocol",
	},
	"load_balancer": {
		With: balanced, Body: `name = "x", vip_subnet_id = cairn_subnet.s.id, vip_address = "10.1.0.40"`,
		Update:  `name = "y", vip_subnet_id = cairn_subnet.s.id, description = "z", admin_state_up = false`,
		Replace: `name = "x", vip_subnet_id = cairn_subnet.s.id, vip_address = "10.1.0.41"`, By: "vip_address",
		Second: `name = "other", vip_network_id = cairn_network.n.id`,
	},
	"network": {
		Body:    `name = "x"`,
		Update:  `name = "y", description = "z", mtu = 1400, tags = ["b", "a"], dns_domain = "example.org."`,
		Replace: `name = "x", segments = [{ network_type = "vlan", physical_network = "physnet1", segmentation_id = 150 }]`, By: "segments",
	},
	"port": {
		With: Network, Body: `name = "x", network_id = cairn_network.n.id`,
		Update:  `name = "x", network_id = cairn_network.n.id, fixed_ips = [{ ip_address = "10.1.0.77" }], security_group_ids = [], dns_name = "x"`,
		Replace: `name = "x", network_id = cairn_network.n.id, mac_address = "fa:16:3e:12:34:56"`, By: "mac_address",
	},
	"port_forwarding": {
		With: edge + `
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
		Body:    `floating_ip_id = cairn_floating_ip.f.id, protocol = "tcp", external_port = 2222, internal_port_id = cairn_port.p.id, internal_port = 22`,
		Update:  `floating_ip_id = cairn_floating_ip.f.id, protocol = "udp", external_port_range = "8000:8009", internal_port_id = cairn_port.q.id, internal_port = 80`,
		Replace: `floating_ip_id = cairn_floating_ip.g.id, protocol = "tcp", external_port = 2222, internal_port_id = cairn_port.p.id, internal_port = 22`, By: "floating_ip_id",
		Second: `floating_ip_id = cairn_floating_ip.f.id, protocol = "tcp", external_port = 2223, internal_port_id = cairn_port.p.id, internal_port = 22`,
	},
	"project": {
		Body: `name = "x"`, Update: `name = "x", description = "y", enabled = false`,
		Replace: `name = "x", parent_id = cairn_project.above.id`, By: "parent_id",
		With: `resource "cairn_project" "above" {
  name = "above"
}`,
	},
	"qos_policy": {
		With: project, Body: `name = "x", bandwidth_limits = [{ max_kbps = 1000 }]`,
		Update: `name = "y", bandwidth_limits = [{ max_kbps = 1000, max_burst_kbps = 100 }, { max_kbps = 2000, direction = "ingress" }],
			dscp_marking = { dscp_mark = 26 }, minimum_bandwidth = { min_kbps = 100 }, is_default = true`,
		Replace: `name = "x", project_id = cairn_project.p.id`, By: "project_id",
	},
	"quota": {
		With: `resource "cairn_project" "p" {
  name = "p"
}
resource "cairn_project" "q" {
  name = "q"
}`,
		Body: `project_id = cairn_project.p.id, ports = 10`, Update: `project_id = cairn_project.p.id, ports = 0, cores = -1`,
		Replace: `project_id = cairn_project.q.id, ports = 10`, By: "project_id",
	},
	"random_id":       {Body: `byte_length = 4`, Replace: `byte_length = 8`, By: "byte_length"},
	"random_password": {Body: `length = 12`, Replace: `length = 12, special = false`, By: "special"},
	"random_string":   {Body: `length = 12`, Replace: `length = 12, keepers = { a = "b" }`, By: "keepers"},
	"route": {
		With: edge + `
resource "cairn_router_interface" "i" {
  router_id = cairn_router.r.id
  subnet_id = cairn_subnet.s.id
}
`,
		Body:    `router_id = cairn_router.r.id, destination_cidr = "192.0.2.0/24", next_hop = "10.1.0.254"`,
		Update:  `router_id = cairn_router.r.id, destination_cidr = "192.0.2.0/24", next_hop = "10.1.0.254", bfd = true, ecmp = true`,
		Replace: `router_id = cairn_router.r.id, destination_cidr = "192.0.2.0/25", next_hop = "10.1.0.254"`, By: "destination_cidr",
	},
	"router": {
		With: edge + project, Body: `name = "x"`,
		Update: `name = "x", external_network_id = cairn_network.out.id, enable_snat = false`,
		// A router moves between projects by becoming another one.
		Replace: `name = "x", project_id = cairn_project.p.id`, By: "project_id",
	},
	"router_interface": {
		With: edge, Body: `router_id = cairn_router.r.id, subnet_id = cairn_subnet.s.id`,
		Replace: `router_id = cairn_router.r.id, subnet_id = cairn_subnet.s.id, ip_address = "10.1.0.99"`, By: "ip_address",
	},
	"router_peering": {
		With: Network + `
resource "cairn_router" "a" {
  name = "a"
}
resource "cairn_router" "b" {
  name = "b"
}
resource "cairn_router" "c" {
  name = "c"
}
resource "cairn_router_interface" "a" {
  router_id = cairn_router.a.id
  subnet_id = cairn_subnet.s.id
}
`,
		Body:    `router_id = cairn_router.a.id, peer_router_id = cairn_router.b.id`,
		Update:  `router_id = cairn_router.a.id, peer_router_id = cairn_router.b.id, routes = ["192.0.2.0/24"], peer_routes = [], description = "y"`,
		Replace: `router_id = cairn_router.a.id, peer_router_id = cairn_router.b.id, networks = ["192.168.7.0/30"]`, By: "networks",
		Second: `router_id = cairn_router.a.id, peer_router_id = cairn_router.c.id`,
	},
	"security_group": {
		With: project,
		Body: `name = "x", rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 22, port_range_max = 22 }]`,
		Update: `name = "x", rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 80, port_range_max = 80, remote_ip_prefix = "10.0.0.0/8" },
			{ direction = "ingress", ethertype = "IPv6" }], log = { severity = "notice" }`,
		Replace: `name = "x", project_id = cairn_project.p.id`, By: "project_id",
	},
	"security_group_rule": {
		With: `resource "cairn_security_group" "g" {
  name = "g"
}`,
		Body:    `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "icmp"`,
		Update:  `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "icmp", description = "ping"`,
		Replace: `security_group_id = cairn_security_group.g.id, direction = "ingress", protocol = "udp"`, By: "protocol",
	},
	"server_group": {
		Body:    `name = "x", policy = "anti-affinity", rules = { max_server_per_host = 2 }`,
		Update:  `name = "y", policy = "anti-affinity", rules = { max_server_per_host = 2 }`,
		Replace: `name = "x", policy = "affinity"`, By: "policy",
	},
	"snapshot": {
		With: `resource "cairn_volume" "v" {
  name = "v"
  size = 1
}
resource "cairn_volume" "w" {
  name = "w"
  size = 1
}`,
		Body: `name = "x", volume_id = cairn_volume.v.id`, Update: `name = "x", volume_id = cairn_volume.v.id, description = "y", metadata = { a = "b" }`,
		Replace: `name = "x", volume_id = cairn_volume.w.id`, By: "volume_id",
	},
	"subnet": {
		With: Network, Body: `name = "x", network_id = cairn_network.n.id, cidr = "10.2.0.0/24"`,
		Update:  `name = "x", network_id = cairn_network.n.id, cidr = "10.2.0.0/24", gateway_ip = "10.2.0.254", allocation_pools = [{ start = "10.2.0.10", end = "10.2.0.20" }], dns_nameservers = ["10.2.0.3"]`,
		Replace: `name = "x", network_id = cairn_network.n.id, cidr = "10.3.0.0/24"`, By: "cidr",
		Second: `name = "other", network_id = cairn_network.n.id, cidr = "10.4.0.0/24"`,
	},
	"subnet_pool": {
		With: project, Body: `name = "x", prefixes = ["10.64.0.0/10"]`,
		Update:  `name = "y", prefixes = ["10.64.0.0/10", "172.16.0.0/12"], default_prefixlen = 26, min_prefixlen = 16, max_prefixlen = 28, default_quota = 4096, shared = true`,
		Replace: `name = "x", prefixes = ["10.64.0.0/10"], project_id = cairn_project.p.id`, By: "project_id",
	},
	"terraform_data": {
		Body: `input = { a = [1, "two", true] }`, Update: `input = "text"`,
		Replace: `input = { a = [1, "two", true] }, triggers_replace = 1`, By: "triggers_replace",
	},
	"value": {
		Body: `input = "x"`, Update: `input = { y = null, z = [] }`,
		Replace: `input = "x", triggers_replace = ["now"]`, By: "triggers_replace",
	},
	"volume": {
		Body: `name = "x", size = 2`, Update: `name = "x", size = 3, metadata = { a = "b" }, volume_type = "wide"`,
		Replace: `name = "x", size = 2, availability_zone = "z2"`, By: "availability_zone",
		Shrunk: `name = "x", size = 1`, Refused: "error at size: size can only grow",
	},
	"volume_attachment": {
		With: machine + `
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
		Body:    `instance_id = cairn_instance.i.id, volume_id = cairn_volume.v.id`,
		Replace: `instance_id = cairn_instance.i.id, volume_id = cairn_volume.w.id`, By: "volume_id",
	},
	"volume_type": {
		Body: `name = "x"`, Update: `name = "x", description = "y", availability_zones = ["z1"], multiattach = true`,
		Replace: `name = "x", tier = "wide"`, By: "tier",
	},
}
