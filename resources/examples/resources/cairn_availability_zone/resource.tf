data "cairn_hosts" "all" {}

resource "cairn_availability_zone" "rack" {
  name  = "rack-1"
  hosts = [data.cairn_hosts.all.names[0]]
}

data "cairn_flavor" "tiny" {
  name = "tiny"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_instance" "web" {
  name              = "web"
  flavor_id         = data.cairn_flavor.tiny.id
  image_id          = data.cairn_image.base.id
  availability_zone = cairn_availability_zone.rack.name
}
