import {
  to = cairn_volume.data
  id = "data"
}
