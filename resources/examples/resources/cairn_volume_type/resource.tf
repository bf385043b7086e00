# A class of volumes on the cloud's first tier of storage.
resource "cairn_volume_type" "shared" {
  name        = "shared"
  description = "For clusters whose members write to one disk."
  multiattach = true
}

resource "cairn_volume" "quorum" {
  name        = "quorum"
  size        = 1
  volume_type = cairn_volume_type.shared.name
  multiattach = true
}
