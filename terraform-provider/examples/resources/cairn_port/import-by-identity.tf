import {
  to = cairn_port.web
  identity = {
    id = "web"
  }
}
