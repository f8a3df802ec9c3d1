// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package examplestest applies the examples, unchanged, with real Terraform on
// hosts of the lab, looks at the clusters as their users would, and destroys
// them: then nothing may be left on a host.
package examplestest

import (
	"errors"
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) {
	code := lab.Main(m)
	if err := os.RemoveAll(pluginDirectory()); err != nil && !errors.Is(err, os.ErrNotExist) {
		code = max(code, 1)
	}
	os.Exit(code)
}
