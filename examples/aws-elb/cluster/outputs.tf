output "dcos_version" {
  description = "Version of DC/OS on the cluster."
  value       = dcos_cluster_config.this.dcos_version
}

output "nodes" {
  description = "What each node detected as its own address, by role and name."
  value = {
    masters       = { for name, node in dcos_node.master : name => node.detected_ip }
    agents        = { for name, node in dcos_node.agent : name => node.detected_ip }
    public_agents = { for name, node in dcos_node.public_agent : name => node.detected_ip }
  }
}
