import {
  to = cairn_volume_type.shared
  id = "shared"
}
