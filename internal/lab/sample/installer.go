// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
)

// wrapperScript is the image's entry point. A release's runs the generator;
// this one only holds what readers look for in it.
func wrapperScript(version Version, bootstrapID string) []byte {
	return fmt.Appendf(nil, `#!/bin/sh
# The sample release has no generator: the provider renders its templates.
set -eu
export DCOS_IMAGE_COMMIT=%s
export BOOTSTRAP_ID=%s
export BOOTSTRAP_VARIANT=
export INSTALLER_ARGV0="dcos_generate_config.sh"
echo "sample release %s: there is no generator in this image" >&2
exit 1
`, version.commit(), bootstrapID, version)
}

// writeInstaller writes dcos_generate_config.sh: a script, a mark, and a tar
// archive with the image.
func writeInstaller(path string, im *image) error {
	var saved, file bytes.Buffer
	if err := im.save(&saved); err != nil {
		return err
	}
	name := "dcos-genconf." + im.tag + ".tar"
	fmt.Fprintf(&file, `#!/bin/bash
# variant: None
#
# A sample release. Like a real one this script unpacks the image after the
# mark below, loads it into Docker and runs it on ./genconf.
set -o errexit -o nounset -o pipefail
docker version >/dev/null 2>&1 || { echo >&2 "this needs Docker, and it does not answer"; exit 1; }
if [ ! -f %[1]s ]; then
    sed '1,/^#EOF#$/d' "$0" | tar x
    docker load -i %[1]s >&2
fi
mkdir -p genconf/state
docker run --rm --name="${DCOS_INSTALLER_CONTAINER_NAME:-%[1]s}" -i -v "$(pwd)/genconf/:/genconf" %[2]s:%[3]s "$@"
exit 0

#EOF#
`, name, im.repository, im.tag)
	tw := tar.NewWriter(&file)
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(saved.Len()), ModTime: epoch,
		Format: tar.FormatGNU}); err != nil {
		return err
	}
	if _, err := saved.WriteTo(tw); err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, file.Bytes(), 0o755)
}
