# A site whose agents find the masters through a load balancer.
resource "dcos_cluster_config" "example" {
  release = {
    source = "https://downloads.dcos.io/dcos/stable/2.2.1/dcos_generate_config.sh"
  }

  cluster_name = "example"

  master_discovery  = "master_http_loadbalancer"
  exhibitor_address = "internal-masters.example.com" # or aws_elb.masters.dns_name: it may be unknown at plan
  num_masters       = 3

  exhibitor_storage_backend = "aws_s3"
  exhibitor_explicit_keys   = false
  aws_region                = "eu-central-1"
  s3_bucket                 = "example-dcos-exhibitor"
  s3_prefix                 = "example"

  resolvers        = ["169.254.169.253"]
  ip_detect_script = provider::dcos::ip_detect("aws")

  # JSON values: jsonencode(...), JSON text or an object.
  custom_checks = jsonencode({
    node_checks = {
      checks = {
        disk = {
          description = "There is room under /var."
          cmd         = ["check-disk", "/var"]
          timeout     = "5s"
        }
      }
      poststart = ["disk"]
    }
  })
  custom_check_bins = {
    check-disk = <<-EOT
      #!/bin/sh
      # Warns when less than 1 GiB is free.
      [ "$(df --output=avail "$1" | tail -1)" -gt 1048576 ]
    EOT
  }

  # Parameters of a rebuilt release that have no attribute.
  extra_parameters = {
    our_own_parameter = "value"
  }
}
