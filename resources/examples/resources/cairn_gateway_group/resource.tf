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

# Hosts that are fit for gateways, the least busy one first.
resource "cairn_gateway_group" "edge" {
  name = "edge"
}

resource "cairn_router" "edge" {
  name                = "edge"
  external_network_id = cairn_network.outside.id
  gateway_group_id    = cairn_gateway_group.edge.id
  depends_on          = [cairn_subnet.outside]
}
