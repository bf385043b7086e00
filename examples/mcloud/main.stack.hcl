# Volume types for the tiers of the estate, and a replicated service that has a
# member and a volume in each data centre.
stack "mcloud" {}

data "availability_zones" "all" {}

data "image" "base" {
  name = "tiny"
}

data "flavor" "member" {
  name = "small"
}

locals {
  tiers = {
    nvme     = ["dc1"]
    sas-10k  = ["dc1"]
    sas-7k2  = ["dc1", "dc2"]
    geo-nvme = ["dc1", "dc2", "dc3"]
  }
}

resource "volume_type" "tier" {
  for_each           = local.tiers
  name               = each.key
  tier               = each.key
  availability_zones = each.value
}

resource "network" "service" {
  name     = "service"
  segments = [{ network_type = "vlan", physical_network = "physnet1" }]
}

resource "subnet" "service" {
  network_id = network.service.id
  cidr       = "172.20.0.0/24"
}

resource "server_group" "members" {
  name   = "members"
  policy = "anti-affinity"
}

resource "instance" "member" {
  for_each          = toset(data.availability_zones.all.names)
  name              = "member-${each.key}"
  flavor_id         = data.flavor.member.id
  image_id          = data.image.base.id
  availability_zone = each.key
  networks          = [{ network_id = network.service.id }]
  scheduler_hints   = { group = server_group.members.id }
}

resource "volume" "data" {
  for_each          = instance.member
  name              = "data-${each.key}"
  size              = 100
  volume_type       = volume_type.tier["geo-nvme"].name
  availability_zone = each.value.availability_zone
}

resource "volume_attachment" "data" {
  for_each    = instance.member
  instance_id = each.value.id
  volume_id   = volume.data[each.key].id
}

output "members" {
  value = { for zone, m in instance.member : zone => { address = m.access_ip_v4, host = m.host } }
}
