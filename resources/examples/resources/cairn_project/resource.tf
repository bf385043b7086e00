resource "cairn_project" "shop" {
  name        = "shop"
  description = "All that the shop's team runs."
}

# An object of that project.
resource "cairn_network" "shop" {
  name       = "shop"
  project_id = cairn_project.shop.id
}
