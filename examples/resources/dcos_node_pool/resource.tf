variable "fleet" {
  description = "Addresses of the agents, by name."
  type        = map(string)
}

resource "dcos_node_pool" "agents" {
  role   = "agent"
  bundle = dcos_cluster_config.example.bundle

  hosts = {
    for name, address in var.fleet : name => { address = address }
  }

  max_parallel    = 200
  max_unavailable = "5%"
  max_failures    = "2%"
  canaries        = 3

  # Agents are installed after the masters, and removed before them.
  depends_on = [dcos_node.master]
}
