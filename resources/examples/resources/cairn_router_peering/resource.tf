resource "cairn_router" "one" {
  name = "one"
}

resource "cairn_router" "two" {
  name = "two"
}

# Each finds the subnets of the other, as they come and go.
resource "cairn_router_peering" "both" {
  router_id      = cairn_router.one.id
  peer_router_id = cairn_router.two.id
}
