import {
  to = dcos_node_pool.agents
  id = "a1=10.0.0.31,a2=10.0.0.32"
}
