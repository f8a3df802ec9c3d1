# A configuration is imported from a node, [user@]address[:port], and after a blank the release that its cluster has.
terraform import dcos_cluster_config.main '10.0.0.11 ./dcos_generate_config.sh'
