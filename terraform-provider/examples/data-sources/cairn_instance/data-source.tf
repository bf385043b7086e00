data "cairn_flavor" "tiny" {
  name = "tiny"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_instance" "web" {
  name      = "web"
  flavor_id = data.cairn_flavor.tiny.id
  image_id  = data.cairn_image.base.id
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_instance" "web" {
  name       = "web"
  depends_on = [cairn_instance.web]
}

output "host" {
  value = data.cairn_instance.web.host
}
