// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// programFiles are the sources of the one program that runs on hosts. It is
// built from them as they were when this package was compiled, so that it does
// not matter where a test or a command is run. They use nothing outside the
// standard library and themselves.
//
//go:embed cmd services
var programFiles embed.FS

const (
	modulePath  = "github.com/dcos-install/terraform-provider-dcos"
	packagePath = "internal/lab/sample"
	// goVersion is the language version of the sources, as in go.mod.
	goVersion = "1.26.0"
)

// buildProgram compiles the program that runs on hosts: static, for Linux, the
// same bytes from the same sources.
func buildProgram(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "dcos-sample-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sources := tree{}
	sources.file("go.mod", fmt.Appendf(nil, "module %s\n\ngo %s\n", modulePath, goVersion))
	if err := eachSource(func(name string, text []byte) {
		sources.file(packagePath+"/"+name, text)
	}); err != nil {
		return nil, err
	}
	if err := sources.write(dir); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "dcos-sample")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out,
		"./"+packagePath+"/cmd/dcos-sample")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the sample's program: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return os.ReadFile(out)
}

// eachSource calls f with every source file but those of tests.
func eachSource(f func(name string, text []byte)) error {
	return fs.WalkDir(programFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := programFiles.ReadFile(name)
		if err != nil {
			return err
		}
		f(name, text)
		return nil
	})
}
