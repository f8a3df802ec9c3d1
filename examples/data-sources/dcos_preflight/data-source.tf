variable "hosts" {
  description = "Hosts that are to become nodes: address and role, by name."
  type = map(object({
    address = string
    role    = string
  }))
}

data "dcos_preflight" "all" {
  bundle = dcos_cluster_config.example.bundle
  hosts  = var.hosts
  skip   = ["docker-version"]

  lifecycle {
    postcondition {
      condition     = self.passed
      error_message = join("\n", self.problems)
    }
  }
}

output "findings" {
  value = data.dcos_preflight.all.findings
}
