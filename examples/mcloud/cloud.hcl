# The estate of one company: three data centres, four classes of storage.
cloud "mcloud" {
  state = "sqlite:.cairn/cairn.db"

  region "melbourne" {
    zone "dc1" {}
    zone "dc2" {}
    zone "dc3" {}
  }

  embedded {
    hosts   = 9
    vcpus   = 32
    ram_mb  = 131072
    disk_gb = 4000
    zones   = ["dc1", "dc2", "dc3"]
  }

  physnet "physnet1" {
    mtu         = 1500
    vlan_ranges = ["100:999"]
    zones       = ["dc1", "dc2", "dc3"]
  }

  tier "nvme" {
    pool  = "vms-nvme"
    zones = ["dc1"]
  }
  tier "sas-10k" {
    pool  = "vms-sas10k"
    zones = ["dc1"]
  }
  tier "sas-7k2" {
    pool  = "vms-sas7k"
    zones = ["dc1", "dc2"]
  }
  tier "geo-nvme" {
    pool  = "vms-geo"
    zones = ["dc1", "dc2", "dc3"]
  }

  tunnel {
    vni_range    = "1:65535"
    underlay_mtu = 9000
  }

  placement {
    cpu_allocation_ratio = 4
  }
}
