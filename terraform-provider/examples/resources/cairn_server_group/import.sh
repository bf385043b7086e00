terraform import cairn_server_group.web web
