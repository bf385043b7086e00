resource "cairn_random_string" "suffix" {
  length  = 6
  upper   = false
  special = false
}

resource "cairn_network" "test" {
  name = "test-${cairn_random_string.suffix.result}"
}
