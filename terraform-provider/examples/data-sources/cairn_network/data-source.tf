resource "cairn_network" "web" {
  name = "web"
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_network" "web" {
  name       = "web"
  depends_on = [cairn_network.web]
}

output "mtu" {
  value = data.cairn_network.web.mtu
}
