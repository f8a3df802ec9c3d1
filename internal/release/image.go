// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"errors"
)

func openFile(ctx context.Context, path string, opts Options) (*Release, error) {
	return nil, errors.New("provisional")
}
