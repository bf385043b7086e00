import {
  to = cairn_project.shop
  identity = {
    id = "shop"
  }
}
