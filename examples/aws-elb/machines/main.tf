# Machines: jump host, masters and agents, what they may do, exhibitor's bucket, and load balancers (balancers.tf).

terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  # Names of machines, with the number of the subnet each is in.
  masters       = { for i in range(var.masters) : "m${i + 1}" => i % length(var.private_subnets) }
  agents        = { for i in range(var.agents) : "a${i + 1}" => i % length(var.private_subnets) }
  public_agents = { for i in range(var.public_agents) : "p${i + 1}" => i % length(var.private_subnets) }
}

resource "aws_key_pair" "this" {
  key_name   = var.cluster_name
  public_key = var.ssh_public_key
}

# The way to all other machines. Its own public address would be another one after a stop, and that of a machine in its place;
# so it has one that stays.
resource "aws_instance" "jump" {
  ami                         = coalesce(var.jump_host_ami, var.ami)
  instance_type               = "t3.micro"
  subnet_id                   = var.public_subnets[0]
  associate_public_ip_address = true
  vpc_security_group_ids      = [var.security_groups.jump]
  key_name                    = aws_key_pair.this.key_name

  metadata_options {
    http_tokens = "required"
  }

  tags = { Name = "${var.cluster_name}-jump" }

  lifecycle {
    ignore_changes = [ami]
  }
}

resource "aws_eip" "jump" {
  domain   = "vpc"
  instance = aws_instance.jump.id

  tags = { Name = "${var.cluster_name}-jump" }
}

resource "aws_instance" "master" {
  for_each = local.masters

  ami                    = var.ami
  instance_type          = var.master_type
  subnet_id              = var.private_subnets[each.value]
  vpc_security_group_ids = [var.security_groups.nodes, var.security_groups.masters]
  iam_instance_profile   = aws_iam_instance_profile.master.name
  key_name               = aws_key_pair.this.key_name
  user_data              = lookup(var.user_data, "master", null)

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

  # A new AMI or other user data is for machines that are made from then on: it must not replace or stop all of them at once.
  lifecycle {
    ignore_changes = [ami, user_data]
  }

  # Machines have their rights as long as they run.
  depends_on = [aws_iam_role_policy.exhibitor]
}

resource "aws_instance" "agent" {
  for_each = local.agents

  ami                    = var.ami
  instance_type          = var.agent_type
  subnet_id              = var.private_subnets[each.value]
  vpc_security_group_ids = [var.security_groups.nodes]
  iam_instance_profile   = aws_iam_instance_profile.agent.name
  key_name               = aws_key_pair.this.key_name
  user_data              = lookup(var.user_data, "agent", null)

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

  # A new AMI or other user data is for machines that are made from then on: it must not replace or stop all of them at once.
  lifecycle {
    ignore_changes = [ami, user_data]
  }

  depends_on = [aws_iam_role_policy.rexray]
}

resource "aws_instance" "public_agent" {
  for_each = local.public_agents

  ami                    = var.ami
  instance_type          = var.agent_type
  subnet_id              = var.private_subnets[each.value]
  vpc_security_group_ids = [var.security_groups.nodes, var.security_groups.public_agents]
  iam_instance_profile   = aws_iam_instance_profile.agent.name
  key_name               = aws_key_pair.this.key_name
  user_data              = lookup(var.user_data, "public_agent", null)

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

  # A new AMI or other user data is for machines that are made from then on: it must not replace or stop all of them at once.
  lifecycle {
    ignore_changes = [ami, user_data]
  }

  depends_on = [aws_iam_role_policy.rexray]
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
