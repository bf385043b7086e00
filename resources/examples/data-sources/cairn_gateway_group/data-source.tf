resource "cairn_gateway_group" "edge" {
  name = "edge"
}

data "cairn_gateway_group" "edge" {
  id = cairn_gateway_group.edge.id
}

output "edge" {
  value = data.cairn_gateway_group.edge.gateway_chassis
}
