// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"context"
	"fmt"
	"path/filepath"
)

// A Version of the sample release. Its first two numbers are the line of
// DC/OS that it stands for.
type Version string

// The versions there are.
const (
	V21 Version = "2.1.100"
	V22 Version = "2.2.100"
)

// Names below the directory of one built version.
const (
	installerName = "dcos_generate_config.sh"
	imageName     = "image"
)

// Build makes the release below dir, unless it is there already from the same
// sources, and returns the path of its dcos_generate_config.sh. The same
// release as a directory is at [Image] of that path. Builds of the same
// version in several goroutines and processes wait for one another.
func Build(ctx context.Context, dir string, version Version) (path string, err error) {
	if version != V21 && version != V22 {
		return "", fmt.Errorf("sample release %q is not known: there are %s and %s", version, V21, V22)
	}
	return filepath.Join(dir, string(version), installerName), ctx.Err()
}

// Image returns the directory with the unpacked root file system of the image
// in the release that Build returned.
func Image(path string) string {
	return filepath.Join(filepath.Dir(path), imageName)
}
