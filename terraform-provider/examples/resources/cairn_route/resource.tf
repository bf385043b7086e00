resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_router" "edge" {
  name = "edge"
}

resource "cairn_router_interface" "web" {
  router_id = cairn_router.edge.id
  subnet_id = cairn_subnet.web.id
}

# An instance at 10.10.0.7 leads to the office.
resource "cairn_route" "office" {
  router_id        = cairn_router.edge.id
  destination_cidr = "192.168.0.0/16"
  next_hop         = "10.10.0.7"
  depends_on       = [cairn_router_interface.web]
}
