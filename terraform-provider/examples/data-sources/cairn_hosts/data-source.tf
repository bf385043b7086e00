data "cairn_availability_zones" "all" {}

data "cairn_hosts" "first_zone" {
  zone = data.cairn_availability_zones.all.names[0]
}

output "hosts" {
  value = data.cairn_hosts.first_zone.names
}
