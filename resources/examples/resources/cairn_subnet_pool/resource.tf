resource "cairn_subnet_pool" "inside" {
  name              = "inside"
  prefixes          = ["10.64.0.0/10"]
  default_prefixlen = 24
}

resource "cairn_network" "web" {
  name = "web"
}

# A range of the pool that nobody else has, known in the plan.
resource "cairn_subnet" "web" {
  network_id     = cairn_network.web.id
  subnet_pool_id = cairn_subnet_pool.inside.id
  prefix_length  = 26
}

output "range" {
  value = cairn_subnet.web.cidr
}
