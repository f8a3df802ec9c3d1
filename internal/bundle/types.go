// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import "io/fs"

// A File is one rendered file of a package, or one setup file.
type File struct {
	Path    string // absolute; within a package, from the package's root
	Mode    fs.FileMode
	Content []byte
	// Sealed says that the content, which holds a secret, is left out. Such a
	// file can be compared, with what was written, and not be installed.
	Sealed bool `json:",omitempty"`
}

// A Package is one of the packages that belong to a site, not to a release.
type Package struct {
	Name  string // "dcos-config"
	ID    string // "dcos-config--setup_<config id>"
	Files []File // sorted by path
}

// A Unit is a systemd unit that the installer writes, enables or commands.
type Unit struct {
	Name    string
	Command string // start, restart or nothing
	Enable  bool
	NoBlock bool
	Content string // empty: the unit is only commanded
}
