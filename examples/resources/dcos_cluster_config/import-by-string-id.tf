import {
  to = dcos_cluster_config.main
  id = "10.0.0.11 ./dcos_generate_config.sh" # [user@]address[:port] RELEASE
}
