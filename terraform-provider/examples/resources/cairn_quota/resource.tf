resource "cairn_project" "shop" {
  name = "shop"
}

resource "cairn_quota" "shop" {
  project_id   = cairn_project.shop.id
  instances    = 20
  cores        = 40
  ram_mb       = 81920
  gigabytes    = 500
  floating_ips = 2
}
