// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/aws"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/secretstore"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A docBlock is a piece of HCL in the documentation.
type docBlock struct{ where, text string }

var (
	docFence    = regexp.MustCompile("(?ms)^```(?:terraform|hcl)\n(.*?)^```") //nolint:gocritic // (?m): ^ is where a line begins
	docDeclared = regexp.MustCompile(`(?m)^resource "(dcos_\w+)" "(\w+)"`)
	docReferred = regexp.MustCompile(`\b(dcos_cluster_config|dcos_node_pool|dcos_node)\.(\w+)`)
	docRoot     = regexp.MustCompile(`(?m)^(import|variable) `)
	docIdentity = regexp.MustCompile(`(?m)^ +identity = `)
	docAction   = regexp.MustCompile(`(?m)^action |^ +action_trigger `)
	docList     = regexp.MustCompile(`(?m)^list "`)
	docComment  = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	docAWS      = regexp.MustCompile(`\b(aws_(?:instance|elb|s3_bucket))\.(\w+)`)
	docFrom     = regexp.MustCompile(`(?m)^\s*from\s*=.*$`)
)

// TestDocsValidate runs every HCL block of the documentation through terraform
// validate. What a block refers to and does not have is put beside it; for the
// providers of others there are stand-ins.
func TestDocsValidate(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	version := d.Version()
	// What the blocks read.
	for name, text := range map[string]string{
		".ssh/id_ed25519": "key\n", "genconf/ip-detect": "#!/bin/sh\n", "genconf/ssh_key": "key\n",
		"genconf/config.yaml": "cluster_name: main\nmaster_discovery: static\nmaster_list: [10.0.0.11]\nexhibitor_storage_backend: static\n" +
			"resolvers: [10.0.0.2]\nagent_list: [10.0.0.21]\nssh_user: centos\n",
	} {
		mustWrite(t, filepath.Join(d.Path, name), text)
	}
	d.Env = append(d.Env, "HOME="+d.Path)
	var root strings.Builder
	checked, own := 0, 0
	for _, b := range docBlocks(t) {
		if docAction.MatchString(b.text) && !version.Actions() {
			t.Logf("%s: not validated, since this client knows no actions", b.where)
			continue
		}
		if strings.Contains(b.text, "ephemeral") && !version.Ephemeral() || docIdentity.MatchString(b.text) && !version.Identity() ||
			docList.MatchString(b.text) && !version.Query() {
			continue
		}
		checked++
		if docList.MatchString(b.text) { // of a file of its own kind
			query := terraform.New(t)
			query.Write("provider.tf", terraform.RequiredProviders+`provider "dcos" {}`)
			query.Write("block.tfquery.hcl", "# "+b.where+"\n"+b.text)
			query.Run("validate", "-query", "-no-color")
			continue
		}
		code := docComment.ReplaceAllString(b.text, "")
		inAWS, workloads := strings.Contains(code, "aws_"), strings.Contains(code, `"mesosphere/dcos"`)
		// Only a root module may import, only its variables need no values, and
		// one Terraform takes one stand-in.
		if inAWS || workloads || docRoot.MatchString(code) {
			own++
			alone := terraform.New(t)
			alone.Env = append(alone.Env, "HOME="+d.Path)
			switch {
			case inAWS:
				alone.Env = append(alone.Env, aws.ServeSchemas(t))
			case workloads:
				alone.Env = append(alone.Env, terraform.Serve(t, "mesosphere/dcos", secretstore.New(nil)))
			}
			alone.Write("block.tf", "# "+b.where+"\n"+b.text)
			alone.Write("beside.tf", besides(b.text))
			if strings.Contains(code, `"./aws-elb/`) { // it calls a part of the example
				if err := os.CopyFS(filepath.Join(alone.Path, "aws-elb"), os.DirFS(filepath.Join("..", "..", "examples", "aws-elb"))); err != nil {
					t.Fatal(err)
				}
				alone.Run("get")
			}
			alone.Run("validate", "-no-color")
			continue
		}
		name := fmt.Sprintf("block%d", checked)
		if err := os.Mkdir(filepath.Join(d.Path, name), 0o700); err != nil {
			t.Fatal(err)
		}
		d.Write(filepath.Join(name, "block.tf"), "# "+b.where+"\n"+b.text)
		d.Write(filepath.Join(name, "beside.tf"), besides(b.text))
		fmt.Fprintf(&root, "module %q {\n  source = \"./%s\"\n}\n", name, name)
	}
	t.Logf("%d blocks validated, %d of them alone", checked, own)
	if checked < 25 || own < 5 {
		t.Errorf("only %d blocks were found to validate, and %d to validate alone", checked, own)
	}
	d.Write("main.tf", root.String())
	d.Run("get")
	d.Run("validate", "-no-color")
}

