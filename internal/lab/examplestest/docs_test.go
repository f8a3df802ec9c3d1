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

// An excerpt is one configuration of a page, by its number from 0.
type excerpt struct {
	page  string
	block int
}

// text returns the excerpt as it stands in the documentation.
func (e excerpt) text(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", e.page))
	if err != nil {
		t.Fatal(err)
	}
	found := docBlocks.FindAllStringSubmatch(string(page), -1)
	if len(found) <= e.block {
		t.Fatalf("%s has %d configurations, and none of number %d", e.page, len(found), e.block)
	}
	return found[e.block][1]
}

// together returns excerpts as one configuration, as they are but for what is
// replaced: pairs of words, of which each first one has to be there.
func together(t *testing.T, excerpts []excerpt, replaced ...string) string {
	t.Helper()
	var all strings.Builder
	for _, e := range excerpts {
		all.WriteString(e.text(t))
	}
	for i := 0; i < len(replaced); i += 2 {
		if !strings.Contains(all.String(), replaced[i]) {
			t.Errorf("%v do not have %s", excerpts, replaced[i])
		}
	}
	return strings.NewReplacer(replaced...).Replace(all.String())
}

// fromDocs makes a directory in which configurations of the documentation are
// applied: key and release are where the pages have them.
func fromDocs(t *testing.T, l *lab.Lab) *terraform.Dir {
	t.Helper()
	d := terraform.New(t)
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

// The user of the pages, and of the hosts.
const pagesUser, hostsUser = `"centos"`, `"` + lab.UserNoPassword + `"`

// TestFrontPage does what the front page of the documentation says, from nothing:
// its first two configurations in one directory, one apply.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	s := newSite(t, l, "front", 0)
	s.remember()
	m := s.masters
	tf := fromDocs(t, l)
	tf.Write("main.tf", together(t, []excerpt{{"index.md", 0}, {"index.md", 1}}, pagesUser, hostsUser,
		"10.0.0.11", m[0].Address, "10.0.0.12", m[1].Address, "10.0.0.13", m[2].Address, "10.0.0.21", s.agents[0].Address))
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
