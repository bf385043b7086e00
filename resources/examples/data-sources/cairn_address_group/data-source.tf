resource "cairn_address_group" "offices" {
  name      = "offices"
  addresses = ["198.51.100.0/24"]
}

data "cairn_address_group" "offices" {
  id = cairn_address_group.offices.id
}

output "offices" {
  value = data.cairn_address_group.offices.addresses
}
