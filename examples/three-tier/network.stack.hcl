# Outside, front and back, and one router between them.
resource "network" "outside" {
  name     = "outside"
  external = true
  segments = [{ network_type = "flat", physical_network = data.physical_network.uplink.name }]
}

resource "subnet" "outside" {
  name        = "outside"
  network_id  = network.outside.id
  cidr        = "203.0.113.0/24"
  enable_dhcp = false
}

resource "network" "front" {
  name = "front"
}

resource "subnet" "front" {
  name            = "front"
  network_id      = network.front.id
  cidr            = "10.10.0.0/24"
  dns_nameservers = ["9.9.9.9"]
}

resource "network" "back" {
  name = "back"
}

resource "subnet" "back" {
  name       = "back"
  network_id = network.back.id
  cidr       = "10.20.0.0/24"
}

resource "router" "edge" {
  name                = "edge"
  external_network_id = network.outside.id
}

resource "router_interface" "tier" {
  for_each  = { front = subnet.front.id, back = subnet.back.id }
  router_id = router.edge.id
  subnet_id = each.value
}

resource "floating_ip" "web" {
  floating_network_id = network.outside.id
  port_id             = module.web.servers["web-1"].port_id
}

# The two groups name each other: the web servers may ask the database, and it may
# call back. That is no circle: their ids are known in the plan.
resource "security_group" "web" {
  name = "web"
  rules = [
    { direction = "ingress", protocol = "tcp", port_range_min = 80, port_range_max = 80 },
    { direction = "ingress", protocol = "tcp", port_range_min = 9000, port_range_max = 9000, remote_group_id = security_group.database.id },
  ]
}

resource "security_group" "database" {
  name = "database"
  rules = [
    { direction = "ingress", protocol = "tcp", port_range_min = 5432, port_range_max = 5432, remote_group_id = security_group.web.id },
  ]
}
