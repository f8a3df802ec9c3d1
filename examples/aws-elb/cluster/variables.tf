variable "release" {
  description = "The DC/OS release: path of `dcos_generate_config.sh`, of the directory of its unpacked image, or a URL."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster, and of exhibitor's object in the bucket."
  type        = string
}

variable "region" {
  description = "The AWS region of the bucket."
  type        = string
}

variable "bucket" {
  description = "Exhibitor's bucket, to which the masters' role has rights."
  type        = string
}

variable "masters_balancer" {
  description = "Name or address of the balancer before the masters."
  type        = string
}

variable "masters" {
  description = "The masters: id of the machine and address, by name."
  type        = map(object({ id = string, address = string }))
}

variable "agents" {
  description = "The private agents: id of the machine and address, by name."
  type        = map(object({ id = string, address = string }))
}

variable "public_agents" {
  description = "The public agents: id of the machine and address, by name."
  type        = map(object({ id = string, address = string }))
}
