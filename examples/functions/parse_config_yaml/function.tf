locals {
  site = provider::dcos::parse_config_yaml(<<-EOT
    cluster_name: example
    bootstrap_url: file:///opt/dcos_install_tmp
    master_discovery: static
    master_list: [10.0.0.11, 10.0.0.12, 10.0.0.13]
    exhibitor_storage_backend: static
    resolvers: [10.0.0.2]
    EOT
  ) # or file("genconf/config.yaml")
}

resource "dcos_cluster_config" "example" {
  release = {
    source = "dcos_generate_config.sh"
  }

  cluster_name              = local.site.cluster_name
  master_discovery          = local.site.master_discovery
  master_list               = local.site.master_list
  exhibitor_storage_backend = local.site.exhibitor_storage_backend
  resolvers                 = local.site.resolvers
  extra_parameters          = local.site.extra_parameters

  ip_detect_script = provider::dcos::ip_detect("route")
}
