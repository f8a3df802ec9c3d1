output "url" {
  description = "Where the cluster's user interface is, from inside the network: see the README for the way there."
  value       = "http://${aws_elb.masters.dns_name}/"
}

output "jump_host" {
  description = "The jump host's address."
  value       = aws_instance.jump.public_ip
}

output "public_address" {
  description = "Where services on the public agents are reached."
  value       = aws_elb.public_agents.dns_name
}

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
