variable "restart_before" {
  description = "Restart what was started before this time."
  type        = string
  default     = null
}

# All services of all nodes, rolling: terraform apply -invoke=action.dcos_restart.all
# After an interruption, on from there: the same with -var restart_before=2026-12-01T08:00:00Z, the time at which it was begun first.
action "dcos_restart" "all" {
  config {
    nodes           = merge(dcos_node.master, dcos_node.agent)
    max_unavailable = "10%"
    started_before  = var.restart_before
  }
}

# One service of the masters, one master at a time.
action "dcos_restart" "marathon" {
  config {
    nodes    = dcos_node.master
    services = ["dcos-marathon.service"]
  }
}
