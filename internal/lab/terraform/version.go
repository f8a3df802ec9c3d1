// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package terraform

import (
	"encoding/json"
	"fmt"
)

// A Version is which Terraform or OpenTofu runs.
type Version struct {
	tofu         bool
	major, minor int
}

// Ephemeral says whether values can be ephemeral.
func (v Version) Ephemeral() bool { return v.atLeast(10, 11) }

// Identity says whether resources have identities.
func (v Version) Identity() bool { return v.atLeast(12, 12) }

// Actions says whether there are actions. OpenTofu knows none.
func (v Version) Actions() bool { return !v.tofu && v.atLeast(14, 0) }

// Query says whether the client lists resources (terraform query); OpenTofu does not.
func (v Version) Query() bool { return !v.tofu && v.atLeast(14, 0) }

// atLeast compares with a minor version 1.x of each.
func (v Version) atLeast(terraform, tofu int) bool {
	if v.major > 1 {
		return true
	}
	if v.tofu {
		return v.minor >= tofu
	}
	return v.minor >= terraform
}

// Version asks which one it is.
func (d *Dir) Version() Version {
	d.T.Helper()
	var answer struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal([]byte(d.Run("version", "-json")), &answer); err != nil {
		d.T.Fatal(err)
	}
	v := Version{tofu: isTofu(d.Bin)}
	if _, err := fmt.Sscanf(answer.Version, "%d.%d", &v.major, &v.minor); err != nil {
		d.T.Fatal(err)
	}
	return v
}
