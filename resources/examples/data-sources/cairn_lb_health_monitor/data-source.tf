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

resource "cairn_lb_health_monitor" "web" {
  pool_id     = cairn_lb_pool.web.id
  type        = "TCP"
  delay       = 5
  timeout     = 3
  max_retries = 2
}

data "cairn_lb_health_monitor" "web" {
  id = cairn_lb_health_monitor.web.id
}

output "web" {
  value = data.cairn_lb_health_monitor.web.delay
}