// TestDocsHostKeys holds that the host keys in the documentation are keys, with
// which an example can be tried.
func TestDocsHostKeys(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, b := range docBlocks(t) {
		for _, key := range regexp.MustCompile(`"(ssh-ed25519 [^"]+)"`).FindAllStringSubmatch(b.text, -1) {
			seen++
			if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key[1])); err != nil {
				t.Errorf("%s: %s: %v", b.where, key[1], err)
			}
		}
	}
	if seen == 0 {
		t.Error("there are none")
	}
}

// TestModulesTable holds that the table for those who come from the
// dcos-terraform modules has each variable once, and names attributes that
// there are.
func TestModulesTable(t *testing.T) {
	t.Parallel()
	page := readFile(t, filepath.Join("..", "..", "templates", "guides", "from-dcos-terraform.md"))
	var schema resource.SchemaResponse
	newClusterConfigResource().Schema(t.Context(), resource.SchemaRequest{}, &schema)
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (.+) \\|$").FindAllStringSubmatch(page, -1) {
		if seen[row[1]] {
			t.Errorf("%s is there twice", row[1])
		}
		seen[row[1]] = true
		if name := strings.Trim(row[2], "`"); len(name) == len(row[2])-2 && !strings.ContainsAny(name, "` .") {
			if _, found := schema.Schema.Attributes[name]; !found {
				t.Errorf("%s: there is no attribute %s", row[1], name)
			}
		}
	}
	if len(seen) < 183 {
		t.Errorf("only %d of the modules' variables are there", len(seen))
	}
}

// docBlocks finds the blocks, each once.
func docBlocks(t *testing.T) []docBlock {
	t.Helper()
	var blocks []docBlock
	root := filepath.Join("..", "..")
	add := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range docFence.FindAllStringSubmatch(string(text), -1) {
			if !slices.ContainsFunc(blocks, func(b docBlock) bool { return b.text == m[1] }) {
				blocks = append(blocks, docBlock{path, m[1]})
			}
		}
		return nil
	}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		return add(path)
	})
	if err == nil {
		err = add(filepath.Join(root, "README.md"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// besides declares what a block refers to.
func besides(text string) string {
	var b strings.Builder
	if !strings.Contains(text, "required_providers") {
		b.WriteString(terraform.RequiredProviders)
	}
	declared := map[string]bool{}
	for _, m := range docDeclared.FindAllStringSubmatch(text, -1) {
		declared[m[1]+"."+m[2]] = true
	}
	// What a removed block names must not be declared.
	config := false
	for _, m := range docReferred.FindAllStringSubmatch(docFrom.ReplaceAllString(text, ""), -1) {
		if declared[m[0]] {
			continue
		}
		declared[m[0]] = true
		if m[1] == "dcos_node_pool" {
			fmt.Fprintf(&b, "resource \"dcos_node_pool\" %q {\n  hosts  = {}\n  role   = \"agent\"\n"+
				"  bundle = dcos_cluster_config.beside.bundle\n}\n", m[2])
			config = true
			continue
		}
		if m[1] == "dcos_node" {
			each := ""
			if strings.Contains(text, m[0]+"[") || docAction.MatchString(text) {
				each = "  for_each = toset([\"m1\"])\n"
			}
			fmt.Fprintf(&b, "resource \"dcos_node\" %q {\n"+each+"  address = \"10.0.0.1\"\n  role    = \"master\"\n"+
				"  bundle  = dcos_cluster_config.beside.bundle\n}\n", m[2])
			config = true
			continue
		}
		b.WriteString(besideConfig(m[2]))
	}
	for _, m := range docAWS.FindAllStringSubmatch(docComment.ReplaceAllString(text, ""), -1) {
		if declared[m[0]] {
			continue
		}
		declared[m[0]] = true
		each := ""
		if m[1] == "aws_instance" {
			each = "  for_each = toset([\"m1\"])\n"
		}
		fmt.Fprintf(&b, "resource %q %q {\n%s}\n", m[1], m[2], each)
	}
	if config {
		b.WriteString(besideConfig("beside"))
	}
	return b.String()
}

func besideConfig(name string) string {
	return fmt.Sprintf("resource \"dcos_cluster_config\" %q {\n  release = { source = \"dcos_generate_config.sh\" }\n}\n", name)
}
