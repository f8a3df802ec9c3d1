// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package terraform runs the real Terraform or OpenTofu in tests, with the
// provider built from this tree: nothing is installed, and nothing downloaded.
//
// A test binary that uses it wraps its TestMain in Main, and each test makes a
// directory of its own with New:
//
//	d := terraform.New(t)
//	d.Write("main.tf", terraform.RequiredProviders+"...")
//	d.Apply()
//	d.NoChanges()
//
// Which one runs says TF_ACC_TERRAFORM_PATH; without it, it is the terraform
// on PATH, or else the tofu. Where there is neither, tests skip, and fail in CI.
package terraform
