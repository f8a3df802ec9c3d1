# DC/OS on machines that are there.

terraform {
  required_version = ">= 1.8"

  required_providers {
    dcos = {
      source = "dcos-install/dcos"
    }
  }
}

resource "dcos_cluster_config" "this" {
  release      = { source = var.release }
  cluster_name = var.cluster_name

  # Agents and clients find the masters through the balancer, and no node is told a master's address. The balancer's
  # name is not known at the first plan either: what hangs on it is checked when the cluster is applied.
  master_discovery  = "master_http_loadbalancer"
  exhibitor_address = var.masters_balancer
  num_masters       = length(var.masters)

  # Masters find each other through the bucket, with the rights of their machines' role.
  exhibitor_storage_backend = "aws_s3"
  exhibitor_explicit_keys   = false
  aws_region                = var.region
  s3_bucket                 = var.bucket
  s3_prefix                 = var.cluster_name

  # Amazon's own.
  resolvers            = ["169.254.169.253"]
  ip_detect_script     = provider::dcos::ip_detect("aws")
  rexray_config_preset = "aws"
}

resource "dcos_node" "master" {
  for_each = var.masters

  address = each.value.address
  role    = "master"
  machine = each.value.id # another machine is another node, even at the same address
  bundle  = dcos_cluster_config.this.bundle
}

resource "dcos_node" "agent" {
  for_each = var.agents

  address = each.value.address
  role    = "agent"
  machine = each.value.id # another machine is another node, even at the same address
  bundle  = dcos_cluster_config.this.bundle

  # Masters come first, and go last.
  depends_on = [dcos_node.master]
}

resource "dcos_node" "public_agent" {
  for_each = var.public_agents

  address = each.value.address
  role    = "public_agent"
  machine = each.value.id # another machine is another node, even at the same address
  bundle  = dcos_cluster_config.this.bundle

  depends_on = [dcos_node.master]
}
