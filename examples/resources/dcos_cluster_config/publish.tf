# Nodes fetch from a web server, to whose directory the files are put over SSH. Without ssh it is a directory on the
# machine where Terraform runs.
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
    ssh       = { address = "10.0.0.5" }
    keep      = 1
  }
}

# Nodes fetch from a bucket that lets them.
resource "dcos_cluster_config" "bucket" {
  release = {
    source = "/srv/releases/dcos_generate_config.sh"
  }

  cluster_name              = "bucket"
  master_discovery          = "static"
  master_list               = ["10.0.1.11", "10.0.1.12", "10.0.1.13"]
  exhibitor_storage_backend = "static"
  ip_detect_script          = provider::dcos::ip_detect("aws")

  bootstrap_url = "https://example-dcos.s3.eu-central-1.amazonaws.com/bucket"
  publish = {
    s3 = {
      bucket = "example-dcos"
      prefix = "bucket"
      region = "eu-central-1"
    }
  }
}
