terraform import cairn_volume.data data
