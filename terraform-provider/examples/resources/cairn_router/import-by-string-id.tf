import {
  to = cairn_router.edge
  id = "edge"
}
