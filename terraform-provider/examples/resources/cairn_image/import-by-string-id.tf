import {
  to = cairn_image.appliance
  id = "appliance"
}
