# Who may talk to whom. Among masters and agents everything is open, as DC/OS and its networks need it.

locals {
  # Admin Router, ZooKeeper, Mesos, Marathon, exhibitor, and (DC/OS 2.1 and later) Admin Router's gRPC.
  master_ports = {
    80    = "tcp"
    443   = "tcp"
    2181  = "tcp"
    5050  = "http"
    8080  = "http"
    8181  = "http"
    12379 = "tcp"
  }

  # Edge-LB or Marathon-LB, and where that says that it is healthy.
  public_ports      = [80, 443]
  public_check_port = 9090
}

resource "aws_security_group" "jump" {
  name_prefix = "${var.cluster_name}-jump-"
  description = "Jump host"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "jump_ssh" {
  for_each = var.admin_networks

  security_group_id = aws_security_group.jump.id
  description       = "SSH from administrators"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_egress_rule" "jump" {
  security_group_id = aws_security_group.jump.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_security_group" "nodes" {
  name_prefix = "${var.cluster_name}-nodes-"
  description = "Masters and agents"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  security_group_id            = aws_security_group.nodes.id
  description                  = "Everything among nodes"
  referenced_security_group_id = aws_security_group.nodes.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "nodes_ssh" {
  security_group_id            = aws_security_group.nodes.id
  description                  = "SSH from the jump host"
  referenced_security_group_id = aws_security_group.jump.id
  ip_protocol                  = "tcp"
  from_port                    = 22
  to_port                      = 22
}

resource "aws_vpc_security_group_egress_rule" "nodes" {
  security_group_id = aws_security_group.nodes.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_security_group" "masters" {
  name_prefix = "${var.cluster_name}-masters-"
  description = "Masters, behind their balancer"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "masters" {
  for_each = local.master_ports

  security_group_id            = aws_security_group.masters.id
  description                  = "From the masters' balancer"
  referenced_security_group_id = aws_security_group.masters_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_security_group" "masters_balancer" {
  name_prefix = "${var.cluster_name}-masters-balancer-"
  description = "Internal balancer in front of the masters"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "masters_balancer_nodes" {
  for_each = local.master_ports

  security_group_id            = aws_security_group.masters_balancer.id
  description                  = "From nodes"
  referenced_security_group_id = aws_security_group.nodes.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_ingress_rule" "masters_balancer_jump" {
  for_each = toset(["80", "443", "12379"])

  security_group_id            = aws_security_group.masters_balancer.id
  description                  = "User interface and API, through the jump host"
  referenced_security_group_id = aws_security_group.jump.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "masters_balancer" {
  security_group_id            = aws_security_group.masters_balancer.id
  referenced_security_group_id = aws_security_group.masters.id
  ip_protocol                  = "-1"
}

resource "aws_security_group" "public_agents" {
  name_prefix = "${var.cluster_name}-public-agents-"
  description = "Public agents, behind their balancer"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "public_agents" {
  for_each = toset([for port in concat(local.public_ports, [local.public_check_port]) : tostring(port)])

  security_group_id            = aws_security_group.public_agents.id
  description                  = "From the public balancer"
  referenced_security_group_id = aws_security_group.public_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_security_group" "public_balancer" {
  name_prefix = "${var.cluster_name}-public-balancer-"
  description = "Public balancer in front of the public agents"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "public_balancer" {
  for_each = toset([for port in local.public_ports : tostring(port)])

  security_group_id = aws_security_group.public_balancer.id
  description       = "From everywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "public_balancer" {
  security_group_id            = aws_security_group.public_balancer.id
  referenced_security_group_id = aws_security_group.public_agents.id
  ip_protocol                  = "-1"
}
