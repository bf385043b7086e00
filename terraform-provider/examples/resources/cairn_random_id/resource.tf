# Eight hexadecimal digits that stay the same as long as the release does.
resource "cairn_random_id" "release" {
  byte_length = 4
  prefix      = "web-"
  keepers     = { release = "1.4" }
}

resource "cairn_network" "release" {
  name = cairn_random_id.release.hex
}
