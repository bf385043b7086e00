# The members are on different hosts as long as there are enough of them.
resource "cairn_server_group" "web" {
  name   = "web"
  policy = "soft-anti-affinity"
}

data "cairn_flavor" "tiny" {
  name = "tiny"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_instance" "web" {
  count           = 2
  name            = "web-${count.index}"
  flavor_id       = data.cairn_flavor.tiny.id
  image_id        = data.cairn_image.base.id
  scheduler_hints = { group = cairn_server_group.web.id }
}
