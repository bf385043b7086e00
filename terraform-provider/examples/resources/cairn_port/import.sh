terraform import cairn_port.web web
