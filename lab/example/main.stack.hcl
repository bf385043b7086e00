# Two ports on one network, to plug endpoints of the lab into.
stack "lab-example" {}

resource "network" "n" {}

resource "subnet" "n" {
  network_id = network.n.id
  cidr       = "192.168.10.0/24"
}

resource "port" "p" {
  count      = 2
  network_id = network.n.id
  fixed_ips  = [{ subnet_id = subnet.n.id }]
}

output "left" {
  value = port.p[0].id
}

output "right" {
  value = port.p[1].id
}

output "right_address" {
  value = port.p[1].fixed_ips[0].ip_address
}
