data "cairn_physical_network" "uplink" {}

resource "cairn_network" "outside" {
  name     = "outside"
  external = true
  segments = [{ network_type = "flat", physical_network = data.cairn_physical_network.uplink.name }]
}
