# By hand: terraform apply -invoke=action.dcos_check.all
action "dcos_check" "all" {
  config {
    nodes = merge(dcos_node.master, dcos_node.agent)
  }
}

# After each change of the cluster's configuration, when all nodes have been changed.
resource "terraform_data" "changed" {
  input      = dcos_cluster_config.example.id
  depends_on = [dcos_node.master, dcos_node.agent]

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.dcos_check.all]
    }
  }
}
