resource "cairn_network" "web" {
  name = "web"
}

resource "cairn_subnet" "web" {
  network_id = cairn_network.web.id
  cidr       = "10.10.0.0/24"
}

resource "cairn_load_balancer" "front" {
  name          = "front"
  vip_subnet_id = cairn_subnet.web.id
}

resource "cairn_lb_pool" "web" {
  name            = "web"
  loadbalancer_id = cairn_load_balancer.front.id
  protocol        = "TCP"
  lb_method       = "SOURCE_IP_PORT"
}

# Connections to port 443 come to the pool as they are: members speak TLS themselves.
resource "cairn_lb_listener" "web" {
  name            = "web"
  loadbalancer_id = cairn_load_balancer.front.id
  protocol        = "TCP"
  protocol_port   = 443
  default_pool_id = cairn_lb_pool.web.id
}
