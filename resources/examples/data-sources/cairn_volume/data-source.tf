resource "cairn_volume" "data" {
  name = "data"
  size = 20
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_volume" "data" {
  name       = "data"
  depends_on = [cairn_volume.data]
}

output "zone" {
  value = data.cairn_volume.data.availability_zone
}
