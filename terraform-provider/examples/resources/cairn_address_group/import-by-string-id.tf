import {
  to = cairn_address_group.offices
  id = "offices"
}
