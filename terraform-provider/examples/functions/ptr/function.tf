# 5.0.0.10.in-addr.arpa.
output "name" {
  value = provider::cairn::ptr("10.0.0.5")
}
