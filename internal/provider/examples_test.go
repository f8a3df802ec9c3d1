// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestExamplesValidate runs the examples that the documentation shows through
// terraform validate.
func TestExamplesValidate(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	root := filepath.Join("..", "..", "examples")
	version := terraform.New(t).Version()
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "provider", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	lists, err := filepath.Glob(filepath.Join(root, "list-resources", "*", "*.tfquery.hcl"))
	if err != nil || len(lists) == 0 {
		t.Fatalf("no examples of lists: %v", err)
	}
	if version.Query() {
		more = append(more, lists...)
	}
	for _, file := range append(files, more...) {
		if strings.HasPrefix(file, filepath.Join(root, "demo")) || strings.HasPrefix(file, filepath.Join(root, "aws-elb")) {
			continue // sites, which are applied as a whole
		}
		if strings.Contains(file, "by-identity") && !version.Identity() {
			continue
		}
		t.Run(strings.TrimPrefix(file, root+"/"), func(t *testing.T) {
			t.Parallel()
			if strings.Contains(file, "/actions/") && !version.Actions() {
				t.Skip("actions: this client knows none; Terraform 1.14 and later do")
			}
			d := terraform.New(t)
			d.Write("required.tf", terraform.RequiredProviders)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, ".tfquery.hcl") {
				d.Write("provider.tf", `provider "dcos" {}`)
				d.Write("example.tfquery.hcl", string(text))
				d.Run("validate", "-query", "-no-color")
				return
			}
			d.Write("example.tf", string(text))
			if strings.Contains(file, "dcos_node") || strings.Contains(file, "dcos_preflight") || strings.Contains(file, "dcos_cluster/") ||
				strings.Contains(file, "/actions/") {
				// It shows a part of a whole.
				for _, other := range []string{"dcos_cluster_config/resource.tf", "dcos_node/resource.tf"} {
					if strings.HasSuffix(file, other) {
						continue
					}
					text, err := os.ReadFile(filepath.Join(root, "resources", other))
					if err != nil {
						t.Fatal(err)
					}
					d.Write(strings.ReplaceAll(other, "/", "_"), string(text))
				}
			}
			d.Run("validate", "-no-color")
		})
	}
}
