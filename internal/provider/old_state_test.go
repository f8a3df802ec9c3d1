// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestOldState reads states that earlier versions have written: each has an
// empty plan with the configuration it was made from. The release that the
// state names is not there, and is not needed.
func TestOldState(t *testing.T) {
	t.Parallel()
	states, err := filepath.Glob(filepath.Join("testdata", "states", "*.tfstate"))
	if err != nil || len(states) == 0 {
		t.Fatalf("there are no states: %v", err)
	}
	for _, state := range states {
		t.Run(filepath.Base(state), func(t *testing.T) {
			t.Parallel()
			d := terraform.New(t)
			d.Write("terraform.tfstate", readFile(t, state))
			d.Write("main.tf", terraform.RequiredProviders+readFile(t, strings.TrimSuffix(state, "state")))
			d.NoChanges()
			d.Destroy()
		})
	}
}
