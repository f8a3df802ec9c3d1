import {
  to = dcos_node.master["m1"]
  id = "centos@10.0.0.11:22" # [user@]address[:port]
}
