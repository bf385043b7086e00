terraform import cairn_subnet.web web
