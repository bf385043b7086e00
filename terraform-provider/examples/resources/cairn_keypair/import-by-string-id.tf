import {
  to = cairn_keypair.operator
  id = "operator"
}
