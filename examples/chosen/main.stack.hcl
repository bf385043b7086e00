# for_each over ids and addresses that the same plan chooses. Engines that learn
# them only after apply have to be run twice for this, or can't do it.
stack "chosen" {}

resource "network" "lan" {
  name = "lan"
}

resource "subnet" "lan" {
  network_id = network.lan.id
  cidr       = "10.30.0.0/24"
}

resource "port" "server" {
  count      = 3
  name       = "server-${count.index}"
  network_id = network.lan.id
}

locals {
  # Keys are addresses, which cairn chose in this plan.
  addresses = { for p in port.server : p.fixed_ips[0].ip_address => p.id }
}

resource "security_group" "peers" {
  name = "peers"
}

resource "security_group_rule" "from" {
  for_each          = local.addresses
  security_group_id = security_group.peers.id
  direction         = "ingress"
  protocol          = "tcp"
  port_range_min    = 7000
  port_range_max    = 7000
  remote_ip_prefix  = "${each.key}/32"
}

# Keys are ids.
resource "value" "inventory" {
  for_each = toset([for p in port.server : p.id])
  input    = one([for p in port.server : p.mac_address if p.id == each.key])
}

output "peers" {
  value = keys(local.addresses)
}
