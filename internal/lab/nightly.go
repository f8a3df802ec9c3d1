// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package lab

// Nightly reports whether the tests run in full, as every night and before a
// release: make test-all builds with the tag nightly. A test may run more of
// one kind then; what runs only then has the tag itself, so that make test
// skips nothing.
const Nightly = true
