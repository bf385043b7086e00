data "cairn_flavor" "small" {
  name = "small"
}

output "memory" {
  value = data.cairn_flavor.small.ram_mb
}
