// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package fleet orders work on the nodes of a cluster within one process.
//
// Terraform calls resources in parallel and knows nothing of quorum. A
// [Coordinator], one per process, lets the masters of a cluster change
// strictly one at a time, with a gate before and after each; first
// installations are free, since no quorum can exist before most of the
// ensemble is there. Work that holds its turn never waits for work that does
// not have it yet, so there is no deadlock at any parallelism.
package fleet
