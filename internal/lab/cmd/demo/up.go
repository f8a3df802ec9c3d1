// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	fmt.Println(expectation())
	say("Starting the test hosts: a load balancer, three masters, an agent, a public agent")
	l, demo, err := lab.RaiseDemo(ctx, os.Stdout)
	if err != nil {
		return err
	}
	if err := w.keepStateInStep(demo); err != nil {
		return err
	}

	say("Building two sample releases (the format is that of DC/OS, the services are stand-ins)")
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	for _, version := range []samplerelease.Version{from, to} {
		if err := w.buildRelease(ctx, version); err != nil {
			return err
		}
	}

	say("Building the provider and writing the workspace " + workspaceDir)
	if err := waiting("the provider", func() error { return w.write(ctx, l, demo) }); err != nil {
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
	if err := awaitUnits(ctx, os.Stdout, demo); err != nil {
		return err
	}
	w.explain(demo, time.Since(started))
	return nil
}

// from is the version that is installed first, to the one to which it can be upgraded.
const from, to = samplerelease.V21, samplerelease.V22

// releaseName is how a release is called in the workspace.
func releaseName(version samplerelease.Version) string { return "dcos-" + string(version) + ".sh" }

// upgradeFile is the file by which a user chooses the other release. Terraform reads it after demo.auto.tfvars.json.
const upgradeFile = "upgrade.auto.tfvars"

// expectation says how long this will take.
func expectation() string {
	dir, err := samplerelease.Directory()
	if built, globErr := filepath.Glob(filepath.Join(dir, string(from)+"-*")); err == nil && globErr == nil && len(built) > 0 {
		return "Everything was built before: this takes about a minute."
	}
	return "The first time this builds the releases, the provider and the hosts' disk image, which takes some minutes.\n" +
		"What it is at is said as it goes."
}

// buildRelease makes a release, or takes the one that was made before, and calls it by a short name in the workspace.
func (w *workspace) buildRelease(ctx context.Context, version samplerelease.Version) error {
	var release string
	err := waiting("DC/OS "+string(version), func() (err error) {
		release, err = samplerelease.Kept(ctx, version)
		return err
	})
	if err != nil {
		return err
	}
	link := w.path(releaseName(version))
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(release, link); err != nil {
		return err
	}
	fmt.Printf("  %s/%s\n", workspaceDir, filepath.Base(link))
	return nil
}

// progressEvery is how often something that takes long says that it is at work.
const progressEvery = 10 * time.Second

// waiting does something and says now and then that it is still at work.
func waiting(what string, do func() error) error {
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(progressEvery):
			fmt.Printf("  building %s: %s\n", what, time.Since(began).Round(time.Second))
		}
	}
}

// awaitUnits waits until no unit of DC/OS is failed or still starting: checks of it begin to hold a while after the
// cluster is there.
func awaitUnits(ctx context.Context, out io.Writer, demo *lab.Demo) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	// What a timer starts is starting now and then.
	const list = `systemctl list-units --all --plain --no-legend --state=failed,activating 'dcos-*' | while read -r unit rest; do
	[ -e "/etc/systemd/system/${unit%.service}.timer" ] || echo "$unit"; done`
	said := ""
	for {
		var missing []string
		for _, h := range demo.Nodes() {
			units, err := h.Shell(ctx, list)
			if err != nil {
				return fmt.Errorf("list the units of %s: %w", h.Name, err)
			}
			for unit := range strings.FieldsSeq(units) {
				missing = append(missing, unit+" on "+h.Name)
			}
		}
		if len(missing) == 0 {
			fmt.Fprintln(out, "  units          all of DC/OS's are well, on every host")
			return nil
		}
		if now := strings.Join(missing, ", "); now != said {
			fmt.Fprintf(out, "  waiting: %s\n", now)
			said = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("units of DC/OS are not well: %s: %w", said, ctx.Err())
		case <-time.After(time.Second):
		}
	}
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

// upgrade is the command that upgrades the demo's cluster.
func (w *workspace) upgrade() string {
	return fmt.Sprintf("echo 'release = %q' >%s/%s && %s apply", releaseName(to), workspaceDir, upgradeFile,
		filepath.Join(workspaceDir, filepath.Base(w.tf)))
}

func (w *workspace) explain(demo *lab.Demo, took time.Duration) {
	tf := filepath.Join(workspaceDir, filepath.Base(w.tf))
	upgrade := fmt.Sprintf("  upgrade to %-12s%s\n", to, w.upgrade())
	if _, err := os.Stat(w.path(upgradeFile)); err == nil {
		upgrade = ""
	}
	fmt.Printf(`
Done in %[1]s. What you can do now:

%[2]s  change something       %[3]s plan -var 'banner=Hello'      names the files it touches
                         %[3]s apply -var 'banner=Hello'
  take the agent out     %[3]s apply -var 'agents={}'         drained and uninstalled; without the -var it comes back
  anything else          edit %[4]s/main.tf (copied from %[5]s), then %[3]s apply
  see it again           make demo-show
  log in                 tools/lab -lab %[6]s ssh %[7]s
  what was done          %[4]s/bin/terraform-provider-dcos runlog --summary %[4]s/run.jsonl
  destroy it             make demo-destroy

Run Terraform only as %[3]s: it works in the network of the test hosts, which has no way out.
`, took.Round(time.Second), upgrade, tf, workspaceDir, exampleDir, lab.DemoName, demo.Masters[0].Name)
}

// keepStateInStep forgets the state of an earlier demo when a host in it is new: its machines are gone, and
// the cluster on them with it.
func (w *workspace) keepStateInStep(demo *lab.Demo) error {
	applied, err := w.applied()
	if err != nil || !applied || !demo.Fresh {
		return err
	}
	fmt.Println("  the hosts are new, so the state of the former demo is dropped")
	return errors.Join(w.forgetState(), os.RemoveAll(w.path("snapshots")), os.RemoveAll(w.path(upgradeFile)))
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
	if err := errors.Join(left, os.RemoveAll(w.dir)); err != nil {
		return err
	}
	fmt.Print(kept())
	return nil
}

// kept says what of the demo stays on this machine, so that the next one is quick, and how to remove it.
func kept() string {
	var b strings.Builder
	b.WriteString("\nThe demo is gone: its cluster, its hosts and its workspace.")
	if dir, err := samplerelease.Directory(); err == nil {
		fmt.Fprintf(&b, "\nKept, so that the next one is quick (rm -rf removes it): %s, the sample releases", dir)
	}
	if dir, err := lab.CacheDir(); err == nil {
		fmt.Fprintf(&b, "; %s/images, the hosts' disk images", dir)
	}
	return b.String() + ".\n"
}

// compare shows that every host is what it was before the installation.
func (w *workspace) compare(ctx context.Context, demo *lab.Demo) error {
	say("Comparing every host with what it was before the installation")
	total, entries := 0, 0
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
		entries += len(before.Entries)
	}
	if total > 0 {
		return fmt.Errorf("%d entries differ from before the installation", total)
	}
	fmt.Printf("  %d hosts, %d entries: all as they were\n", len(demo.Nodes()), entries)
	return nil
}

func say(what string) { fmt.Printf("\n== %s\n", what) }
