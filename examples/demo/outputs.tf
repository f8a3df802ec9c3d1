output "dcos_version" {
  description = "Version of DC/OS on the cluster."
  value       = dcos_cluster_config.demo.dcos_version
}

output "masters" {
  description = "What each master detected as its own address."
  value       = join(", ", [for name, node in dcos_node.master : "${name}: ${node.detected_ip}"])
}
