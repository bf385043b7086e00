import {
  to = cairn_security_group.database
  identity = {
    id = "database"
  }
}
