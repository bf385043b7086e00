resource "cairn_qos_policy" "gold" {
  name             = "gold"
  bandwidth_limits = [{ max_kbps = 500000 }]
}

data "cairn_qos_policy" "gold" {
  id = cairn_qos_policy.gold.id
}

output "gold" {
  value = data.cairn_qos_policy.gold.bandwidth_limits
}
