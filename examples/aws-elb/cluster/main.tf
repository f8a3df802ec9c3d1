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

# Another machine is another node, even at the same address.
resource "terraform_data" "machine" {
  for_each = merge(var.masters, var.agents, var.public_agents)

  triggers_replace = each.value.id
}

resource "dcos_node" "master" {
  for_each = var.masters

  address = each.value.address
  role    = "master"
  bundle  = dcos_cluster_config.this.bundle

  lifecycle {
    replace_triggered_by = [terraform_data.machine[each.key]]
  }
}

resource "dcos_node" "agent" {
  for_each = var.agents

  address = each.value.address
  role    = "agent"
  bundle  = dcos_cluster_config.this.bundle

  # Masters come first, and go last.
  depends_on = [dcos_node.master]

  lifecycle {
    replace_triggered_by = [terraform_data.machine[each.key]]
  }
}

resource "dcos_node" "public_agent" {
  for_each = var.public_agents

  address = each.value.address
  role    = "public_agent"
  bundle  = dcos_cluster_config.this.bundle

  depends_on = [dcos_node.master]

  lifecycle {
    replace_triggered_by = [terraform_data.machine[each.key]]
  }
}
