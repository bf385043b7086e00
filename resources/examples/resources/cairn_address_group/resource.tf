resource "cairn_address_group" "offices" {
  name      = "offices"
  addresses = ["198.51.100.0/24", "203.0.113.7", "2001:db8:1::/48"]
}

# Whoever is in the group may come in. A change of the group changes this at once.
resource "cairn_security_group" "admin" {
  name = "admin"
  rules = [{
    direction               = "ingress"
    protocol                = "tcp"
    port_range_min          = 22
    port_range_max          = 22
    remote_address_group_id = cairn_address_group.offices.id
  }]
}
