variable "masters" {
  description = "Addresses of the masters, by name."
  type        = map(string)
}

variable "agents" {
  description = "Addresses of the agents, by name."
  type        = map(string)
}

resource "dcos_node" "master" {
  for_each = var.masters

  address = each.value
  role    = "master"
  bundle  = dcos_cluster_config.example.bundle
}

resource "dcos_node" "agent" {
  for_each = var.agents

  address = each.value
  role    = "agent"
  bundle  = dcos_cluster_config.example.bundle

  # How long the agent's tasks may take to end before it is uninstalled.
  drain_timeout = "20m"

  timeouts = {
    create = "30m"
  }

  # Agents are installed after the masters, and removed before them.
  depends_on = [dcos_node.master]
}
