import {
  to = cairn_snapshot.before_upgrade
  identity = {
    id = "before-upgrade"
  }
}
