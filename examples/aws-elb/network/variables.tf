variable "cluster_name" {
  description = "The beginning of the names of all that is made."
  type        = string
}

variable "network" {
  description = "The address range of the VPC, a /16 to /20."
  type        = string
}

variable "admin_networks" {
  description = "The address ranges from which the jump host is reached."
  type        = set(string)
}
