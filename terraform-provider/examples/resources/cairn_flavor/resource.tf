resource "cairn_flavor" "build" {
  name        = "build"
  description = "For build servers: many processors, a large local disk."
  vcpus       = 8
  ram_mb      = 16384
  disk_gb     = 200
}
