variable "maintenance" {
  description = "Names of the agents to take out of service, and to bring back."
  type        = set(string)
  default     = []
}

# terraform apply -invoke=action.dcos_resume.maintenance -var 'maintenance=["a1"]'
action "dcos_resume" "maintenance" {
  config {
    nodes = { for name in var.maintenance : name => dcos_node.agent[name] }
  }
}
