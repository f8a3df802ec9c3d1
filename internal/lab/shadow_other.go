// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !linux || !(amd64 || arm64)

package lab

import (
	"context"
	"errors"
)

func shadow(context.Context, int, func(int) bool, func(Effect) Sentence) error {
	return errors.ErrUnsupported
}
