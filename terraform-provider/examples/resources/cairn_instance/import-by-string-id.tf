import {
  to = cairn_instance.web
  id = "web"
}
