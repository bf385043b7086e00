# It can grow, and never shrinks.
resource "cairn_volume" "data" {
  name = "data"
  size = 20

  metadata = {
    holds = "the database"
  }
}

data "cairn_image" "base" {
  name = "tiny"
}

# A volume that an instance can boot from.
resource "cairn_volume" "root" {
  name     = "root"
  size     = 10
  image_id = data.cairn_image.base.id
}
