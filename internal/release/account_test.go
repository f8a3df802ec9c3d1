// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// TestUnpackAccount reads accounts from packages' tarballs, whatever the order in them.
func TestUnpackAccount(t *testing.T) {
	t.Parallel()
	pack := func(files ...string) []byte {
		var out bytes.Buffer
		compressed, err := xz.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(compressed)
		for i := 0; i < len(files); i += 2 {
			if err := w.WriteHeader(&tar.Header{Name: files[i], Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(files[i+1])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := compressed.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	const both = `{"username": "dcos_docker_gc", "group": "docker", "state_directory": true}`
	for name, c := range map[string]struct {
		tarball []byte
		want    Account
		fails   string
	}{
		"user and group": {pack("./pkginfo.json", both, "./bin/a", "a"), Account{"dcos_docker_gc", "docker"}, ""},
		"at the end":     {pack("bin/a", "a", "lib/pkginfo.json", "{}", "pkginfo.json", both), Account{"dcos_docker_gc", "docker"}, ""},
		"user":           {pack("./pkginfo.json", `{"username": "dcos_a"}`), Account{"dcos_a", ""}, ""},
		"own group":      {pack("./pkginfo.json", `{"username": "dcos_a", "group": "dcos_a"}`), Account{"dcos_a", ""}, ""},
		"neither":        {pack("./pkginfo.json", `{"requires": []}`), Account{}, ""},
		"null":           {pack("./pkginfo.json", `{"username": null}`), Account{}, ""},
		"no pkginfo":     {pack("./bin/a", "a"), Account{}, "it has no pkginfo.json"},
		"no JSON":        {pack("./pkginfo.json", "a"), Account{}, "pkginfo.json: "},
		"no tarball":     {[]byte("a"), Account{}, "EOF"},
	} {
		got, err := unpackAccount(bytes.NewReader(c.tarball))
		if got != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
