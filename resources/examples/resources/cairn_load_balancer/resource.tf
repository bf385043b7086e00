resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

# A free address of the subnet, which listeners answer at.
resource "cairn_load_balancer" "front" {
  name          = "front"
  vip_subnet_id = cairn_subnet.web.id
}

output "address" {
  value = cairn_load_balancer.front.vip_address
}
