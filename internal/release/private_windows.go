// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import "os"

// PrivateDirectory makes a directory, with what is missing above it. It has the
// access list of the directory above it, which below a user's profile lets no
// other user in; modes say nothing here. A directory that cannot be made is
// none: who needs it finds out.
func PrivateDirectory(dir string) error {
	_ = os.MkdirAll(dir, 0o700) // as said above
	return nil
}
