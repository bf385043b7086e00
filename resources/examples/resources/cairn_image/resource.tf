# A file beside the configuration. Real ones are qcow2 or raw disks of an
# operating system.
resource "cairn_image" "appliance" {
  name            = "appliance"
  local_file_path = "${path.module}/appliance.img"
  source_checksum = "sha256:${filesha256("${path.module}/appliance.img")}"
  disk_format     = "raw"
  min_disk_gb     = 1

  properties = {
    hw_disk_bus = "virtio"
  }
}
