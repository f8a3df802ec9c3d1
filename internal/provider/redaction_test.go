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

// suiteSecret is how a test or an example gives a secret: by an attribute, a
// field, a constant or a variable that is called so.
var suiteSecret = regexp.MustCompile(`(?i)\b\w*(?:password|passphrase|secret|token|credentials)\w*"?\s*(?::=|[:=])\s*("(?:[^"\\]|\\.)*")`)

// TestSuiteSecrets has every secret of the suite found in each of its forms.
func TestSuiteSecrets(t *testing.T) {
	t.Parallel()
	secrets := map[string]bool{testKey(t, ""): true}
	for _, user := range []string{lab.UserPassword, lab.UserNoPassword, lab.UserNoSudo} {
		secrets[lab.Password(user)] = true
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		example := strings.HasSuffix(path, ".tf") && strings.Contains(path, "examples")
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") && !example {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range suiteSecret.FindAllStringSubmatch(string(text), -1) {
			secret, err := strconv.Unquote(m[1])
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
	if len(secrets) < 20 {
		t.Errorf("only %d secrets were found", len(secrets))
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
