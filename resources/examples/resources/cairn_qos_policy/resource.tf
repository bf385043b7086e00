resource "cairn_qos_policy" "gold" {
  name             = "gold"
  bandwidth_limits = [{ max_kbps = 500000 }, { max_kbps = 800000, direction = "ingress" }]
  dscp_marking     = { dscp_mark = 26 }
}

# Each port of the network may send and get so much.
resource "cairn_network" "web" {
  name          = "web"
  qos_policy_id = cairn_qos_policy.gold.id
}
