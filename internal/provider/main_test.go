// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestMain makes sure that tests use the Terraform that is here and never
// download one, and that real hosts are taken down at the end.
func TestMain(m *testing.M) {
	os.Exit(terraform.Main(func() int { return lab.Main(m) }))
}
