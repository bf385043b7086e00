import {
  to = cairn_volume.data
  identity = {
    id = "data"
  }
}
