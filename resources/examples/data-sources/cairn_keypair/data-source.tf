resource "cairn_keypair" "operator" {
  name       = "operator"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNhaXJuIHRocmVlLXRpZXIgZXhhbXBsZSBrZXkgMzJi operator@example"
}

# depends_on is for an object of this configuration. Leave it out for one that
# somebody else has made.
data "cairn_keypair" "operator" {
  name       = "operator"
  depends_on = [cairn_keypair.operator]
}

output "fingerprint" {
  value = data.cairn_keypair.operator.fingerprint
}
