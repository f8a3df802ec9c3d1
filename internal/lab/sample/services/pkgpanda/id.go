// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	namePattern    = regexp.MustCompile(`^[a-zA-Z0-9@_+][a-zA-Z0-9@._+-]*$`)
	versionPattern = regexp.MustCompile(`^[a-zA-Z0-9@_+:.]+$`)
)

// An ID is a package's name and version.
type ID struct{ Name, Version string }

// ParseID reads NAME--VERSION.
func ParseID(s string) (ID, error) {
	name, version, ok := strings.Cut(s, "--")
	switch {
	case !ok || strings.Contains(version, "--"):
		return ID{}, fmt.Errorf("package id %q must have exactly one -- between name and version", s)
	case !namePattern.MatchString(name):
		return ID{}, fmt.Errorf("package id %q has a bad name", s)
	case !versionPattern.MatchString(version):
		return ID{}, fmt.Errorf("package id %q has a bad version", s)
	}
	return ID{Name: name, Version: version}, nil
}

func (id ID) String() string { return id.Name + "--" + id.Version }
