// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package rexray

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// REX-Ray starts with both of DC/OS's configurations, and knows of no volumes without Amazon's.
func TestVolumes(t *testing.T) {
	t.Parallel()
	for text, driver := range map[string]string{
		"rexray:\n  loglevel: info\n  modules:\n    default-docker:\n      disabled: true\n  service: vfs\n": "vfs",
		"rexray:\n  loglevel: info\n  service: ebs\nlibstorage:\n  server:\n    tasks:\n":                    "ebs",
		"rexray: {}\n": "",
	} {
		h := host.Host{Root: t.TempDir()}
		if err := os.MkdirAll(filepath.Dir(h.Etc("a")), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.Etc("rexray.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it runs until it is stopped
		if err := Main(ctx, h, []string{"start", "-f"}, os.Stderr); (err != nil) != (driver == "") {
			t.Errorf("%q: start: %v", text, err)
		}
		var out strings.Builder
		err := Main(ctx, h, []string{"volume", "ls"}, &out)
		if (err != nil) != (driver != "vfs") || out.Len() > 0 {
			t.Errorf("%q: volumes: %q, %v", text, &out, err)
		}
	}
}
