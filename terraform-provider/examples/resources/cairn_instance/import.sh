terraform import cairn_instance.web web
