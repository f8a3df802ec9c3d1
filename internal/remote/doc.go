// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package remote runs scripts and puts files on hosts over SSH.
package remote
