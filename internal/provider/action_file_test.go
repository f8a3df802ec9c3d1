// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// readArchive gives an archive's files by name.
func readArchive(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}

// An archive is there as a whole, for its owner alone, or not at all, and never in the place of
// another file.
func TestArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tar.gz")
	entries := func() int {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	diags := inArchive(t.Context(), path, func(a *archive) error {
		if _, err := os.Stat(path); err == nil {
			t.Error("it is there before it is whole")
		}
		return a.add("m1/x", "text")
	})
	if diags.HasError() || readArchive(t, path)["m1/x"] != "text" {
		t.Errorf("%v", diags)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// One that has come to be there meanwhile.
	other := filepath.Join(dir, "b.tar.gz")
	diags = inArchive(t.Context(), other, func(*archive) error { return os.WriteFile(other, []byte("somebody's"), 0o600) })
	if text := readFile(t, other); !diags.HasError() || text != "somebody's" || !strings.Contains(diags[0].Detail(), "nothing is written "+
		"over") {
		t.Errorf("%q, %v", text, diags)
	}
	// One that failed.
	diags = inArchive(t.Context(), filepath.Join(dir, "c.tar.gz"), func(*archive) error { return errors.New("the disk is full") })
	if !diags.HasError() || diags[0].Summary() != "File Not Written" || entries() != 2 {
		t.Errorf("%v; %d files", diags, entries())
	}
	for name, want := range map[string]string{path: "File Is There Already", filepath.Join(dir, "no", "c.tar.gz"): "File Not Writable"} {
		if diags := checkFile(types.StringValue(name)); len(diags) != 1 || diags[0].Summary() != want {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

// What looks like a secret is redacted, whoever's it is; what only talks of one is not.
func TestSecretLooks(t *testing.T) {
	t.Parallel()
	r := &actionRun{shared: &shared{}}
	for text, want := range map[string]string{
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----": "-----BEGIN RSA PRIVATE KEY-----(redacted)-----END RSA " +
			"PRIVATE KEY-----",
		"Authorization: token=eyJhbGciOi.x, next":  "Authorization: token=(redacted), next",
		`{"password": "hunter2", "user": "x"}`:     `{"password": "(redacted)", "user": "x"}`,
		"GET /login?user=x&password=hunter2&y=1":   "GET /login?user=x&password=(redacted)&y=1",
		"the password was wrong, the token is old": "the password was wrong, the token is old",
	} {
		if got := r.redact(text); got != want {
			t.Errorf("%s becomes %s", text, got)
		}
	}
}
