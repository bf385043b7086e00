resource "cairn_volume" "data" {
  name = "data"
  size = 20
}

resource "cairn_snapshot" "before_upgrade" {
  name      = "before-upgrade"
  volume_id = cairn_volume.data.id
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_snapshot" "before_upgrade" {
  name       = "before-upgrade"
  depends_on = [cairn_snapshot.before_upgrade]
}

output "size" {
  value = data.cairn_snapshot.before_upgrade.size
}
