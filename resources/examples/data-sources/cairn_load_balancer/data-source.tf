resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_load_balancer" "front" {
  name          = "front"
  vip_subnet_id = cairn_subnet.web.id
}

data "cairn_load_balancer" "front" {
  id = cairn_load_balancer.front.id
}

output "front" {
  value = data.cairn_load_balancer.front.vip_address
}
