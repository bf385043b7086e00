resource "cairn_security_group" "database" {
  name = "database"
}

resource "cairn_security_group" "web" {
  name        = "web"
  description = "HTTPS from anywhere, SSH from the office."

  rules = [
    { direction = "ingress", protocol = "tcp", port_range_min = 443, port_range_max = 443 },
    { direction = "ingress", protocol = "tcp", port_range_min = 22, port_range_max = 22, remote_ip_prefix = "192.0.2.0/24" },
    { direction = "ingress", protocol = "tcp", port_range_min = 9000, port_range_max = 9000, remote_group_id = cairn_security_group.database.id },
  ]
}
