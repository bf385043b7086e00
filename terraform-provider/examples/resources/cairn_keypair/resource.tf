# cairn never sees the private key: make the pair with ssh-keygen.
resource "cairn_keypair" "operator" {
  name       = "operator"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNhaXJuIHRocmVlLXRpZXIgZXhhbXBsZSBrZXkgMzJi operator@example"
}
