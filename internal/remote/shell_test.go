// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A long script is whole however it is read, and what comes behind it is left
// for it: by dd, and a line at a time where dd does not know fullblock.
func TestStarterReads(t *testing.T) {
	dir := t.TempDir()
	// As dd of BusyBox before 1.23 says it.
	old := "#!/bin/sh\necho \"$*\" >>" + dir + "/asked\necho \"dd: invalid argument 'fullblock'\" >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "dd"), []byte(old), 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(": a line of a script that is long enough for dd, and ends in blanks  \n", 100) +
		"echo begin\nIFS= read -r x\necho \"[$x]\"\n"
	for name, path := range map[string]string{"a dd": os.Getenv("PATH"), "an old dd": dir + ":" + os.Getenv("PATH")} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", path)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", remote.CommandLine("w1"))
			cmd.Stdin = bytes.NewReader(append(remote.Message("w1", text), "what is behind\n"...))
			out, err := cmd.Output()
			if want := "w1+\nbegin\n[what is behind]\n"; err != nil || string(out) != want {
				t.Errorf("have %q, want %q (%v)", out, want, err)
			}
		})
	}
	if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || !strings.Contains(string(asked), "fullblock") {
		t.Errorf("the old dd was asked %q (%v)", asked, err)
	}
}
