data "cairn_availability_zones" "all" {}

# One volume in each zone.
resource "cairn_volume" "data" {
  for_each          = toset(data.cairn_availability_zones.all.names)
  name              = "data-${each.key}"
  size              = 10
  availability_zone = each.key
}
