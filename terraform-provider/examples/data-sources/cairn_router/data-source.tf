resource "cairn_router" "edge" {
  name = "edge"
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_router" "edge" {
  name       = "edge"
  depends_on = [cairn_router.edge]
}

output "snat" {
  value = data.cairn_router.edge.enable_snat
}
