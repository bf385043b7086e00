terraform import cairn_router.edge edge
