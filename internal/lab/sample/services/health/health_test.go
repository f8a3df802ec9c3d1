// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package health_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/health"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

const checkConfig = `{
  "cluster_checks": {"c": {"description": "d", "cmd": ["/bin/sh", "-c", "echo cluster"], "timeout": "5s"}},
  "node_checks": {
    "checks": {
      "good": {"description": "d", "cmd": ["sh", "-c", "echo $A"], "timeout": "5s"},
      "warns": {"description": "d", "cmd": ["/bin/sh", "-c", "exit 1"], "timeout": "5s"},
      "bad": {"description": "d", "cmd": ["/bin/sh", "-c", "echo bad; exit 2"], "timeout": "5s"},
      "odd": {"description": "d", "cmd": ["/bin/sh", "-c", "exit 77"], "timeout": "5s"},
      "slow": {"description": "d", "cmd": ["/bin/sh", "-c", "sleep 60"], "timeout": "100ms"},
      "absent": {"description": "d", "cmd": ["no-such-program"], "timeout": "5s"},
      "other": {"description": "d", "cmd": ["/bin/false"], "timeout": "5s", "roles": ["agent"]}
    },
    "prestart": ["good", "other"],
    "poststart": ["good", "warns", "bad", "odd", "slow", "absent", "other"]
  },
  "check_env": {"PATH": "/usr/bin:/bin", "A": "from the environment"}
}`

func testHost(t *testing.T) host.Host {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"dcos-check-config.json": checkConfig, "dcos-check-runner.yaml": "role: master\n"} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return host.Host{Root: dir, Getenv: func(string) string { return "" }}
}

func TestRunner(t *testing.T) {
	t.Parallel()
	h := testHost(t)
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"check node-prestart", 0, `{"status":0,"checks":{"good":{"status":0,"output":"from the environment\n"}}}`},
		{"check cluster", 0, `{"status":0,"checks":{"c":{"status":0,"output":"cluster\n"}}}`},
		{"check node-poststart warns", 1, `{"status":1,"checks":{"warns":{"status":1,"output":""}}}`},
		{"check node-poststart warns bad", 2, `"bad":{"status":2,"output":"bad\n"}`},
		{"check node-poststart odd", 3, `{"status":3,"checks":{"odd":{"status":3,"output":""}}}`},
		{"check node-poststart slow", 3, `longer than 100ms`},
		// The exit code does not tell of checks that could not be run.
		{"check node-poststart absent good", 0, `{"error":"one or more checks failed to execute","checks":["absent: no-such-program is not on`},
		{"check node-poststart nonsense", 0, `"checks":["nonsense"]}`},
		{"check node-poststart other", 0, `"error":`},
		{"check node-prestart --list", 0, `{"good":{"description":"d","cmd":["sh","-c","echo $A"],"timeout":"5s"}}`},
		{"check nonsense", 0, `"error":`},
		{"nonsense", 1, ""},
	} {
		var out, stderr bytes.Buffer
		code := health.Runner(t.Context(), h, strings.Fields(tt.args), &out, &stderr)
		if code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: exit code %d, want %d\n%s%s\nwant %s", tt.args, code, tt.code, &out, &stderr, tt.want)
		}
		if tt.want != "" && !json.Valid(out.Bytes()) {
			t.Errorf("%s: not JSON: %s", tt.args, &out)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	h := testHost(t)
	for args, want := range map[string]int{
		"executable sh":              0,
		"executable no-such-program": 2,
		"ip":                         2, // there is no detect_ip
		"--role master components --port=1 --exclude=a": 2,
		"nonsense": 3,
	} {
		var out bytes.Buffer
		if got := health.Checks(t.Context(), h, strings.Fields(args), &out); got != want {
			t.Errorf("%s: %d, want %d: %s", args, got, want, &out)
		}
	}
}

func TestCheckTimeOff(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := health.CheckTime(testHost(t), &out); code != 0 || out.Len() > 0 {
		t.Errorf("%d %s", code, &out)
	}
}
