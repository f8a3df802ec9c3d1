// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// Bootstrapped gives the ids of the packages that are in the bootstrap tarball
// already: a node that unpacks it need not fetch them. A rebuilt release may
// not say; then none is known.
func (b *Bundle) Bootstrapped(ctx context.Context) ([]string, error) {
	return b.bootstrapped.get(func() ([]string, error) { return b.readBootstrapped(ctx) })
}

func (b *Bundle) readBootstrapped(ctx context.Context) (ids []string, err error) {
	path := "bootstrap/" + b.BootstrapID + ".active.json"
	a, err := b.releaseArtifact(ctx, path)
	var missing *release.Error
	if errors.As(err, &missing) && missing.Reason == release.Incomplete {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := a.Open()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	err = json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&ids) // some thirty names
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return ids, nil
}
