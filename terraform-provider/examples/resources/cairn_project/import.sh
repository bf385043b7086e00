terraform import cairn_project.shop shop
