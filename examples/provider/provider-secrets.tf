variable "sudo_password" {
  type      = string
  sensitive = true
  ephemeral = true # Terraform 1.10, OpenTofu 1.11: in no plan and no state
}

variable "exhibitor_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

provider "dcos" {
  ssh = {
    user  = "ops"
    agent = true

    # Limits a full agent to one key.
    agent_identity = "ops@example.com"

    # A host's key has to be known before.
    host_key_policy   = "strict"
    known_hosts_files = ["~/.ssh/known_hosts"]
  }

  sudo = {
    password = var.sudo_password
  }

  # DC/OS parameters that must not be in state.
  secrets = {
    exhibitor_admin_password = var.exhibitor_password
  }
}
