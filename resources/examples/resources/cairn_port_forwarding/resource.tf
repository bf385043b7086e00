data "cairn_physical_network" "uplink" {}

resource "cairn_network" "outside" {
  name     = "outside"
  external = true
  segments = [{ network_type = "flat", physical_network = data.cairn_physical_network.uplink.name }]
}

resource "cairn_subnet" "outside" {
  network_id  = cairn_network.outside.id
  cidr        = "203.0.113.0/24"
  enable_dhcp = false
}

resource "cairn_router" "edge" {
  name                = "edge"
  external_network_id = cairn_network.outside.id
  depends_on          = [cairn_subnet.outside]
}

resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_router_interface" "web" {
  router_id = cairn_router.edge.id
  subnet_id = cairn_subnet.web.id
}

resource "cairn_port" "web" {
  name       = "web"
  network_id = cairn_network.web.id
  depends_on = [cairn_subnet.web]
}

resource "cairn_floating_ip" "shared" {
  floating_network_id = cairn_network.outside.id
  depends_on          = [cairn_subnet.outside]
}

# Other ports of the address may lead to other machines.
resource "cairn_port_forwarding" "ssh" {
  floating_ip_id   = cairn_floating_ip.shared.id
  protocol         = "tcp"
  external_port    = 2222
  internal_port_id = cairn_port.web.id
  internal_port    = 22
  depends_on       = [cairn_router_interface.web]
}
