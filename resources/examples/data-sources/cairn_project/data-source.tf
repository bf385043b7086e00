data "cairn_project" "default" {
  name = "default"
}

output "project" {
  value = data.cairn_project.default.id
}
