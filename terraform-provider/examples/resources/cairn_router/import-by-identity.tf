import {
  to = cairn_router.edge
  identity = {
    id = "edge"
  }
}
