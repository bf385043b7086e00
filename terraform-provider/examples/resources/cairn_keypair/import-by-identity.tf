import {
  to = cairn_keypair.operator
  identity = {
    id = "operator"
  }
}
