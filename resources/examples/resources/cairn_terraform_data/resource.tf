# The same as cairn_value, under the name that Terraform's own resource has.
resource "cairn_terraform_data" "release" {
  input            = "1.4"
  triggers_replace = "1.4"
}
