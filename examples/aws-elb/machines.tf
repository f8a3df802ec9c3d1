locals {
  # Names of machines, with the number of the subnet each is in.
  masters       = { for i in range(var.masters) : "m${i + 1}" => i % length(local.zones) }
  agents        = { for i in range(var.agents) : "a${i + 1}" => i % length(local.zones) }
  public_agents = { for i in range(var.public_agents) : "p${i + 1}" => i % length(local.zones) }
}

resource "aws_key_pair" "this" {
  key_name   = var.cluster_name
  public_key = file(var.ssh_public_key_file)
}

# The jump host is there before, and after, anything is done over SSH. So has to be what leads to it and from it to
# the nodes, which nothing else would keep Terraform from taking away first.
resource "aws_instance" "jump" {
  ami                         = coalesce(var.jump_host_ami, var.ami)
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.public[0].id
  associate_public_ip_address = true
  vpc_security_group_ids      = [aws_security_group.jump.id]
  key_name                    = aws_key_pair.this.key_name

  metadata_options {
    http_tokens = "required"
  }

  tags = { Name = "${var.cluster_name}-jump" }

  lifecycle {
    ignore_changes = [ami]
  }

  depends_on = [
    aws_route.public,
    aws_route_table_association.public,
    aws_vpc_security_group_ingress_rule.jump_ssh,
    aws_vpc_security_group_egress_rule.jump,
    aws_vpc_security_group_ingress_rule.nodes,
    aws_vpc_security_group_ingress_rule.nodes_ssh,
    aws_vpc_security_group_egress_rule.nodes,
  ]
}

resource "aws_instance" "master" {
  for_each = local.masters

  ami                    = var.ami
  instance_type          = var.master_type
  subnet_id              = aws_subnet.private[each.value].id
  vpc_security_group_ids = [aws_security_group.nodes.id, aws_security_group.masters.id]
  iam_instance_profile   = aws_iam_instance_profile.master.name
  key_name               = aws_key_pair.this.key_name

  root_block_device {
    volume_size = 120
    volume_type = "gp3"
  }

  # Exhibitor's AWS SDK asks for the role's keys without a token: with "required" it gets none, and no ensemble forms.
  # Containers ask from one hop further away.
  metadata_options {
    http_tokens                 = "optional"
    http_put_response_hop_limit = 2
  }

  tags = { Name = "${var.cluster_name}-${each.key}" }

  # A new AMI is for machines that are made from then on: it must not replace all of them at once.
  lifecycle {
    ignore_changes = [ami]
  }

  # Masters have their rights as long as they run, and the way out.
  depends_on = [
    aws_iam_role_policy.exhibitor,
    aws_route.private,
    aws_route_table_association.private,
  ]
}

resource "aws_instance" "agent" {
  for_each = local.agents

  ami                    = var.ami
  instance_type          = var.agent_type
  subnet_id              = aws_subnet.private[each.value].id
  vpc_security_group_ids = [aws_security_group.nodes.id]
  iam_instance_profile   = aws_iam_instance_profile.agent.name
  key_name               = aws_key_pair.this.key_name

  root_block_device {
    volume_size = 150
    volume_type = "gp3"
  }

  # So does REX-Ray, for what it may do with volumes.
  metadata_options {
    http_tokens                 = "optional"
    http_put_response_hop_limit = 2
  }

  tags = { Name = "${var.cluster_name}-${each.key}" }

  # A new AMI is for machines that are made from then on: it must not replace all of them at once.
  lifecycle {
    ignore_changes = [ami]
  }

  depends_on = [
    aws_iam_role_policy.rexray,
    aws_route.private,
    aws_route_table_association.private,
  ]
}

resource "aws_instance" "public_agent" {
  for_each = local.public_agents

  ami                    = var.ami
  instance_type          = var.agent_type
  subnet_id              = aws_subnet.private[each.value].id
  vpc_security_group_ids = [aws_security_group.nodes.id, aws_security_group.public_agents.id]
  iam_instance_profile   = aws_iam_instance_profile.agent.name
  key_name               = aws_key_pair.this.key_name

  root_block_device {
    volume_size = 150
    volume_type = "gp3"
  }

  # So does REX-Ray, for what it may do with volumes.
  metadata_options {
    http_tokens                 = "optional"
    http_put_response_hop_limit = 2
  }

  tags = { Name = "${var.cluster_name}-${each.key}" }

  # A new AMI is for machines that are made from then on: it must not replace all of them at once.
  lifecycle {
    ignore_changes = [ami]
  }

  depends_on = [
    aws_iam_role_policy.rexray,
    aws_route.private,
    aws_route_table_association.private,
  ]
}

# Exhibitor's bucket. It is the cluster's alone, and goes with it.

resource "aws_s3_bucket" "exhibitor" {
  bucket_prefix = "${var.cluster_name}-exhibitor-"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "exhibitor" {
  bucket = aws_s3_bucket.exhibitor.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# What machines may do, by their roles.

locals {
  of_instances = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role" "master" {
  name               = "${var.cluster_name}-master"
  assume_role_policy = local.of_instances
}

resource "aws_iam_role_policy" "exhibitor" {
  name = "exhibitor"
  role = aws_iam_role.master.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation", "s3:GetBucketAcl"]
        Resource = aws_s3_bucket.exhibitor.arn
      },
      {
        Effect = "Allow"
        Action = [
          "s3:GetObject", "s3:GetObjectAcl", "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject",
          "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
        ]
        Resource = "${aws_s3_bucket.exhibitor.arn}/*"
      },
    ]
  })
}

resource "aws_iam_instance_profile" "master" {
  name = "${var.cluster_name}-master"
  role = aws_iam_role.master.name
}

# REX-Ray makes, attaches and removes volumes of tasks. Without rexray_config_preset = "aws" agents need no rights at all.

resource "aws_iam_role" "agent" {
  name               = "${var.cluster_name}-agent"
  assume_role_policy = local.of_instances
}

resource "aws_iam_role_policy" "rexray" {
  name = "rexray"
  role = aws_iam_role.agent.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "ec2:CreateTags", "ec2:DescribeInstances",
        "ec2:CreateVolume", "ec2:DeleteVolume", "ec2:AttachVolume", "ec2:DetachVolume",
        "ec2:DescribeVolumes", "ec2:DescribeVolumeStatus", "ec2:DescribeVolumeAttribute",
        "ec2:CreateSnapshot", "ec2:CopySnapshot", "ec2:DeleteSnapshot",
        "ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute",
      ]
      Resource = "*"
    }]
  })
}

resource "aws_iam_instance_profile" "agent" {
  name = "${var.cluster_name}-agent"
  role = aws_iam_role.agent.name
}
