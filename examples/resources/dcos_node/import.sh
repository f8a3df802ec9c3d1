# A node is imported by its address, [user@]address[:port]. Everything else is read from the host.
terraform import 'dcos_node.master["m1"]' 10.0.0.11
terraform import 'dcos_node.agent["a1"]' 'centos@[fd00::21]:2222'
