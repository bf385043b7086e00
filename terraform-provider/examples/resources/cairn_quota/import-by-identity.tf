import {
  to = cairn_quota.shop
  identity = {
    id = "5e1c6d0e-8f0b-5c52-9c7a-3f2d1b0a4c68"
  }
}
