# terraform apply -invoke=action.dcos_diagnostics.all
action "dcos_diagnostics" "all" {
  config {
    nodes = merge(dcos_node.master, dcos_node.agent)
    path  = "diagnostics-${formatdate("YYYYMMDD-hhmmss", plantimestamp())}.tar.gz"
    since = "6h"
  }
}
