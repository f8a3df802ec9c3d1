output "public_subnets" {
  description = "Ids of the public subnets, one in each zone: for the jump host and the public balancer."
  value       = aws_subnet.public[*].id
}

output "private_subnets" {
  description = "Ids of the private subnets, in the same zones: for all nodes and the masters' balancer."
  value       = aws_subnet.private[*].id
}

output "security_groups" {
  description = "Ids of the security groups, by what is in them."
  value = {
    jump             = aws_security_group.jump.id
    nodes            = aws_security_group.nodes.id
    masters          = aws_security_group.masters.id
    masters_balancer = aws_security_group.masters_balancer.id
    public_agents    = aws_security_group.public_agents.id
    public_balancer  = aws_security_group.public_balancer.id
  }
}

output "master_ports" {
  description = "The ports of the masters' balancer, each with its protocol."
  value       = local.master_ports
}

output "public_ports" {
  description = "The ports of the public balancer."
  value       = local.public_ports
}

output "public_check_port" {
  description = "The port at which what serves on public agents says that it is healthy."
  value       = local.public_check_port
}
