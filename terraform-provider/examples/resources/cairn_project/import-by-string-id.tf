import {
  to = cairn_project.shop
  id = "shop"
}
