resource "dcos_cluster_config" "static" {
  release                   = { source = "dcos_generate_config.sh" }
  cluster_name              = "old"
  master_discovery          = "static"
  master_list               = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
  exhibitor_storage_backend = "static"
  resolvers                 = ["10.0.0.2"]
  oauth_enabled             = false
  dcos_overlay_network      = { vtep_subnet = "44.128.0.0/20", vtep_subnet6 = "fd01:a::/64", vtep_mac_oui = "70:B3:D5:00:00:00", overlays = [{ name = "dcos", subnet = "9.0.0.0/8", prefix = 24 }] }
  extra_parameters          = { my_own = "1" }
  ip_detect_script          = provider::dcos::ip_detect("route")
}

resource "dcos_cluster_config" "balanced" {
  release                   = { source = "dcos_generate_config.sh" }
  cluster_name              = "balanced"
  master_discovery          = "master_http_loadbalancer"
  exhibitor_address         = "10.0.0.10"
  num_masters               = 3
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = "/srv/exhibitor"
  docker_remove_delay       = "2hrs"
  ip_detect_script          = provider::dcos::ip_detect("route")
}
