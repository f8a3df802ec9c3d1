# The listeners and health checks of DC/OS's own templates for AWS.

resource "aws_elb" "masters" {
  name            = "${var.cluster_name}-masters"
  internal        = true
  subnets         = var.private_subnets
  security_groups = [var.security_groups.masters_balancer]

  dynamic "listener" {
    for_each = var.master_ports

    content {
      lb_port           = tonumber(listener.key)
      lb_protocol       = listener.value
      instance_port     = tonumber(listener.key)
      instance_protocol = listener.value
    }
  }

  # A master is healthy once its Mesos listens.
  health_check {
    target              = "TCP:5050"
    healthy_threshold   = 2
    unhealthy_threshold = 2
    interval            = 30
    timeout             = 5
  }
}

resource "aws_elb_attachment" "master" {
  for_each = aws_instance.master

  elb      = aws_elb.masters.id
  instance = each.value.id
}

resource "aws_elb" "public_agents" {
  name            = "${var.cluster_name}-public-agents"
  subnets         = var.public_subnets
  security_groups = [var.security_groups.public_balancer]

  dynamic "listener" {
    for_each = var.public_ports

    content {
      lb_port           = listener.value
      lb_protocol       = "tcp"
      instance_port     = listener.value
      instance_protocol = "tcp"
    }
  }

  # A public agent is healthy once Edge-LB or Marathon-LB runs on it.
  health_check {
    target              = "HTTP:${var.public_check_port}/_haproxy_health_check"
    healthy_threshold   = 2
    unhealthy_threshold = 2
    interval            = 5
    timeout             = 2
  }
}

resource "aws_elb_attachment" "public_agent" {
  for_each = aws_instance.public_agent

  elb      = aws_elb.public_agents.id
  instance = each.value.id
}
