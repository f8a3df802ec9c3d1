// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// programPath is the one program that runs on hosts.
const programPath = "github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/cmd/dcos-sample"

// buildProgram compiles the program that runs on hosts: static, for Linux, the
// same bytes from the same sources. It uses nothing outside the standard
// library and this module, so that nothing has to be fetched.
func buildProgram(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "dcos-sample-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "dcos-sample")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, programPath)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the sample's program: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return os.ReadFile(out)
}
