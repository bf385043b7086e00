import {
  to = cairn_subnet.web
  identity = {
    id = "web"
  }
}
