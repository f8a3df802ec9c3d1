// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// settle bounds how long the cluster may take to be whole after apply.
const settle = 3 * time.Minute

// up starts the hosts, applies examples/demo and shows the cluster. It may be run at any time: what is already
// there is kept, what an interruption left half-done is completed.
func up(ctx context.Context) error {
	started := time.Now()
	w, err := openWorkspace()
	if err != nil {
		return err
	}
	say("Starting the test hosts: a load balancer, three masters, an agent, a public agent")
	l, demo, err := lab.RaiseDemo(ctx, os.Stdout)
	if err != nil {
		return err
	}
	if err := w.keepStateInStep(demo); err != nil {
		return err
	}

	say("Building the sample release (the format is that of DC/OS, the services are stand-ins)")
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	release, err := samplerelease.Build(ctx, filepath.Join(w.dir, "release"), samplerelease.V22)
	if err != nil {
		return err
	}
	fmt.Printf("  %s\n", release)

	say("Building the provider and writing the workspace " + workspaceDir)
	if err := w.write(ctx, l, demo, release); err != nil {
		return err
	}
	if err := w.keepSnapshots(ctx, demo); err != nil {
		return err
	}

	say("Applying " + exampleDir + " with " + w.tf)
	if err := w.terraform(ctx, "apply", "-auto-approve", "-input=false", "-compact-warnings"); err != nil {
		return err
	}
	if err := printCluster(ctx, l, demo); err != nil {
		return err
	}
	w.explain(demo, release, time.Since(started))
	return nil
}

// show prints the running cluster.
func show(ctx context.Context) error {
	l, demo, err := lab.OpenDemo()
	if err != nil {
		return fmt.Errorf("%w: run `make demo` first", err)
	}
	return printCluster(ctx, l, demo)
}

// printCluster waits until the cluster is whole and prints what its load balancer says of it.
func printCluster(ctx context.Context, l *lab.Lab, demo *lab.Demo) error {
	say("The cluster, read through the load balancer")
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	r := newReader(l, demo.LoadBalancer.Address)
	c, err := r.await(ctx, os.Stdout, len(demo.Masters), len(demo.Agents)+len(demo.PublicAgents))
	if err != nil {
		return err
	}
	return c.print(os.Stdout, r.address)
}

func (w *workspace) explain(demo *lab.Demo, release string, took time.Duration) {
	tf := filepath.Join(workspaceDir, filepath.Base(w.tf))
	fmt.Printf(`
Done in %s. What you can do now:

  log in                 go run ./internal/lab/cmd/lab -lab %s ssh %s
  see it again           go run ./internal/lab/cmd/demo show
  change something       %s plan -var 'banner=Hello'      names the files it touches
                         %s apply -var 'banner=Hello'
  upgrade, or any other  edit %s/main.tf (copied from %s), then %s apply
  what was done          %s/run.jsonl, one JSON object a line
  destroy it             make demo-destroy

The release is %s; run Terraform only as %s:
it works in the network of the test hosts, which has no way out.
`, took.Round(time.Second), lab.DemoName, demo.Masters[0].Name, tf, tf, workspaceDir, exampleDir, tf, workspaceDir, release, tf)
}

// keepStateInStep forgets the state of an earlier demo when a host in it is new: its machines are gone, and
// the cluster on them with it.
func (w *workspace) keepStateInStep(demo *lab.Demo) error {
	applied, err := w.applied()
	if err != nil || !applied || !demo.Fresh {
		return err
	}
	fmt.Println("  the hosts are new, so the state of the former demo is dropped")
	return errors.Join(w.forgetState(), os.RemoveAll(w.path("snapshots")))
}

// keepSnapshots takes a snapshot of every host that has none yet, before anything of ours is on it.
func (w *workspace) keepSnapshots(ctx context.Context, demo *lab.Demo) error {
	if err := os.MkdirAll(w.path("snapshots"), 0o700); err != nil {
		return err
	}
	for _, h := range demo.Nodes() {
		path := w.snapshotPath(h)
		if _, err := os.Stat(path); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		snapshot, err := h.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", h.Name, err)
		}
		text, err := json.Marshal(snapshot)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (w *workspace) snapshotPath(h *lab.Host) string {
	return filepath.Join(w.dir, "snapshots", h.Name+".json")
}

// destroy runs terraform destroy, compares every host with its snapshot and takes the hosts down. Without a
// running demo it removes what an interrupted one left.
func destroy(ctx context.Context) error {
	w, err := openWorkspace()
	if err != nil {
		return err
	}
	l, demo, err := lab.OpenDemo()
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Println("There is no demo.")
		return os.RemoveAll(w.dir)
	}
	if err != nil {
		return err
	}
	applied, err := w.applied()
	if err != nil {
		return err
	}
	var left error
	if applied {
		say("Destroying the cluster with " + w.tf)
		if err := w.terraform(ctx, "destroy", "-auto-approve", "-input=false", "-compact-warnings"); err != nil {
			return err
		}
		left = w.compare(ctx, demo)
	}
	say("Taking the hosts down")
	if err := l.Destroy(ctx); err != nil {
		return err
	}
	return errors.Join(left, os.RemoveAll(w.dir))
}

// compare shows that every host is what it was before the installation.
func (w *workspace) compare(ctx context.Context, demo *lab.Demo) error {
	say("Comparing every host with what it was before the installation")
	total := 0
	for _, h := range demo.Nodes() {
		text, err := os.ReadFile(w.snapshotPath(h))
		if err != nil {
			return err
		}
		before := &lab.Snapshot{}
		if err := json.Unmarshal(text, before); err != nil {
			return fmt.Errorf("read the snapshot of %s: %w", h.Name, err)
		}
		after, err := h.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", h.Name, err)
		}
		changes := lab.Diff(before, after)
		fmt.Printf("  %-4s %d entries compared, %d differ\n", h.Name, len(before.Entries), len(changes))
		for _, c := range changes {
			fmt.Printf("       %s\n", c)
		}
		total += len(changes)
	}
	if total > 0 {
		return fmt.Errorf("%d entries differ from before the installation", total)
	}
	return nil
}

func say(what string) { fmt.Printf("\n== %s\n", what) }
