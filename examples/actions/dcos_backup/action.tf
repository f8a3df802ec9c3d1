# Before an upgrade: terraform apply -invoke=action.dcos_backup.masters
action "dcos_backup" "masters" {
  config {
    nodes = dcos_node.master
    path  = "backup-${formatdate("YYYYMMDD-hhmmss", plantimestamp())}.tar.gz"
  }
}
