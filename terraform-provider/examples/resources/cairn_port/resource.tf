resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_security_group" "web" {
  name  = "web"
  rules = [{ direction = "ingress", protocol = "tcp", port_range_min = 443, port_range_max = 443 }]
}

# The address is the author's, the MAC is chosen.
resource "cairn_port" "web" {
  name               = "web"
  network_id         = cairn_network.web.id
  fixed_ips          = [{ subnet_id = cairn_subnet.web.id, ip_address = cidrhost(cairn_subnet.web.cidr, 20) }]
  security_group_ids = [cairn_security_group.web.id]
}

# Both are chosen. A virtual address may be sent from as well.
resource "cairn_port" "balancer" {
  name                  = "balancer"
  network_id            = cairn_network.web.id
  allowed_address_pairs = [{ ip_address = "10.10.0.5" }]
  depends_on            = [cairn_subnet.web]
}
