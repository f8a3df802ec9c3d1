// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package samplerelease

import (
	"errors"
	"fmt"
)

// lock locks nothing: where there are no test hosts no sample releases are built.
func lock(string) (unlock func() error, err error) {
	return nil, fmt.Errorf("sample releases: %w", errors.ErrUnsupported)
}
