resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_port" "web" {
  name       = "web"
  network_id = cairn_network.web.id
  depends_on = [cairn_subnet.web]
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_port" "web" {
  name       = "web"
  depends_on = [cairn_port.web]
}

output "address" {
  value = data.cairn_port.web.fixed_ips[0].ip_address
}
