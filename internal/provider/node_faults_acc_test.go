// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A faultStage is where a fault strikes terraform: when the run log has an
// event of the stage, or, with progress, when the stage has got somewhere.
type faultStage struct {
	name, stage string
	progress    bool
}

// A faultCell is what came of a fault in a stage.
type faultCell struct{ stage, fault, said string }

// TestAccFaults is the part of the fault matrix (internal/node has the rest)
// that concerns Terraform itself: it is interrupted once, and its provider is
// killed with -9, in the stages of an agent's life. One more apply, or
// destroy, converges, and each life ends without a trace. The stages that change
// what runs on a host are struck in one life; every night further lives have the
// others too.
func TestAccFaults(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 2, 0)
	s.tf.Apply("-target=dcos_node.master")
	var (
		transfer   = faultStage{name: "transfer", stage: "transfer"}
		install    = faultStage{name: "install", stage: "install", progress: true}
		postflight = faultStage{name: "postflight", stage: "postflight"}
		activate   = faultStage{name: "upgrade: activate", stage: "upgrade", progress: true}
		drain      = faultStage{name: "drain", stage: "drain", progress: true}
		uninstall  = faultStage{name: "uninstall", stage: "uninstall", progress: true}
	)
	type life struct{ create, change, remove *faultStage }
	lives, cellsOfLives := []life{{&install, &activate, &uninstall}}, 3
	if lab.Nightly {
		lives, cellsOfLives = append(lives, life{&transfer, nil, &drain}, life{&postflight, nil, nil}), 6
	}
	faults := terraformFaults()
	var mu sync.Mutex
	var cells []faultCell
	var lanes sync.WaitGroup
	for i, fault := range slices.Sorted(maps.Keys(faults)) {
		lanes.Go(func() {
			t.Run(fault, func(t *testing.T) {
				// Its own state and configuration, of one agent.
				lane := *s
				lane.t, lane.tf, lane.masters, lane.agents = t, terraform.New(t), nil, s.agents[i:i+1]
				configure := func(parameters string) { lane.configure(siteOptions{masters: 1, parameters: parameters}) }
				struck := func(at *faultStage, command string) {
					t.Helper()
					if at == nil {
						return
					}
					said := lane.struck(*at, faults[fault], command)
					mu.Lock()
					defer mu.Unlock()
					cells = append(cells, faultCell{at.name, fault, said})
				}
				for _, life := range lives {
					configure("")
					struck(life.create, "apply")
					lane.tf.Apply()
					if life.change != nil {
						configure(`gc_delay = "3days"`)
						struck(life.change, "apply")
						lane.tf.Apply()
					}
					lane.tf.NoChanges()
					struck(life.remove, "destroy")
					lane.tf.Destroy()
					if out := lane.tf.Run("state", "list"); strings.TrimSpace(out) != "" {
						t.Errorf("left in state: %s", out)
					}
					lane.clean(lane.agents...)
				}
			})
		})
	}
	lanes.Wait()
	slices.SortFunc(cells, func(a, b faultCell) int { return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.fault, b.fault)) })
	var table strings.Builder
	for _, c := range cells {
		fmt.Fprintf(&table, "%-18s %-12s %s\n", c.stage, c.fault, c.said)
	}
	t.Logf("%d cells by terraform; the next apply or destroy converged in all that are not errors above\n%s", len(cells), table.String())
	if want := cellsOfLives * len(faults); len(cells) != want {
		t.Errorf("%d cells of %d were run", len(cells), want)
	}
}

// terraformFaults are what can happen to a running Terraform itself.
func terraformFaults() map[string]func(*testing.T, *exec.Cmd) {
	return map[string]func(*testing.T, *exec.Cmd){
		"killed -9": func(t *testing.T, cmd *exec.Cmd) {
			if err := terraform.KillProvider(cmd.Process); err != nil {
				t.Fatal(err)
			}
		},
		"interrupted": func(t *testing.T, cmd *exec.Cmd) {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		},
	}
}

// struck runs terraform, lets the fault happen in a stage, and gives what
// terraform said.
func (s *testSite) struck(at faultStage, strike func(*testing.T, *exec.Cmd), command string) string {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.tf.Path, "run.jsonl")); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	var out strings.Builder
	cmd := s.tf.Command(s.t.Context(), command, "-auto-approve", "-no-color")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	host := s.agents[0].Address
	there := func(e runlog.Event) bool {
		return e.Host == host && e.Stage == at.stage && (!at.progress || e.Event == runlog.Progress)
	}
	limit, tick := time.After(5*time.Minute), time.NewTicker(10*time.Millisecond) // some stages are over soon
	defer tick.Stop()
	for !slices.ContainsFunc(s.events(), there) {
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("%s did not get to the stage %s", command, at.name)
		}
	}
	strike(s.t, cmd)
	if err := cmd.Wait(); err == nil {
		s.t.Errorf("%s in %s: %s came to its end all the same:\n%s", s.t.Name(), at.name, command, out.String())
	}
	for _, e := range s.events() {
		if e.Host == host && e.Stage == at.stage && e.Event == runlog.Finished {
			s.t.Errorf("the stage %s had ended before it was struck", at.name)
		}
	}
	var said []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(strings.TrimLeft(line, "│╷╵ "))
		if strings.HasPrefix(line, "Error: ") || strings.HasPrefix(line, "Stage:") || strings.HasPrefix(line, "Doing:") ||
			strings.HasPrefix(line, "What to do:") {
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}
