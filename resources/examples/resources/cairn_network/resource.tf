# An overlay network, in which nothing but its name has to be chosen.
resource "cairn_network" "web" {
  name        = "web"
  description = "Web servers and what they talk to."
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

# A network on a wire that leads out of the cloud.
data "cairn_physical_network" "uplink" {}

resource "cairn_network" "outside" {
  name     = "outside"
  external = true
  segments = [{
    network_type     = "vlan"
    physical_network = data.cairn_physical_network.uplink.name
    segmentation_id  = 120
  }]
}
