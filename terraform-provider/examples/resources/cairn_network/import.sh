terraform import cairn_network.web web
