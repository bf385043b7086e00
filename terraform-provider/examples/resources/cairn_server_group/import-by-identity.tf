import {
  to = cairn_server_group.web
  identity = {
    id = "web"
  }
}
