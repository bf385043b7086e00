data "cairn_flavor" "small" {
  name = "small"
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_keypair" "operator" {
  name       = "operator"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNhaXJuIHRocmVlLXRpZXIgZXhhbXBsZSBrZXkgMzJi operator@example"
}

# The host, the port and its addresses are chosen.
resource "cairn_instance" "web" {
  name       = "web"
  flavor_id  = data.cairn_flavor.small.id
  image_id   = data.cairn_image.base.id
  key_pair   = cairn_keypair.operator.name
  networks   = [{ network_id = cairn_network.web.id }]
  depends_on = [cairn_subnet.web]

  user_data = <<-EOT
    #cloud-config
    packages: [nginx]
  EOT

  timeouts {
    create = "20m"
  }
}

output "address" {
  value = cairn_instance.web.access_ip_v4
}
