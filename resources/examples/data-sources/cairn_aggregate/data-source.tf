data "cairn_hosts" "all" {}

resource "cairn_aggregate" "fast" {
  name  = "fast"
  hosts = [data.cairn_hosts.all.names[0]]
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_aggregate" "fast" {
  name       = "fast"
  depends_on = [cairn_aggregate.fast]
}

output "hosts" {
  value = data.cairn_aggregate.fast.hosts
}
