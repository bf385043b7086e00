resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  name            = "web"
  network_id      = cairn_network.web.id
  cidr            = "10.10.0.0/24"
  dns_nameservers = ["9.9.9.9"]

  # 10.10.0.2 to 10.10.0.99 stay free for addresses that are chosen by hand.
  allocation_pools = [{ start = "10.10.0.100", end = "10.10.0.199" }]
}

resource "cairn_subnet" "web_v6" {
  name              = "web-v6"
  network_id        = cairn_network.web.id
  cidr              = "2001:db8:10::/64"
  ipv6_ra_mode      = "slaac"
  ipv6_address_mode = "slaac"
}
