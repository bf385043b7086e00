# What every cloud has, so that a first stack needs nothing else. It is applied
# before the first stack of a cloud, and again when a newer cairn adds to it.
stack "cairn" {}

resource "project" "default" {
  name        = "default"
  description = "Whose everything is that names no project."
}

resource "security_group" "default" {
  name        = "default"
  project_id  = project.default.id
  description = "Lets its members talk to each other, and send anything."
}

resource "security_group_rule" "members" {
  for_each          = toset(["IPv4", "IPv6"])
  security_group_id = security_group.default.id
  direction         = "ingress"
  ethertype         = each.key
  remote_group_id   = security_group.default.id
}
