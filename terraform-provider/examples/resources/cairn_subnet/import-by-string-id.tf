import {
  to = cairn_subnet.web
  id = "web"
}
