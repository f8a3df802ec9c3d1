// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package aws stands in for AWS and for hashicorp/aws, Terraform's provider
// of it, as far as examples/aws-elb and the documentation use them. It is a test
// double: nothing in it is meant to be right beyond what the example asks for.
//
// To Terraform it is a provider ([Cloud.Serve]) with the resources, argument
// names, required arguments and blocks of hashicorp/aws's documentation, which
// refuses what AWS refuses: references to what is not there, and deleting what
// is still referred to. Behind it are real things in the lab:
//
//   - an instance is a host, with an address of its subnet, Amazon's resolver
//     and the instance metadata service, of the versions and with the hop limit
//     that its metadata_options say
//   - a classic load balancer is HAProxy on a host, with the listeners and the
//     health check it was given, under a name that the resolver knows
//   - S3 is an S3-compatible server at its own name, with TLS; a role gets keys
//     to it through the metadata service if its policy allows what exhibitor
//     does with the bucket; an unsigned HEAD of a bucket says where it is
//   - EC2's API knows one action, DescribeVolumes, for roles whose policy allows
//     it; there are no volumes. It takes a signature for good
//   - an Elastic IP is a second address of an instance's host
//
// Left out: all else. User data is handed out by the metadata service, and nothing runs it. Balancers of the
// second generation, groups and launch templates have schemas alone, for the documentation. Policies are
// compared word by word, without wildcards within a name, conditions and denials. An AMI's or an account's own
// defaults for metadata_options, and IPv6, are not there. Networks, routes and security groups are only kept: in
// the lab every host reaches every other.
//
// Compared: the names of arguments, blocks and attributes with the documentation of
// hashicorp/aws, as read in 2026-11 (testdata/documented.txt), at each run of the
// tests. Never with AWS itself.
package aws
