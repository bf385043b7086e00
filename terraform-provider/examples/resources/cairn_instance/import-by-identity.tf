import {
  to = cairn_instance.web
  identity = {
    id = "web"
  }
}
