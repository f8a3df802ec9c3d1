// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestMain makes sure that tests use the Terraform that is here and never
// download one, and that real hosts are taken down at the end.
func TestMain(m *testing.M) {
	if path, err := terraformPath(); err == nil {
		if err := os.Setenv("TF_ACC_TERRAFORM_PATH", path); err != nil {
			panic(err)
		}
		if strings.HasPrefix(filepath.Base(path), "tofu") {
			if err := os.Setenv("TF_ACC_PROVIDER_HOST", "registry.opentofu.org"); err != nil {
				panic(err)
			}
		}
	}
	code := lab.Main(m)
	if err := os.RemoveAll(pluginDirectory()); err != nil && code == 0 {
		code = 1
	}
	os.Exit(code)
}
