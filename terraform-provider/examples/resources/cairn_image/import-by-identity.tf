import {
  to = cairn_image.appliance
  identity = {
    id = "appliance"
  }
}
