// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package examplestest applies the examples, unchanged, with real Terraform on
// hosts of the lab, looks at the clusters as their users would, and destroys
// them: then nothing may be left on a host.
package examplestest

import (
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

func TestMain(m *testing.M) {
	os.Exit(terraform.Main(func() int { return lab.Main(m) }))
}
