import {
  to = cairn_address_group.offices
  identity = {
    id = "offices"
  }
}
