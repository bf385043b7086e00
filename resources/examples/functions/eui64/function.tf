# 2001:db8:10:0:f816:3eff:fe00:1
output "address" {
  value = provider::cairn::eui64("2001:db8:10::/64", "fa:16:3e:00:00:01")
}
