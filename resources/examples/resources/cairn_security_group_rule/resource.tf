resource "cairn_security_group" "web" {
  name = "web"
}

resource "cairn_security_group" "database" {
  name = "database"
}

# Two groups that name each other have their rules as resources of their own.
resource "cairn_security_group_rule" "database_from_web" {
  security_group_id = cairn_security_group.database.id
  direction         = "ingress"
  protocol          = "tcp"
  port_range_min    = 5432
  port_range_max    = 5432
  remote_group_id   = cairn_security_group.web.id
}

resource "cairn_security_group_rule" "web_from_database" {
  security_group_id = cairn_security_group.web.id
  direction         = "ingress"
  protocol          = "tcp"
  port_range_min    = 9000
  port_range_max    = 9000
  remote_group_id   = cairn_security_group.database.id
}
