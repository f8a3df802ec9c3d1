// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestStageMessages holds the title of a failure in each stage, and that the
// stage and the host are in the text.
func TestStageMessages(t *testing.T) {
	t.Parallel()
	w := &shared{redactor: runlog.NewRedactor()}
	agent := fleet.Host{Target: remote.Target{Address: "10.0.0.1"}, Role: node.Agent}
	for stage, want := range map[string]string{
		"inspect": "Host Could Not Be Inspected", "cloud-init": "Cloud-Init Did Not Finish", "preflight": "Preflight Failed",
		"transfer": "Transfer Failed", "postflight": "Node Did Not Come Up", "drain": "Agent Could Not Be Drained",
		"uninstall": "Uninstall Failed",
	} {
		d := w.hostError(&agent, "working", &node.StageError{Host: "10.0.0.1", Stage: stage, Doing: "something",
			Err: errors.New("it broke")})
		if d.Summary() != want || !strings.Contains(d.Detail(), "Stage:     "+stage) || !strings.Contains(d.Detail(), "It broke") &&
			!strings.Contains(d.Detail(), "it broke") {
			t.Errorf("stage %s: %s: %s", stage, d.Summary(), d.Detail())
		}
	}
	for want, err := range map[string]error{
		"Role Cannot Change In Place":      &node.RoleError{Host: "10.0.0.1", Have: node.Master, Get: node.Agent},
		"Host Worse Than Planned":          &node.WorseError{Host: "10.0.0.1", Found: "DC/OS's files are gone"},
		"Node Belongs To Another Resource": &node.ClaimedError{Host: "10.0.0.1", By: node.Claim{Holder: "dcos_node"}},
		"No Host Of The Cluster Answers":   &fleet.AloneError{Host: "10.0.0.1", Asked: []string{"10.0.0.2"}, Err: errors.New("no answer")},
		"One Machine For Two Resources":    &fleet.SharedError{Host: "10.0.0.1", MachineID: "m", Other: "10.0.0.2"},
		"Invalid SSH Configuration":        &remote.ConfigError{Field: "ssh.jump_hosts", Err: errors.New("no user")},
	} {
		if d := w.hostError(&agent, "working", err); d.Summary() != want {
			t.Errorf("%T is %q, want %q", err, d.Summary(), want)
		}
	}
}

// TestOtherMessages holds what messages say that need no host.
func TestOtherMessages(t *testing.T) {
	t.Parallel()
	w := &shared{redactor: runlog.NewRedactor()}
	waits := (&shared{unknown: "ssh.private_key", fleet: &fleet.Fleet{}}).ready()
	_, variable := configure(t, nil, map[string]string{"DCOS_SSH_PORT": "none"})
	stopped := poolFailures{redactor: runlog.NewRedactor(), halts: []string{"It was interrupted."}}
	_, log := configure(t, map[string]any{"run_log": t.TempDir()}, nil)
	for want, got := range map[string]diag.Diagnostics{
		"Bundle Cannot Be Made: 10.0.0.1":                   {w.bundleError("10.0.0.1", errNoRecipe)},
		"Configuration Not Rendered: no such variable":      {renderError(errors.New("no such variable"))},
		"Invalid Provider Configuration: it broke":          {configurationError(errors.New("it broke"))},
		"Provider Configuration Not Known: ssh.private_key": waits,
		"Invalid Environment Variable: DCOS_SSH_PORT":       variable,
		"Run Log Not Writable: is a directory":              log,
		"Pool Not Finished: It was interrupted":             stopped.diagnostics("installing", 3),
		"Not Put Back On The Host: A file": {w.finding("10.0.0.1", node.Finding{Name: node.NotPutBack, Found: "a file",
			Needed: "nothing", Hint: "look"})},
		"Left On The Host: A file": {w.finding("10.0.0.1", node.Finding{Name: node.Stayed, Found: "a file",
			Needed: "nothing", Hint: "look"})},
		"Agent Not Drained: Tasks": {w.finding("10.0.0.1", node.Finding{Name: node.NotDrained, Found: "tasks that stayed: 2",
			Needed: "none", Hint: "wait longer"})},
		"No Lock Of The Ensemble: Not forwarded": {w.finding("10.0.0.1", node.Finding{Name: fleet.NoOutageLock, Found: "not forwarded",
			Needed: "a lock", Hint: "one run at a time"})},
		"Preflight Warning: 2 GB": {w.finding("10.0.0.1", node.Finding{Name: "memory", Found: "2 GB", Needed: "4 GB",
			Hint: "use a larger machine"})},
		"State Of An Ensemble In Exhibitor's Backend: A file": {w.finding("10.0.0.1", node.Finding{Name: "exhibitor-backend", Found: "a file",
			Needed: "nothing", Hint: "clear it"})},
		"Host Not Looked At: ssh.private_key is not known": {notLookedAt("10.0.0.1", "ssh.private_key")},
		"Master Will Restart: one at a time":               {masterRestarts(restart{all: true})},
		"Master Will Restart: d, e and 1 more and restarts dcos-mesos-master.service on 3 masters": {masterRestarts(restart{
			files: strings.Split("abcdef", ""), units: []string{"dcos-mesos-master.service"}, masters: 3})},
		"Nothing To Import: DC/OS is not installed on it":         {nothingToImport("10.0.0.1", &node.State{Installed: node.None})},
		"Nothing To Import: of which exactly one has to be there": {nothingToImport("10.0.0.1", &node.State{Installed: node.Complete})},
	} {
		summary, detail, _ := strings.Cut(want, ": ")
		if len(got) != 1 || got[0].Summary() != summary || !strings.Contains(got[0].Detail(), detail) {
			t.Errorf("want %q, got %v", want, got)
		}
	}
}

