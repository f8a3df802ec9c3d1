// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// An inState is an object as a state file has it.
type inState struct {
	Status     string         `json:"status"` // "tainted" or nothing
	Attributes map[string]any `json:"attributes"`
	Private    string         `json:"private"`
}

// inStateFile gives the objects in the state file of d by resource, without
// asking Terraform, whose lock an interrupt may have left behind.
func inStateFile(t *testing.T, d *terraform.Dir) map[string]inState {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Path, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []inState
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	objects := map[string]inState{}
	for _, r := range state.Resources {
		for _, object := range r.Instances {
			objects[r.Type+"."+r.Name] = object
		}
	}
	return objects
}

// interruptTwice interrupts a running Terraform as somebody does who cannot wait,
// and waits for its end.
func interruptTwice(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	for range 2 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	start := time.Now()
	if err := cmd.Wait(); err == nil {
		t.Error("apply succeeded")
	}
	t.Logf("Terraform ended %s after the second interrupt", time.Since(start).Round(10*time.Millisecond))
}

// Interrupted twice, Terraform ends its providers at once; nodes whose
// installation had begun are in state all the same, and the next apply goes on
// with them.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	const n = 10
	s := newSimSite(t, simhosts.Options{Delay: 3 * time.Second})
	node := fmt.Sprintf("resource \"dcos_node\" \"b\" {\n  address = %q\n  role = \"agent\"\n  bundle = dcos_cluster_config.test.bundle\n}\n",
		simhosts.Address(n))
	s.configure("", pool("a", s.hosts(0, n), "")+node)
	cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "not all installations have begun", func() error {
		if _, err := os.Stat(filepath.Join(s.tf.Path, "run.jsonl")); err != nil {
			return err
		}
		if begun, _ := s.worked("install", 0); len(begun) <= n {
			return fmt.Errorf("%d have", len(begun))
		}
		return nil
	})
	interruptTwice(t, cmd)
	if !strings.Contains(out.String(), "Two interrupts received") {
		t.Fatalf("Terraform ended otherwise:\n%s", out)
	}
	objects := inStateFile(t, s.tf)
	single := objects["dcos_node.b"]
	if single.Status != "tainted" || single.Attributes["id"] == nil || single.Private == "" {
		t.Errorf("the node is not in state as one whose installation began: %+v", single)
	}
	whole := objects["dcos_node_pool.a"]
	nodes, ok := whole.Attributes["nodes"].(map[string]any)
	if !ok || whole.Status != "tainted" || len(nodes) != n || whole.Private == "" {
		t.Fatalf("the pool is not in state as one whose installation began: %+v", whole)
	}
	for name, values := range nodes {
		if o, ok := values.(map[string]any); !ok || o["machine_id"] == "" || o["machine_id"] == nil || o["status"] != poolFailed {
			t.Errorf("%s: %v", name, values)
		}
	}
	s.tf.Apply()
	s.tf.NoChanges()
	if got := s.fleet.Count().Installed; got != n+1 {
		t.Errorf("%d installed", got)
	}
}
