resource "cairn_volume_type" "shared" {
  name        = "shared"
  multiattach = true
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_volume_type" "shared" {
  name       = "shared"
  depends_on = [cairn_volume_type.shared]
}

output "tier" {
  value = data.cairn_volume_type.shared.tier
}
