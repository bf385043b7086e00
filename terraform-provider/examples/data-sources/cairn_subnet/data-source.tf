resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  name       = "web"
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_subnet" "web" {
  name       = "web"
  depends_on = [cairn_subnet.web]
}

output "gateway" {
  value = data.cairn_subnet.web.gateway_ip
}
