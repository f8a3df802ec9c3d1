# The hosts of the pool, all at once: [NAME=][user@]address[:port], with commas in between; role, bundle and the rest are
# read from the hosts. A host without a name is called by its address.
terraform import dcos_node_pool.agents a1=10.0.0.31,a2=10.0.0.32,a3=core@10.0.0.33:2222
