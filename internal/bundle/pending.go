// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
)

// ConfigYAML gives a config.yaml from which DC/OS's own generator would read
// the same arguments. It holds secrets.
func (b *Bundle) ConfigYAML() string { return "" }

// InstallScript gives the dcos_install.sh of the bundle.
func (b *Bundle) InstallScript() []byte { return nil }

// UpgradeScript gives the script that upgrades a node from the given version
// by hand.
func (b *Bundle) UpgradeScript(fromVersion string) []byte { return nil }

// Serve writes the serve directory: what a web server at bootstrap_url has to
// offer. Each file is replaced atomically; files of an earlier Serve that this
// bundle does not need are removed, files of others are left alone.
func (b *Bundle) Serve(ctx context.Context, dir string) error { return errors.New("provisional") }
