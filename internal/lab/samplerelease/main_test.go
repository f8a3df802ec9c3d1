// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package samplerelease

import (
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
