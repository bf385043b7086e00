locals {
  packages = <<-EOT
    #cloud-config
    packages: [nginx]
  EOT

  greeting = <<-EOT
    #!/bin/sh
    echo hello > /var/www/html/index.html
  EOT
}

output "user_data" {
  value = provider::cairn::cloudinit(local.packages, local.greeting)
}
