terraform import cairn_flavor.build build
