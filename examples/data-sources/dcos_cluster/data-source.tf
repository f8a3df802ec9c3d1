# Through the load balancer before the masters, as soon as everything is up.
data "dcos_cluster" "main" {
  url      = "http://internal-masters.example.com"
  wait_for = { masters = 3, agents = 5 }
  timeout  = "10m"

  # Not before they are there.
  depends_on = [dcos_node.master, dcos_node.agent]

  lifecycle {
    postcondition {
      condition     = self.quorum
      error_message = "The cluster has no quorum."
    }
  }
}

# Where only SSH reaches the cluster: through the connection to one master, by the provider's jump hosts.
data "dcos_cluster" "private" {
  ssh = { address = "10.0.0.11" }

  depends_on = [dcos_node.master, dcos_node.agent]
}

output "leader" {
  value = data.dcos_cluster.main.leader
}

output "agents" {
  value = [for agent in data.dcos_cluster.private.agents : agent.address if agent.active]
}
