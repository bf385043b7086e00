data "cairn_hosts" "all" {}

resource "cairn_availability_zone" "rack" {
  name  = "rack-1"
  hosts = [data.cairn_hosts.all.names[0]]
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_availability_zone" "rack" {
  name       = "rack-1"
  depends_on = [cairn_availability_zone.rack]
}

output "hosts" {
  value = data.cairn_availability_zone.rack.hosts
}
