// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog/redacttest"
)

// suiteSecret is how a test, the lab, an example or a page gives a secret: by an
// attribute, a field, a constant or a variable that is called so, or by a word that
// calls itself one.
var suiteSecret = regexp.MustCompile(`(?i)\b\w*(?:password|passphrase|secret|token|credentials)\w*"?\s*(?::=|[:=])\s*("(?:[^"\\]|\\.)*")|` +
	`("[^"\\\s%]*(?:password|passphrase|secret|token|hunter2)[^"\\\s%]*")`)

// givesSecrets reports whether a file is one of those that give secrets.
func givesSecrets(path string) bool {
	switch path = filepath.ToSlash(path); filepath.Ext(path) {
	case ".go":
		return strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/lab/") || strings.Contains(path, "/remotetest/")
	case ".tf", ".hcl", ".md", ".tmpl":
		return true
	}
	return false
}

// TestSuiteSecrets has every secret of the suite found in each of its forms.
func TestSuiteSecrets(t *testing.T) {
	t.Parallel()
	secrets := map[string]bool{testKey(t, ""): true}
	for _, user := range []string{lab.UserPassword, lab.UserNoPassword, lab.UserNoSudo} {
		secrets[lab.Password(user)] = true
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !givesSecrets(path) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range suiteSecret.FindAllStringSubmatch(string(text), -1) {
			secret, err := strconv.Unquote(m[1] + m[2])
			if err == nil && len(strings.TrimSpace(secret)) >= 4 && !strings.Contains(secret, "\n") {
				secrets[secret] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(secrets, "")
	// Those that the tests with real hosts look for wherever they may have got to are among them.
	for _, known := range []string{"passphrase-7f3a91", "exhibitor-password-4c77d0", "api-token-e19b52", "lab-s3-secret",
		"ZG9ja2VyOmRvY2tlci1wYXNzd29yZC01ZQ=="} {
		if !secrets[known] {
			t.Errorf("%q was not found", known)
		}
	}
	t.Logf("%d secrets", len(secrets))
	for secret := range secrets {
		r := runlog.NewRedactor()
		r.Add(secret)
		if !strings.Contains(secret, "\n") {
			redacttest.Check(t, r, secret)
			// As a parameter it may be a part of JSON.
			text, err := json.Marshal(map[string]any{"auths": []any{secret}})
			if err != nil {
				t.Fatal(err)
			}
			r = runlog.NewRedactor()
			r.Add(string(text))
			redacttest.Check(t, r, secret)
			continue
		}
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= 4 && !strings.HasPrefix(line, "-----") {
				redacttest.Check(t, r, line)
			}
		}
	}
}
