# A tier: one port and one server a key, each in its zone.
variable "name" {
  type = string
}

variable "servers" {
  description = "The servers by name, with the zone of each."
  type        = map(string)
}

variable "network_id" {
  type = string
}

variable "subnet_id" {
  type = string
}

variable "flavor_id" {
  type = string
}

variable "image_id" {
  type = string
}

variable "key_pair" {
  type = string
}

variable "security_group_id" {
  type = string
}

variable "group_id" {
  type = string
}

variable "user_data" {
  type = string
}

resource "port" "server" {
  for_each           = var.servers
  name               = each.key
  network_id         = var.network_id
  fixed_ips          = [{ subnet_id = var.subnet_id }]
  security_group_ids = [var.security_group_id]
}

resource "instance" "server" {
  for_each          = var.servers
  name              = each.key
  flavor_id         = var.flavor_id
  image_id          = var.image_id
  availability_zone = each.value
  key_pair          = var.key_pair
  networks          = [{ port = port.server[each.key].id }]
  scheduler_hints   = { group = var.group_id }
  user_data         = var.user_data
}

output "servers" {
  value = { for name, i in instance.server : name => {
    address = port.server[name].fixed_ips[0].ip_address
    host    = i.host
    port_id = port.server[name].id
  } }
}
