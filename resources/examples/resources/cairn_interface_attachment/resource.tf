data "cairn_flavor" "tiny" {
  name = "tiny"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_network" "backup" {
  name = "backup"
}

resource "cairn_subnet" "backup" {
  name       = "backup"
  network_id = cairn_network.backup.id
  cidr       = "10.30.0.0/24"
}

resource "cairn_instance" "database" {
  name      = "database"
  flavor_id = data.cairn_flavor.tiny.id
  image_id  = data.cairn_image.base.id
}

# A port is made on the network, and goes with the attachment. With port_id one that
# is there is plugged in.
resource "cairn_interface_attachment" "backup" {
  instance_id = cairn_instance.database.id
  network_id  = cairn_network.backup.id
  depends_on  = [cairn_subnet.backup]
}

output "address" {
  value = cairn_interface_attachment.backup.fixed_ip
}
