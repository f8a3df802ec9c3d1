# A load-balanced DC/OS site: three masters behind one address, one private and one public agent.
# `make demo` applies it on test hosts; docs/index.md explains each part.

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
    user        = var.ssh_user
    private_key = file(var.ssh_private_key_file)
    known_hosts = [file(var.known_hosts_file)]
  }
  run_log = "${path.root}/run.jsonl"
}

resource "dcos_cluster_config" "demo" {
  release = { source = var.release }

  cluster_name = "demo"

  # Agents and clients find the masters through the load balancer; no node is told a master's address.
  master_discovery          = "master_http_loadbalancer"
  exhibitor_address         = var.load_balancer
  num_masters               = length(var.masters)
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = "/srv/exhibitor"

  resolvers        = ["192.0.2.53"]
  oauth_enabled    = false
  ip_detect_script = provider::dcos::ip_detect("route")

  # Change this, run `terraform plan`, and see which files it touches.
  ui_banner              = true
  ui_banner_header_title = jsonencode(var.banner)
}

resource "dcos_node" "master" {
  for_each = var.masters

  address = each.value
  role    = "master"
  bundle  = dcos_cluster_config.demo.bundle
}

resource "dcos_node" "agent" {
  for_each = var.agents

  address = each.value
  role    = "agent"
  bundle  = dcos_cluster_config.demo.bundle

  depends_on = [dcos_node.master]
}

resource "dcos_node" "public_agent" {
  for_each = var.public_agents

  address = each.value
  role    = "public_agent"
  bundle  = dcos_cluster_config.demo.bundle

  depends_on = [dcos_node.master]
}
