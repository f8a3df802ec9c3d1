// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package sample builds a sample DC/OS release.
//
// It is a sample, not DC/OS: it exists so that the provider can be tested
// against real hosts with systemd without a real release of more than a
// gigabyte. Its format is a real release's; its content is ours.
package sample
