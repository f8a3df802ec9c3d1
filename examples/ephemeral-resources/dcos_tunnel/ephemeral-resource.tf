# To Admin Router on a master that only the provider's jump hosts reach.
ephemeral "dcos_tunnel" "main" {
  ssh = { address = "10.0.0.11" }
}

# By way of the jump host to the load balancer before the masters, which speaks TLS.
ephemeral "dcos_tunnel" "balancer" {
  ssh  = { address = "jump.example.com", jump_hosts = [] }
  host = "internal-masters.example.com"
  tls  = true
}
