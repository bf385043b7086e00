data "cairn_flavor" "tiny" {
  name = "tiny"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_instance" "database" {
  name      = "database"
  flavor_id = data.cairn_flavor.tiny.id
  image_id  = data.cairn_image.base.id
}

# The volume is where its instance is.
resource "cairn_volume" "data" {
  name              = "data"
  size              = 20
  availability_zone = cairn_instance.database.availability_zone
}

resource "cairn_volume_attachment" "data" {
  instance_id = cairn_instance.database.id
  volume_id   = cairn_volume.data.id
}

output "device" {
  value = cairn_volume_attachment.data.device
}
