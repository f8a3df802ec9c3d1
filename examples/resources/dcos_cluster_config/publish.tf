# Nodes fetch from a web server on the machine where Terraform runs.
resource "dcos_cluster_config" "served" {
  release = {
    source = "/srv/releases/dcos_generate_config.sh"
  }

  cluster_name              = "served"
  master_discovery          = "static"
  master_list               = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
  exhibitor_storage_backend = "static"
  ip_detect_script          = provider::dcos::ip_detect("route")

  bootstrap_url = "http://10.0.0.5/dcos"
  publish = {
    directory = "/srv/www/dcos"
  }
}
