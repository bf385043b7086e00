resource "cairn_volume" "data" {
  name = "data"
  size = 20
}

# What the volume holds now.
resource "cairn_snapshot" "before_upgrade" {
  name      = "before-upgrade"
  volume_id = cairn_volume.data.id
}

# A second volume that begins with it.
resource "cairn_volume" "copy" {
  name        = "copy"
  snapshot_id = cairn_snapshot.before_upgrade.id
}
