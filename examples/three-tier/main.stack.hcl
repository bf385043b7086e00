# A three-tier application: web servers behind a floating address, a database with
# a volume, two security groups that name each other. Image, zones and the physical
# network are looked up, so that it runs unchanged on other clouds.
stack "three-tier" {}

variable "web_servers" {
  description = "How many web servers there are, spread over the zones."
  type        = number
  default     = 2
  validation {
    condition     = var.web_servers > 0 && var.web_servers <= 20
    error_message = "There are 1 to 20 web servers."
  }
}

variable "database_gb" {
  description = "Size of the database's volume. It can grow, and never shrinks."
  type        = number
  default     = 10
}

data "availability_zones" "all" {}

data "physical_network" "uplink" {}

data "image" "base" {
  name = "tiny"
}

data "flavor" "web" {
  name = "tiny"
}

data "flavor" "database" {
  name = "small"
}

locals {
  zones = data.availability_zones.all.names
  web   = { for i in range(var.web_servers) : "web-${i + 1}" => local.zones[i % length(local.zones)] }
}

resource "random_password" "database" {
  length  = 24
  special = false
}

resource "keypair" "operator" {
  name       = "three-tier-operator"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNhaXJuIHRocmVlLXRpZXIgZXhhbXBsZSBrZXkgMzJi operator@example"
}

resource "server_group" "web" {
  name   = "three-tier-web"
  policy = "soft-anti-affinity"
}

module "web" {
  source            = "./tier"
  name              = "web"
  servers           = local.web
  network_id        = network.front.id
  subnet_id         = subnet.front.id
  flavor_id         = data.flavor.web.id
  image_id          = data.image.base.id
  key_pair          = keypair.operator.name
  security_group_id = security_group.web.id
  group_id          = server_group.web.id
  user_data         = templatefile("${path.module}/web.sh.tftpl", { database = port.database.fixed_ips[0].ip_address })
}

resource "port" "database" {
  name               = "database"
  network_id         = network.back.id
  fixed_ips          = [{ subnet_id = subnet.back.id, ip_address = cidrhost(subnet.back.cidr, 10) }]
  security_group_ids = [security_group.database.id]
}

resource "instance" "database" {
  name              = "database"
  flavor_id         = data.flavor.database.id
  image_id          = data.image.base.id
  availability_zone = local.zones[0]
  key_pair          = keypair.operator.name
  networks          = [{ port = port.database.id }]
  user_data         = templatefile("${path.module}/database.sh.tftpl", { password = random_password.database.result })
}

resource "volume" "database" {
  name              = "database"
  size              = var.database_gb
  availability_zone = local.zones[0]
}

resource "volume_attachment" "database" {
  instance_id = instance.database.id
  volume_id   = volume.database.id
}

output "address" {
  description = "Where the application answers."
  value       = floating_ip.web.address
}

output "web" {
  description = "The web servers: address and host of each."
  value       = module.web.servers
}

output "database" {
  value = { address = port.database.fixed_ips[0].ip_address, host = instance.database.host }
}
