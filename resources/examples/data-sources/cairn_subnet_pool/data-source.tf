resource "cairn_subnet_pool" "inside" {
  name     = "inside"
  prefixes = ["10.64.0.0/10"]
}

data "cairn_subnet_pool" "inside" {
  id = cairn_subnet_pool.inside.id
}

output "inside" {
  value = data.cairn_subnet_pool.inside.prefixes
}
