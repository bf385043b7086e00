import {
  to = cairn_network.web
  identity = {
    id = "web"
  }
}
