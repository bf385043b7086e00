import {
  to = cairn_flavor.build
  id = "build"
}
