variable "release" {
  description = "The DC/OS release: path of `dcos_generate_config.sh`, of the directory of its unpacked image, or a URL."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster, as the user interface shows it."
  type        = string
  default     = "shared-filesystem"
}

variable "load_balancer" {
  description = "Address or name of the load balancer in front of the masters."
  type        = string
}

variable "masters" {
  description = "Addresses of the masters, by name: one, three or five. Their number cannot change on a running cluster."
  type        = map(string)

  validation {
    condition     = contains([1, 3, 5, 7, 9], length(var.masters))
    error_message = "DC/OS runs with 1, 3, 5, 7 or 9 masters."
  }
}

variable "exhibitor_directory" {
  description = "Where every master has the shared directory mounted in which exhibitor keeps the ensemble."
  type        = string
  default     = "/srv/exhibitor"
}

variable "agents" {
  description = "Addresses of the private agents, by name."
  type        = map(string)
}

variable "public_agents" {
  description = "Addresses of the public agents, by name: those that take traffic from outside."
  type        = map(string)
  default     = {}
}

variable "resolvers" {
  description = "Your DNS servers, to which the cluster's own forwards all other names."
  type        = list(string)
}

variable "ssh_user" {
  description = "User to log in as on every host; may use sudo without a password."
  type        = string
}

variable "ssh_private_key_file" {
  description = "Path of the private key to log in with."
  type        = string
  default     = "~/.ssh/id_ed25519"
}

variable "known_hosts_files" {
  description = "Paths of known_hosts files with the hosts' keys. A host that is in none is trusted at the first connection; its key is kept in state from then on."
  type        = list(string)
  default     = []
}
