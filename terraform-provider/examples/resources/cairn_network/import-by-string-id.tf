import {
  to = cairn_network.web
  id = "web"
}
