// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package provider

import (
	"errors"
	"time"
)

// sinceBoot is not known where there is no /proc to need it with.
func sinceBoot() (time.Duration, error) { return 0, errors.ErrUnsupported }
