variable "release" {
  description = "The DC/OS release: path of `dcos_generate_config.sh`, of the directory of its unpacked image, or a URL."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster, and the beginning of the names of all that is made for it."
  type        = string
  default     = "dcos"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,16}$", var.cluster_name))
    error_message = "Small letters, digits and hyphens, at most 17: the names of balancers and buckets begin with it."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string
}

variable "network" {
  description = "The address range of the cluster's VPC, a /16 to /20. It must not overlap DC/OS's own: 9.0.0.0/8, 44.128.0.0/20, 172.29.0.0/16, 172.31.254.0/24, 198.51.100.0/24."
  type        = string
  default     = "10.0.0.0/16"
}

variable "admin_networks" {
  description = "The address ranges from which administrators, and Terraform, reach the jump host."
  type        = set(string)
}

variable "ami" {
  description = "The AMI of masters and agents, in this region: a Linux that DC/OS supports, with Docker, or a plain one: see `distribution`."
  type        = string
}

variable "distribution" {
  description = "What the AMI is, if it is a plain image: `debian`, `rhel` or `flatcar`. User data then brings Docker and what else DC/OS needs (`cloud_init`). By default there is none."
  type        = string
  default     = null
}

variable "jump_host_ami" {
  description = "The AMI of the jump host. By default that of the nodes."
  type        = string
  default     = null
}

variable "ssh_user" {
  description = "The AMI's user, who may use sudo without a password."
  type        = string
}

variable "ssh_private_key_file" {
  description = "Path of the private key to log in with."
  type        = string
  default     = "~/.ssh/id_ed25519"
}

variable "ssh_public_key_file" {
  description = "Path of the public key that belongs to it; machines are made with it."
  type        = string
  default     = "~/.ssh/id_ed25519.pub"
}

variable "masters" {
  description = "How many masters: one, three or five. It cannot change on a running cluster."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3, 5, 7, 9], var.masters)
    error_message = "DC/OS runs with 1, 3, 5, 7 or 9 masters."
  }
}

variable "agents" {
  description = "How many private agents."
  type        = number
  default     = 3
}

variable "public_agents" {
  description = "How many public agents: those that take traffic from outside, through the public balancer."
  type        = number
  default     = 1
}

variable "master_type" {
  description = "The instance type of masters."
  type        = string
  default     = "m5.xlarge"
}

variable "agent_type" {
  description = "The instance type of agents, private and public."
  type        = string
  default     = "m5.xlarge"
}
