# DC/OS behind a load balancer of yours, its masters' ensemble on a file server (NFS).

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

  # Agents and clients find the masters through the load balancer; no node is told a master's address.
  master_discovery  = "master_http_loadbalancer"
  exhibitor_address = var.load_balancer
  num_masters       = length(var.masters)

  # Masters find each other through a directory that all of them have mounted.
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = var.exhibitor_directory

  resolvers        = var.resolvers
  ip_detect_script = provider::dcos::ip_detect("route")
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
