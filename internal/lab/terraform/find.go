// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package terraform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// providerName is what a provider's program is called.
const providerName = "terraform-provider-dcos"

// pathVariable names the one to test with. It is plugin-testing's variable.
const pathVariable = "TF_ACC_TERRAFORM_PATH"

// providerVariable names another build of the provider to test with, as one from before
// a fault was mended: a test that is about the fault has to fail with it. What runs in
// the tests' own process is this tree's all the same.
const providerVariable = "DCOS_TEST_PROVIDER"

// find finds the Terraform or OpenTofu to test with.
func find() (string, error) {
	if path := os.Getenv(pathVariable); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("terraform"); err == nil {
		return path, nil
	}
	return exec.LookPath("tofu")
}

// isTofu tells OpenTofu by its name.
func isTofu(path string) bool { return strings.HasPrefix(filepath.Base(path), "tofu") }

// Main runs a test binary's tests, which is what run does. It makes sure that
// terraform-plugin-testing too uses the one that is here and never downloads
// one, and that nothing is noted in the user's own cache. It removes the providers
// that were built.
func Main(run func() int) int {
	set := map[string]string{"DCOS_CACHE_DIRECTORY": filepath.Join(plugins(), "cache")}
	if path, err := find(); err == nil {
		set[pathVariable] = path
		if isTofu(path) {
			set["TF_ACC_PROVIDER_HOST"] = "registry.opentofu.org"
		}
	}
	for name, value := range set {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := run()
	if err := os.RemoveAll(plugins()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Require returns the path of the Terraform or OpenTofu to test with. Where there
// is none the test is skipped. In CI that is a failure. With -short it is skipped
// too: a run of the real Terraform takes seconds.
func Require(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real Terraform, which -short leaves out")
	}
	path, err := find()
	switch {
	case err == nil:
		// plugin-testing would download one otherwise.
		if os.Getenv(pathVariable) == "" {
			t.Fatalf("TestMain did not set %s", pathVariable)
		}
	case os.Getenv("CI") == "true":
		t.Fatalf("neither terraform nor tofu is on PATH: %v", err)
	default:
		t.Skip("neither terraform nor tofu is on PATH")
	}
	return path
}

// plugins is where this test binary puts the providers that it builds.
func plugins() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf(providerName+"-test-%d", os.Getpid()))
}

// built builds the provider once per test binary, or takes the one that
// providerVariable names, and gives its address in the registry.
var built = sync.OnceValues(func() (address string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(plugins(), providerName)
	if other := os.Getenv(providerVariable); other != "" {
		err = put(other, binary)
	} else {
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Dir = root
		var out []byte
		if out, err = build.CombinedOutput(); err != nil {
			err = fmt.Errorf("building the provider: %w: %s", err, out)
		}
	}
	if err != nil {
		return "", err
	}
	out, err := exec.Command(binary, "-address").Output()
	return strings.TrimSpace(string(out)), err
})

// put copies a program.
func put(from, to string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("%s: %w", providerVariable, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o755)
}

// Root is the directory of this tree.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("there is no go.mod above the working directory")
		}
		dir = up
	}
}

// WithoutRegistry is a provider's address without the registry's host, for
// which Terraform and OpenTofu each have their own.
func WithoutRegistry(address string) string {
	return strings.TrimPrefix(address, "registry.terraform.io/")
}
