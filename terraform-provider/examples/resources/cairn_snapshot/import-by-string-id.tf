import {
  to = cairn_snapshot.before_upgrade
  id = "before-upgrade"
}
