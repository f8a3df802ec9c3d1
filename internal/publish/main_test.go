// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestMain takes real hosts down at the end.
func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
