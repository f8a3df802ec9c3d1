// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lay writes the release into an empty directory, in the layout of an unpacked
// image; extra are the files of its gen_extra, if any.
func (r Release) Lay(t testing.TB, dir string, extra map[string]string) {
	t.Helper()
	complete, err := json.Marshal(map[string]any{"bootstrap": r.BootstrapID, "packages": r.Packages})
	if err != nil {
		t.Fatal(err)
	}
	gen := "opt/mesosphere/packages/dcos-image--x/lib/python3.6/site-packages/gen/"
	files := map[string]string{
		"installer_internal_wrapper": "export DCOS_IMAGE_COMMIT=" + r.Commit + "\nexport BOOTSTRAP_ID=" +
			r.BootstrapID + "\nexport BOOTSTRAP_VARIANT=\n",
		"artifacts/complete/complete.latest.json":                    string(complete),
		"artifacts/bootstrap/" + r.BootstrapID + ".active.json":      "[]",
		"artifacts/bootstrap/" + r.BootstrapID + ".bootstrap.tar.xz": "bootstrap",
		gen + "calc.py": "DCOS_VERSION = '" + r.Tag + "'\nentry = {'must': {'dcos_version': DCOS_VERSION}}\n",
	}
	for _, id := range r.Packages {
		name, _, _ := strings.Cut(id, "--")
		files["artifacts/packages/"+name+"/"+id+".tar.xz"] = id
	}
	for name, text := range r.Templates {
		files[gen+name] = text
	}
	for name, text := range extra {
		files["gen_extra/"+name] = text
	}
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