// TestConfigurationMessages holds what Terraform shows of mistakes in a
// configuration.
func TestConfigurationMessages(t *testing.T) {
	t.Parallel()
	release := sampleRelease(t, samplerelease.V22)
	d := terraform.New(t)
	for want, config := range map[string]string{
		"Missing Parameter: master_list": strings.Replace(staticSite(release, ""),
			`master_list               = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]`, "", 1),
		"Parameter Given Twice: oauth_enabled": staticSite(release, `oauth_enabled = false`+"\n"+
			`extra_parameters = { oauth_enabled = "true" }`),
		"Invalid File Name: ../check":               staticSite(release, `custom_check_bins = { "../check" = "#!/bin/sh" }`),
		"Invalid Checksum: 64 hexadecimal":          strings.Replace(staticSite(release, ""), "{ source", `{ sha256 = "abc", source`, 1),
		"Invalid Path: absolute":                    staticSite(release, `publish = { directory = "www" }`),
		"Invalid Place To Publish: directory":       staticSite(release, `publish = { keep = 1 }`),
		"Invalid Place To Publish: directory and":   staticSite(release, `publish = { ssh = { address = "10.0.0.9" } }`),
		"Invalid Place To Publish: directory, dire": staticSite(release, `publish = { directory = "/srv/www", s3 = { bucket = "files" } }`),
		"Host Twice In The Pool: 10.0.0.1": staticSite(release, "") +
			somePool(`{ a = { address = "10.0.0.1" }, b = { address = "10.0.0.1" } }`, ""),
		"Invalid Share: many":                    staticSite(release, "") + somePool(`{ a = { address = "10.0.0.1" } }`, `max_failures = "many"`),
		"Invalid SSH Configuration: private_key": staticSite(release, "") + "provider \"dcos\" {\n  ssh = { private_key = \"none\" }\n}\n",
	} {
		d.Write("main.tf", terraform.RequiredProviders+config)
		summary, detail, _ := strings.Cut(want, ": ")
		if said := diagnosticsOf(d, "plan"); !said.mentions("error", summary) || !said.mentions("error", detail) {
			t.Errorf("nothing says %q: %+v", want, said)
		}
	}
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, `extra_parameters = { oauth_enable = "true" }`))
	if said := diagnosticsOf(d, "plan"); !said.mentions("warning", "Doubtful Parameter") || !said.mentions("warning", "oauth_enabled") {
		t.Errorf("nothing warns of a name that nothing knows: %+v", said)
	}
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, "")+`
resource "dcos_node" "test" {
  address = "10.0.0.1"
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
}
`)
	if out, err := d.Try("import", "-no-color", "dcos_node.test", "not an address"); err == nil ||
		!strings.Contains(out, "Invalid Import Id") {
		t.Errorf("it is imported: %s", out)
	}

	// A place that serves another cluster's by now is not cleared.
	www := filepath.Join(t.TempDir(), "www")
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, fmt.Sprintf("publish = { directory = %q }", www)))
	d.Apply()
	manifest := filepath.Join(www, ".terraform-provider-dcos.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, manifest, strings.Replace(string(text), `"cluster": "test"`, `"cluster": "another"`, 1))
	if said := diagnosticsOf(d, "destroy", "-auto-approve"); !said.mentions("warning", "Published Files Left") ||
		!said.mentions("warning", "another") {
		t.Errorf("destroy says %+v", said)
	}
	if _, err := os.Stat(filepath.Join(www, "dcos_install.sh")); err != nil {
		t.Errorf("another cluster's files are gone: %v", err)
	}
}

// somePool is a dcos_node_pool.
func somePool(hosts, more string) string {
	return fmt.Sprintf("resource \"dcos_node_pool\" \"test\" {\n  hosts = %s\n  role = \"agent\"\n"+
		"  bundle = dcos_cluster_config.test.bundle\n  %s\n}\n", hosts, more)
}
