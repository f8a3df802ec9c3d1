import {
  to = dcos_node.master["m1"]
  identity = {
    address = "10.0.0.11"
    port    = 22 # if it is not the provider's
  }
}
