# DC/OS on AWS: network, machines, load balancers and the cluster, in one plan.
#
# network/   VPC, subnets, routes; who may talk to whom
# machines/  jump host, masters, agents, load balancers before them; exhibitor's bucket; what masters and agents may do
# cluster/   DC/OS on them
#
# Providers are configured here alone, so that each of the three can be called from a configuration of your own.

terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    dcos = {
      source = "dcos-install/dcos"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Cluster = var.cluster_name }
  }
}

provider "dcos" {
  ssh = {
    user        = var.ssh_user
    private_key = file(var.ssh_private_key_file)

    # The other machines have no public address. This one's is not known before the first apply, which is no matter.
    jump_hosts = [{ address = module.machines.jump_host }]
  }
  run_log = "${path.root}/run.jsonl"
}

data "dcos_release" "this" {
  source = var.release
}

module "network" {
  source = "./network"

  cluster_name   = var.cluster_name
  network        = var.network
  admin_networks = var.admin_networks
}

module "machines" {
  source = "./machines"

  cluster_name      = var.cluster_name
  public_subnets    = module.network.public_subnets
  private_subnets   = module.network.private_subnets
  security_groups   = module.network.security_groups
  master_ports      = module.network.master_ports
  public_ports      = module.network.public_ports
  public_check_port = module.network.public_check_port

  ami            = var.ami
  jump_host_ami  = var.jump_host_ami
  ssh_public_key = file(var.ssh_public_key_file)
  masters        = var.masters
  agents         = var.agents
  public_agents  = var.public_agents
  master_type    = var.master_type
  agent_type     = var.agent_type

  # What a plain image lacks is put there at the first boot.
  user_data = var.distribution == null ? {} : {
    for role in ["master", "agent", "public_agent"] :
    role => provider::dcos::cloud_init(var.distribution, data.dcos_release.this.line, role)
  }

  # Routes and rules are there before the machines, and as long as they are: nothing else would keep Terraform from taking
  # away first what leads to the jump host and from it to the nodes.
  depends_on = [module.network]
}

module "cluster" {
  source = "./cluster"

  release          = var.release
  cluster_name     = var.cluster_name
  region           = var.region
  bucket           = module.machines.bucket
  masters_balancer = module.machines.masters_balancer
  masters          = module.machines.masters
  agents           = module.machines.agents
  public_agents    = module.machines.public_agents

  # Behind their balancers before they are installed, until they are uninstalled; reached as long as anything is installed.
  depends_on = [module.machines]
}
