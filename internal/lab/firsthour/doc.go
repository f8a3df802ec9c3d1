// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package firsthour goes the ways of a new user: on a bare Debian with nothing but git and make, from a clone of this
// tree to a cluster, by the commands and the configurations that stand in README.md and docs/, as they are but for
// addresses, user and key. It has tests alone, which make test-first-hour runs: each builds everything from nothing,
// which takes many minutes, and says how long each step of its way took.
//
// The bare Debian is one that debootstrap makes, in a mount and a process namespace of its own, with the machine's
// kernel and network. Left out: a systemd of its own, and a kernel.
package firsthour
