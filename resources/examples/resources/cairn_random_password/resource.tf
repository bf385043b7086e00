resource "cairn_random_password" "database" {
  length  = 24
  special = false
}

output "password" {
  value     = cairn_random_password.database.result
  sensitive = true
}
