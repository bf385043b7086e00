# One network, one instance. The image and the flavor are in every cloud.
stack "hello" {}

data "image" "tiny" {
  name = "tiny"
}

data "flavor" "tiny" {
  name = "tiny"
}

resource "network" "hello" {}

resource "subnet" "hello" {
  network_id = network.hello.id
  cidr       = "192.168.10.0/24"
}

resource "instance" "hello" {
  name      = "hello"
  flavor_id = data.flavor.tiny.id
  image_id  = data.image.tiny.id
  networks  = [{ network_id = network.hello.id }]
}

output "address" {
  description = "Where the instance answers inside its network."
  value       = instance.hello.access_ip_v4
}

output "host" {
  value = instance.hello.host
}
