variable "cluster_name" {
  description = "The beginning of the names of all that is made."
  type        = string
}

variable "public_subnets" {
  description = "Ids of subnets that lead to the internet: for the jump host and the public balancer."
  type        = list(string)
}

variable "private_subnets" {
  description = "Ids of the nodes' subnets. Machines are spread over them, by their number."
  type        = list(string)
}

variable "security_groups" {
  description = "Ids of security groups, by what is in them."
  type = object({
    jump             = string
    nodes            = string
    masters          = string
    masters_balancer = string
    public_agents    = string
    public_balancer  = string
  })
}

variable "master_ports" {
  description = "The ports of the masters' balancer, each with its protocol."
  type        = map(string)
}

variable "public_ports" {
  description = "The ports of the public balancer."
  type        = list(number)
}

variable "public_check_port" {
  description = "The port at which what serves on public agents says that it is healthy."
  type        = number
}

variable "ami" {
  description = "The AMI of masters and agents."
  type        = string
}

variable "jump_host_ami" {
  description = "The AMI of the jump host. By default that of the nodes."
  type        = string
  default     = null
}

variable "user_data" {
  description = "User data of machines, by role: `master`, `agent`, `public_agent`."
  type        = map(string)
  default     = {}
}

variable "ssh_public_key" {
  description = "The public key that machines are made with."
  type        = string
}

variable "masters" {
  description = "How many masters."
  type        = number
}

variable "agents" {
  description = "How many private agents."
  type        = number
}

variable "public_agents" {
  description = "How many public agents."
  type        = number
}

variable "master_type" {
  description = "The instance type of masters."
  type        = string
}

variable "agent_type" {
  description = "The instance type of agents, private and public."
  type        = string
}
