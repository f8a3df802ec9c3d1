// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A writtenState is a state as Terraform writes it, as far as it is looked at here.
type writtenState struct {
	Resources []struct {
		Type, Name string
		Instances  []struct {
			Version    int64           `json:"schema_version"`
			Attributes json.RawMessage `json:"attributes"`
			Private    []byte          `json:"private"`
		}
	}
}

// each goes over the instances of resources.
func (s writtenState) each(
	t *testing.T, do func(kind string, version int64, attributes json.RawMessage, private map[string]json.RawMessage),
) {
	t.Helper()
	for _, r := range s.Resources {
		for _, i := range r.Instances {
			private := map[string][]byte{}
			if len(i.Private) > 0 {
				if err := json.Unmarshal(i.Private, &private); err != nil {
					t.Fatalf("%s.%s: %v", r.Type, r.Name, err)
				}
			}
			raw := map[string]json.RawMessage{}
			for key, value := range private {
				raw[key] = value
			}
			do(r.Type, i.Version, i.Attributes, raw)
		}
	}
}

func readState(t *testing.T, path string) (s writtenState) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, path)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFormerVersion goes from each version that is kept to this one and back, as far
// as that can be held without building it: its nodes, on simulated hosts as it left
// them, and its state have an empty plan, get their claims with the first change, and
// what this version has written into the state by then can be read by that one's
// schemas.
func TestFormerVersion(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	all, err := filepath.Glob(filepath.Join("testdata", "states", "nodes-*.tf"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no version is kept: %v", err)
	}
	for _, former := range all {
		t.Run(filepath.Base(former), func(t *testing.T) { thereAndBack(t, former) })
	}
}

// schemasOf is the file with the schemas of the version that a configuration is of.
func schemasOf(configuration string) string {
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(configuration), "nodes-"), ".tf")
	return filepath.Join(filepath.Dir(configuration), "schemas-"+version+".json")
}

func thereAndBack(t *testing.T, former string) {
	t.Helper()
	configuration, state := readFile(t, former), readFile(t, former+"state")
	s := newSimSite(t, simhosts.Options{})
	s.tf.Env = append(s.tf.Env, "DCOS_SSH_PORT="+strconv.Itoa(s.fleet.Port()), "DCOS_SSH_PRIVATE_KEY="+readFile(t, s.key),
		"DCOS_RUN_LOG=run.jsonl")
	installed := s.installFormer(t, readState(t, former+"state"))
	write := func(configuration string) {
		s.tf.Write("main.tf", terraform.RequiredProviders+configuration)
	}
	write(configuration)
	s.tf.Write("terraform.tfstate", state)
	s.thrownAway()
	s.tf.NoChanges()
	noValueChanges(t, s.tf.Plan("-refresh=false"))
	for _, address := range installed {
		if n := s.fleet.Node(address); n.Claim != "" || !n.Installed {
			t.Errorf("a plan has made %s %+v", address, n)
		}
	}

	// The first change writes claims.
	if err := os.Symlink(sampleRelease(t, samplerelease.V22), filepath.Join(s.tf.Path, "dcos_generate_config.sh")); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(configuration, "oauth_enabled", "ui_banner_header_title = jsonencode(\"changed\")\n  oauth_enabled", 1)
	write(changed)
	s.thrownAway()
	s.tf.Apply()
	s.tf.NoChanges()
	s.neverUninstalled()
	s.claimed(installed, 2)
	formerReads(t, schemasOf(former), filepath.Join(s.tf.Path, "terraform.tfstate"))

	// What goes from a former version's state goes from its hosts.
	write(strings.ReplaceAll(changed, `"abandon"`, `"uninstall"`))
	s.tf.Apply()
	s.tf.Destroy()
	for _, address := range installed {
		if n := s.fleet.Node(address); n != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", address, n)
		}
	}
}

// claimed holds that hosts are those of so many resources.
func (s *simSite) claimed(addresses []string, resources int) {
	s.t.Helper()
	claims := map[string]string{}
	for _, address := range addresses {
		claim, _, _ := strings.Cut(s.fleet.Node(address).Claim, "\nrun=")
		if claim == "" {
			s.t.Errorf("%s has no claim", address)
		}
		claims[claim] += address + " "
	}
	if len(claims) != resources {
		s.t.Errorf("the claims of %d resources are %v", resources, claims)
	}
}

