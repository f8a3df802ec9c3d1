# DC/OS on AWS: network, machines, load balancers and the cluster, in one plan.
#
# network.tf   VPC, subnets, routes
# security.tf  who may talk to whom
# balancers.tf load balancers in front of the masters and of the public agents
# machines.tf  jump host, masters, agents; exhibitor's bucket; what masters and agents may do
# main.tf      DC/OS on them

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
    jump_hosts = [{ address = aws_instance.jump.public_ip }]
  }
  run_log = "${path.root}/run.jsonl"
}

resource "dcos_cluster_config" "this" {
  release      = { source = var.release }
  cluster_name = var.cluster_name

  # Agents and clients find the masters through the balancer, and no node is told a master's address. The balancer's
  # name is not known at the first plan either: what hangs on it is checked when the cluster is applied.
  master_discovery  = "master_http_loadbalancer"
  exhibitor_address = aws_elb.masters.dns_name
  num_masters       = length(aws_instance.master)

  # Masters find each other through the bucket, with the rights of their machines' role.
  exhibitor_storage_backend = "aws_s3"
  exhibitor_explicit_keys   = false
  aws_region                = var.region
  s3_bucket                 = aws_s3_bucket.exhibitor.id
  s3_prefix                 = var.cluster_name

  # Amazon's own.
  resolvers            = ["169.254.169.253"]
  ip_detect_script     = provider::dcos::ip_detect("aws")
  rexray_config_preset = "aws"
}

resource "dcos_node" "master" {
  for_each = aws_instance.master

  address = each.value.private_ip
  role    = "master"
  bundle  = dcos_cluster_config.this.bundle

  # Behind the balancer before they are installed, until they are uninstalled.
  depends_on = [aws_elb_attachment.master]

  # Another machine is another node, even at the same address.
  lifecycle {
    replace_triggered_by = [aws_instance.master[each.key].id]
  }
}

resource "dcos_node" "agent" {
  for_each = aws_instance.agent

  address = each.value.private_ip
  role    = "agent"
  bundle  = dcos_cluster_config.this.bundle

  # Masters come first, and go last.
  depends_on = [dcos_node.master]

  lifecycle {
    replace_triggered_by = [aws_instance.agent[each.key].id]
  }
}

resource "dcos_node" "public_agent" {
  for_each = aws_instance.public_agent

  address = each.value.private_ip
  role    = "public_agent"
  bundle  = dcos_cluster_config.this.bundle

  depends_on = [dcos_node.master, aws_elb_attachment.public_agent]

  lifecycle {
    replace_triggered_by = [aws_instance.public_agent[each.key].id]
  }
}
