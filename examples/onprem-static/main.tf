# DC/OS on hosts with fixed addresses: every node has the list of masters, nothing else is needed.

terraform {
  required_version = ">= 1.8"

  required_providers {
    dcos = {
      source = "dcos-install/dcos"
    }
  }
}

provider "dcos" {
  ssh = {
    user              = var.ssh_user
    private_key       = file(var.ssh_private_key_file)
    known_hosts_files = var.known_hosts_files
  }
  run_log = "${path.root}/run.jsonl"
}

resource "dcos_cluster_config" "this" {
  release      = { source = var.release }
  cluster_name = var.cluster_name

  # Every node is told the masters' addresses, and exhibitor's ensemble is that list.
  master_discovery          = "static"
  master_list               = values(var.masters)
  exhibitor_storage_backend = "static"

  resolvers        = var.resolvers
  ip_detect_script = provider::dcos::ip_detect("route:${values(var.masters)[0]}")
}

resource "dcos_node" "master" {
  for_each = var.masters

  address = each.value
  role    = "master"
  bundle  = dcos_cluster_config.this.bundle
}

resource "dcos_node" "agent" {
  for_each = var.agents

  address = each.value
  role    = "agent"
  bundle  = dcos_cluster_config.this.bundle

  # Masters come first, and go last.
  depends_on = [dcos_node.master]
}

resource "dcos_node" "public_agent" {
  for_each = var.public_agents

  address = each.value
  role    = "public_agent"
  bundle  = dcos_cluster_config.this.bundle

  depends_on = [dcos_node.master]
}
