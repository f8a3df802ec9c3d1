output "url" {
  description = "Where the cluster's user interface is, from inside the network: see the README for the way there."
  value       = "http://${module.machines.masters_balancer}/"
}

output "jump_host" {
  description = "The jump host's address."
  value       = module.machines.jump_host
}

output "public_address" {
  description = "Where services on the public agents are reached."
  value       = module.machines.public_balancer
}

output "dcos_version" {
  description = "Version of DC/OS on the cluster."
  value       = module.cluster.dcos_version
}

output "nodes" {
  description = "What each node detected as its own address, by role and name."
  value       = module.cluster.nodes
}
