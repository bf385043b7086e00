import {
  to = cairn_server_group.web
  id = "web"
}
