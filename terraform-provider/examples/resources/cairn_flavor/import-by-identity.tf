import {
  to = cairn_flavor.build
  identity = {
    id = "build"
  }
}
