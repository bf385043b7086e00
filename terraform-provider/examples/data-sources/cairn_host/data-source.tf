data "cairn_hosts" "all" {}

data "cairn_host" "first" {
  name = data.cairn_hosts.all.names[0]
}

output "processors" {
  value = data.cairn_host.first.vcpus
}
