// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package lab makes real Linux hosts for tests and for the demo: systemd as
// PID 1, OpenSSH, sudo, an address of its own each, in about 0.3 s a host.
package lab
