data "cairn_hosts" "all" {}

resource "cairn_aggregate" "fast" {
  name     = "fast"
  hosts    = [data.cairn_hosts.all.names[0]]
  metadata = { ssd = "true" }
}

# Its instances are on hosts of aggregates that say ssd = "true".
resource "cairn_flavor" "fast" {
  name        = "fast"
  vcpus       = 1
  ram_mb      = 512
  disk_gb     = 1
  extra_specs = { "aggregate_instance_extra_specs:ssd" = "true" }
}

data "cairn_image" "base" {
  name = "tiny"
}

resource "cairn_instance" "database" {
  name       = "database"
  flavor_id  = cairn_flavor.fast.id
  image_id   = data.cairn_image.base.id
  depends_on = [cairn_aggregate.fast]
}
