import {
  to = cairn_port.web
  id = "web"
}
