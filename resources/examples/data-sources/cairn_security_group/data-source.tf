data "cairn_project" "default" {
  name = "default"
}

# The group that ports have unless they say otherwise.
data "cairn_security_group" "default" {
  name       = "default"
  project_id = data.cairn_project.default.id
}

resource "cairn_security_group_rule" "ping" {
  security_group_id = data.cairn_security_group.default.id
  direction         = "ingress"
  protocol          = "icmp"
}
