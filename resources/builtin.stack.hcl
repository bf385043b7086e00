# What every cloud has, so that a first stack needs nothing else. It is applied
# before the first stack of a cloud, and again when a newer cairn adds to it.
stack "cairn" {}

resource "project" "default" {
  name        = "default"
  description = "Whose everything is that names no project."
}

resource "security_group" "default" {
  name        = "default"
  project_id  = project.default.id
  description = "Lets its members talk to each other, and send anything."
}

resource "security_group_rule" "members" {
  for_each          = toset(["IPv4", "IPv6"])
  security_group_id = security_group.default.id
  direction         = "ingress"
  ethertype         = each.key
  remote_group_id   = security_group.default.id
}

resource "flavor" "size" {
  for_each = {
    tiny   = { vcpus = 1, ram_mb = 256, disk_gb = 1 }
    small  = { vcpus = 1, ram_mb = 2048, disk_gb = 20 }
    medium = { vcpus = 2, ram_mb = 4096, disk_gb = 40 }
    large  = { vcpus = 4, ram_mb = 8192, disk_gb = 80 }
  }
  name    = each.key
  vcpus   = each.value.vcpus
  ram_mb  = each.value.ram_mb
  disk_gb = each.value.disk_gb
}

variable "image" {
  description = "The file of the built-in image."
  type        = string
}

resource "image" "tiny" {
  name            = "tiny"
  local_file_path = var.image
  visibility      = "public"
  description     = "A disk that greets on its console and halts."
}
