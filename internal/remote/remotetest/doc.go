// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package remotetest has SSH servers for tests: one within the test's process
// ([Serve]), whose behaviour a test can bend, and the machine's own OpenSSH
// ([StartSSHD]) with a configuration of its own. Both run what they are asked
// to run with the rights of the test, on this machine.
package remotetest
