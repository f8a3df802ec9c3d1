variable "release" {
  description = "Path of a DC/OS release: `dcos_generate_config.sh`, or the directory of its unpacked image."
  type        = string
}

variable "load_balancer" {
  description = "Address of the load balancer in front of the masters."
  type        = string
}

variable "masters" {
  description = "Addresses of the masters, by name. The number cannot change on a running cluster."
  type        = map(string)
}

variable "agents" {
  description = "Addresses of the private agents, by name."
  type        = map(string)
}

variable "public_agents" {
  description = "Addresses of the public agents, by name."
  type        = map(string)
}

variable "ssh_user" {
  description = "User to log in as; may use sudo without a password."
  type        = string
}

variable "ssh_private_key_file" {
  description = "Path of the private key to log in with."
  type        = string
}

variable "known_hosts_file" {
  description = "Path of a known_hosts file with the hosts' keys."
  type        = string
}

variable "banner" {
  description = "Title of the banner that the cluster's user interface shows."
  type        = string
  default     = "A DC/OS cluster made by Terraform"
}
