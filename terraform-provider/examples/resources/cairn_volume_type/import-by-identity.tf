import {
  to = cairn_volume_type.shared
  identity = {
    id = "shared"
  }
}
