resource "dcos_cluster_config" "main" {
  release                   = { source = "dcos_generate_config.sh" }
  cluster_name              = "old"
  master_discovery          = "static"
  master_list               = ["127.0.9.1"]
  exhibitor_storage_backend = "static"
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}

resource "dcos_node" "agent" {
  address       = "127.1.0.1"
  role          = "agent"
  bundle        = dcos_cluster_config.main.bundle
  drain_timeout = "0s"
  on_destroy    = "abandon"
  preflight     = { skip = ["docker"] }
  ssh           = { user = "root" }
  timeouts      = { create = "5m" }
}

resource "dcos_node_pool" "public" {
  role            = "public_agent"
  bundle          = dcos_cluster_config.main.bundle
  max_unavailable = "1"
  max_failures    = "50%"
  canaries        = 1
  on_destroy      = "abandon"
  hosts = {
    a = { address = "127.1.0.2" }
    b = { address = "127.1.0.3", ssh = { user = "root" } }
    c = { address = "127.1.0.4" }
  }
}
