data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_volume" "root" {
  name     = "root"
  size     = 10
  image_id = data.cairn_image.base.id
}