// installFormer makes the hosts of a state what the version that wrote it had made
// them, by what it noted of them, and gives their addresses.
func (s *simSite) installFormer(t *testing.T, state writtenState) (addresses []string) {
	t.Helper()
	state.each(t, func(kind string, _ int64, attributes json.RawMessage, private map[string]json.RawMessage) {
		var model struct {
			Address, Role string
			Version       string `json:"dcos_version"`
			Bundle        struct {
				Cluster string `json:"cluster_name"`
				Version string `json:"dcos_version"`
			}
			Nodes map[string]struct {
				Address string `json:"detected_ip"`
			}
		}
		if kind != "dcos_node" && kind != "dcos_node_pool" {
			return
		}
		if err := json.Unmarshal(attributes, &model); err != nil {
			t.Fatal(err)
		}
		e, err := readExpectation(private[expectedKey])
		if err != nil {
			t.Fatal(err)
		}
		b := e.bundle()
		i := simhosts.Installation{Cluster: model.Bundle.Cluster, Version: model.Bundle.Version, Packages: b.PackageIDs,
			Files: map[string]string{}, Role: map[string]string{"agent": "slave", "public_agent": "slave_public", "master": "master"}[model.Role]}
		for _, f := range b.HostFiles() {
			i.Files[f.Path] = fmt.Sprintf("%x %o", sha256.Sum256(f.Content), f.Mode)
		}
		for _, u := range b.Units {
			if u.Enable {
				i.Units = append(i.Units, u.Name)
			}
		}
		of := []string{model.Address}
		for _, h := range model.Nodes {
			of = append(of, h.Address)
		}
		for _, address := range slices.DeleteFunc(of, func(a string) bool { return a == "" }) {
			s.fleet.Install(address, i)
			addresses = append(addresses, address)
		}
	})
	if len(addresses) < 4 {
		t.Fatalf("of hosts the state has %v", addresses)
	}
	return addresses
}

// A formerSchema is how a version saw a resource's state.
type formerSchema struct {
	Version int64           `json:"version"`
	Type    json.RawMessage `json:"type"` // as Terraform writes types
}

// formerReads fails unless the former version can read a state: Terraform refuses
// one of a newer schema version, the framework leaves out attributes that a schema
// does not have, and what remains must be of the types that it has.
func formerReads(t *testing.T, schemasPath, path string) {
	t.Helper()
	var schemas map[string]formerSchema
	if err := json.Unmarshal([]byte(readFile(t, schemasPath)), &schemas); err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	readState(t, path).each(t, func(kind string, version int64, attributes json.RawMessage, private map[string]json.RawMessage) {
		former, ok := schemas[kind]
		if !ok || version > former.Version {
			t.Errorf("%s: the state is of version %d, the former version of the provider has %+v", kind, version, former.Version)
			return
		}
		as, err := tftypes.ParseJSONType(former.Type) //nolint:staticcheck // the only reader of such types
		if err != nil {
			t.Fatal(err)
		}
		raw := tfprotov6.RawState{JSON: attributes}
		opts := tfprotov6.UnmarshalOpts{ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true}}
		value, err := raw.UnmarshalWithOpts(as, opts)
		if err != nil {
			t.Errorf("%s: the former version of the provider cannot read: %v", kind, err)
			return
		}
		if !value.IsFullyKnown() || value.IsNull() {
			t.Errorf("%s: it reads %s", kind, value)
		}
		read[kind]++
		if kind == "dcos_cluster_config" {
			return
		}
		if e, err := readExpectation(private[expectedKey]); err != nil || len(e.PackageIDs) == 0 {
			t.Errorf("%s: what was installed is not where the former version looks for it: %v", kind, err)
		}
	})
	for kind := range schemas {
		if read[kind] == 0 {
			t.Errorf("no state of %s was read", kind)
		}
	}
}

// writeSchemas keeps the schemas of this version for the next one's test.
func writeSchemas(t *testing.T, path string) {
	t.Helper()
	served, err := NewServer("", nil)().GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]formerSchema{}
	for kind, schema := range served.ResourceSchemas {
		text, err := schema.ValueType().MarshalJSON() //nolint:staticcheck // the only writer of types as Terraform writes them
		if err != nil {
			t.Fatal(err)
		}
		schemas[kind] = formerSchema{schema.Version, text}
	}
	text, err := json.MarshalIndent(schemas, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
