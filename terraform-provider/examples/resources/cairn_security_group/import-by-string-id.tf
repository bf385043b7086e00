import {
  to = cairn_security_group.database
  id = "database"
}
