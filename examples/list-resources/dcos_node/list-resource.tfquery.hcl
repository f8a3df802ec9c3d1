# All nodes of a running cluster, through the SSH connection to one of its masters.
list "dcos_node" "all" {
  provider         = dcos
  include_resource = true
  limit            = 10000

  config {
    ssh = { address = "10.0.0.11" }
  }
}

# Its public agents, by way of the load balancer before the masters.
list "dcos_node" "public" {
  provider = dcos

  config {
    url  = "http://internal-masters.example.com"
    role = "public_agent"
  }
}
