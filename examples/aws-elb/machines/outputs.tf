output "masters" {
  description = "The masters' machines, by name."
  value       = { for name, machine in aws_instance.master : name => { id = machine.id, address = machine.private_ip } }
}

output "agents" {
  description = "The private agents' machines, by name."
  value       = { for name, machine in aws_instance.agent : name => { id = machine.id, address = machine.private_ip } }
}

output "public_agents" {
  description = "The public agents' machines, by name."
  value       = { for name, machine in aws_instance.public_agent : name => { id = machine.id, address = machine.private_ip } }
}

# Not the instance's own public_ip, which is another one until the address is attached.
output "jump_host" {
  description = "The jump host's address, which stays when the machine is replaced."
  value       = aws_eip.jump.public_ip
}

output "masters_balancer" {
  description = "The name of the internal balancer before the masters."
  value       = aws_elb.masters.dns_name
}

output "public_balancer" {
  description = "The name of the balancer before the public agents."
  value       = aws_elb.public_agents.dns_name
}

output "bucket" {
  description = "Exhibitor's bucket."
  value       = aws_s3_bucket.exhibitor.id
}
