terraform {
  required_providers {
    cairn = {
      source = "cairncloud/cairn"
    }
  }
}

# Without any setting there is an embedded cloud, in .cairn beside the configuration.
provider "cairn" {
  stack = "web"
}

resource "cairn_network" "web" {
  name = "web"
}
