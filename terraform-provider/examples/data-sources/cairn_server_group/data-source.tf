resource "cairn_server_group" "web" {
  name   = "web"
  policy = "anti-affinity"
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_server_group" "web" {
  name       = "web"
  depends_on = [cairn_server_group.web]
}

output "policy" {
  value = data.cairn_server_group.web.policy
}
