// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// docBlocks matches the configurations of a page of documentation.
var docBlocks = regexp.MustCompile("(?ms)^```terraform\n(.*?)^```") //nolint:gocritic // (?m): ^ is where a line begins

// fromDocs writes the first so many configurations of a page into a directory, as
// they are but for addresses and the user's name. Key and release are where the
// page has them.
func fromDocs(t *testing.T, l *lab.Lab, page string, blocks int, replaced ...string) *terraform.Dir {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	found := docBlocks.FindAllStringSubmatch(string(text), blocks)
	if len(found) != blocks {
		t.Fatalf("%s has %d configurations, and not %d", page, len(found), blocks)
	}
	replaced = append(replaced, `"centos"`, `"`+lab.UserNoPassword+`"`)
	for i := 0; i < len(replaced); i += 2 {
		if !strings.Contains(string(text), replaced[i]) {
			t.Errorf("%s does not have %s", page, replaced[i])
		}
	}
	d := terraform.New(t)
	var all strings.Builder
	for _, b := range found {
		all.WriteString(strings.NewReplacer(replaced...).Replace(b[1]))
	}
	d.Write("main.tf", all.String())
	key, err := os.ReadFile(l.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	ssh := filepath.Join(d.Path, ".ssh")
	if err := os.Mkdir(ssh, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ssh, "id_ed25519"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(sampleRelease(t), filepath.Join(d.Path, "dcos_generate_config.sh")); err != nil {
		t.Fatal(err)
	}
	d.Env = append(d.Env, "HOME="+d.Path)
	return d
}

// TestFrontPage does what the front page of the documentation says, from nothing:
// its first two configurations in one directory, one apply.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	s := newSite(t, l, "front", 0)
	s.remember()
	m := s.masters
	tf := fromDocs(t, l, "index.md", 2, "10.0.0.11", m[0].Address, "10.0.0.12", m[1].Address, "10.0.0.13", m[2].Address,
		"10.0.0.21", s.agents[0].Address)
	tf.Apply()
	whole(t, m[0].Address, 3, 1)
	var leader string
	if tf.Output("leader", &leader); leader == "" {
		t.Error("there is no leader")
	}
	tf.NoChanges()
	tf.Destroy()
	s.clean()
}
