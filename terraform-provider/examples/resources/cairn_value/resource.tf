# Something to hand on. The id is another one whenever the release changes, so that
# others can be replaced with it.
resource "cairn_value" "release" {
  input            = { version = "1.4", channel = "stable" }
  triggers_replace = "1.4"
}

output "version" {
  value = cairn_value.release.output.version
}
