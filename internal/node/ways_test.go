// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/publish"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestPull installs from a web server, on a host whose sudo wants a terminal
// and after its cloud-init, and changes it once.
func TestPull(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	h := l.Host(t, "pull")
	shell(t, h, `printf '#!/bin/sh\n[ -e /run/slow ] && echo "status: done" || { : >/run/slow; echo "status: `+
		`running"; }\n' >/usr/local/bin/cloud-init; chmod 755 /usr/local/bin/cloud-init; touch /run/slow; rm /run/slow`)
	dir := t.TempDir()
	listener, err := net.Listen("tcp", net.JoinHostPort(l.Gateway(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })
	url := "http://" + listener.Addr().String()
	site := staticSite(t, "pull", h)
	b := build(t, rel, site, "bootstrap_url", url)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	log, err := runlog.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	opts := node.Options{Role: node.Master, Bundle: b, WaitForCloudInit: true, Log: log.Scope("pull", h.Name, "master")}
	shell(t, h, "cloud-init status >/dev/null; rm /run/slow")
	before := snapshot(t, h)
	conn := dial(t, newClientFor(t, l, lab.UserRequireTTY), h)

	// Nothing is there yet: that is found before anything is done.
	findings, err := node.Preflight(t.Context(), conn, opts)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(findings, func(f node.Finding) bool {
		return f.Name == "bootstrap-url" && f.Severity == node.SeverityError && strings.Contains(f.Found, "404")
	}) {
		t.Errorf("%v", findings)
	}
	serveTo(t, dir, b)
	state, err := node.Install(t.Context(), conn, opts)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	installedBy(t, h, b, "master")
	next := build(t, rel, site, "bootstrap_url", url, "docker_remove_delay", "2hrs")
	serveTo(t, dir, next)
	opts.Bundle, opts.MachineID = next, state.MachineID
	if state, err = node.Upgrade(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if drift := state.Drift(next, node.Master); len(drift) > 0 {
		t.Errorf("drift %q", drift)
	}
	if slices.ContainsFunc(conn.trips, func(s string) bool { return strings.HasPrefix(s, "upload") || s == "place" }) {
		t.Errorf("something was pushed: %q", conn.trips)
	}
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	shell(t, h, "rm -f /run/slow")
	wantNoTrace(t, before, h)

	// The run log has each stage once for each time it was gone through.
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for e, err := range runlog.Read(io.Reader(f)) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Event == runlog.Finished || e.Event == runlog.Failed {
			got = append(got, e.Stage)
		}
	}
	want := []string{
		"inspect", // Preflight
		"inspect", "cloud-init", "inspect", "preflight", "install", "postflight",
		"inspect", "cloud-init", "inspect", "preflight", "upgrade", "postflight",
		"inspect", "uninstall", "verify",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the run log has the stages\n%q, want\n%q", got, want)
	}
}

// TestDrain removes an agent that has work to do: the work goes elsewhere
// first.
func TestDrain(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	master, one, two := l.Host(t, "drain-m1"), l.Host(t, "drain-a1"), l.Host(t, "drain-a2")
	b := build(t, openRelease(t, samplerelease.V22), staticSite(t, "drain", master))
	client := newClient(t, l)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	log, err := runlog.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	install := func(h *lab.Host, role node.Role) (*counted, node.Options) {
		opts := node.Options{Role: role, Bundle: b, DrainTimeout: time.Minute, Log: log.Scope("drain", h.Name, string(role))}
		conn := dial(t, client, h)
		state, err := node.Install(t.Context(), conn, opts)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		opts.MachineID = state.MachineID
		return conn, opts
	}
	install(master, node.Master)
	conn, opts := install(one, node.Agent)
	shell(t, master, `curl -fsS -H 'Content-Type: application/json' -d '{"id":"/work","cmd":"trap \"sleep 2; exit 0\" TERM; while :; `+
		`do sleep 0.2; done","instances":2,"taskKillGracePeriodSeconds":5}' http://127.0.0.1:8080/v2/apps`)
	tasks := func() map[string]int {
		var v struct {
			Tasks []struct {
				Host     string `json:"host"`
				Hostname string `json:"hostname"`
				State    string `json:"state"`
			} `json:"tasks"`
		}
		if err := json.Unmarshal([]byte(shell(t, master, "curl -fsS http://127.0.0.1:8080/v2/tasks")), &v); err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, task := range v.Tasks {
			if task.State == "TASK_RUNNING" {
				n[task.Host+task.Hostname]++
			}
		}
		return n
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for begun := time.Now(); !ok(); pause(t) {
			if time.Since(begun) > time.Minute {
				t.Fatalf("%s: never; tasks %v", what, tasks())
			}
		}
	}
	until("two tasks on the first agent", func() bool { return tasks()[one.Address] == 2 })
	lastConn, last := install(two, node.Agent)
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	until("two tasks on the second agent", func() bool { return tasks()[two.Address] == 2 && tasks()[one.Address] == 0 })
	if got := agents(t, master); !slices.Equal(got, []string{two.Address}) {
		t.Errorf("registered: %q", got)
	}

	// There is nobody left to take them, and they take two seconds to end.
	var warned []node.Finding
	last.DrainTimeout, last.Log = time.Second, nil
	last.Warn = func(f node.Finding) { warned = append(warned, f) }
	if err := node.Uninstall(t.Context(), lastConn, last); err != nil {
		t.Fatalf("%+v", err)
	}
	if len(warned) == 0 || warned[0].Name != node.NotDrained || !strings.HasSuffix(warned[0].Found, ": 2") {
		t.Errorf("nothing is said of the tasks that were stopped with the agent: %+v", warned)
	}

	// Mesos of 1.x knows no draining: its agents only take their leave.
	if err := conn.Close(); err != nil { // which has the host's lock
		t.Fatal(err)
	}
	conn, opts = install(one, node.Agent)
	until("two tasks on the first agent again", func() bool { return tasks()[one.Address] == 2 })
	shell(t, one, `sed -i 's/"2\.2\.100"/"1.13.9"/' /opt/mesosphere/etc/dcos-version.json`)
	opts.Warn = func(f node.Finding) { t.Errorf("a warning: %+v", f) }
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if got := agents(t, master); len(got) != 0 {
		t.Errorf("still registered: %q", got)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"waiting for 2 tasks to move to other agents (", `"message":"drained"`, `"message":"stopped"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the run log lacks %q", want)
		}
	}
}

// serveTo writes a bundle's serve directory, with nothing of former ones.
func serveTo(t *testing.T, dir string, b *bundle.Bundle) {
	t.Helper()
	none := 0
	content, err := publish.ContentOf(t.Context(), b)
	if err == nil {
		err = publish.Directory(dir).Serve(t.Context(), content, &none)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestByHand takes over a node that somebody installed with dcos_install.sh,
// and holds what Install does against it.
func TestByHand(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	serve := t.TempDir()
	h := l.Host(t, "by-hand", lab.WithMount(serve, "/opt/dcos_install_tmp"))
	b := build(t, rel, staticSite(t, "by hand", h))
	serveTo(t, serve, b)
	shell(t, h, "bash /opt/dcos_install_tmp/dcos_install.sh master >/var/log/by-hand.log 2>&1 || { cat /var/log/by-hand.log >&2; exit 1; }")
	conn := dial(t, newClient(t, l), h)
	var state *node.State
	var err error
	for begun := time.Now(); state == nil || state.Installed != node.Complete; pause(t) {
		if state, err = node.Inspect(t.Context(), conn, node.Paths(b)...); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("%+v", state)
		}
	}
	if drift := state.Drift(b, node.Master); len(drift) > 0 {
		t.Errorf("a node installed by hand differs: %q", drift)
	}
	listing := func(h *lab.Host) string {
		return shell(t, h, fmt.Sprintf(`cd /; find etc/mesosphere etc/systemd/system etc/rexray etc/systemd/journald.conf.d opt/mesosphere `+
			`-path opt/mesosphere/packages -prune -o -printf '%%p %%m %%u:%%g %%l\n' | sort; ls opt/mesosphere/packages; `+
			`cat $(find etc/mesosphere etc/rexray etc/systemd/journald.conf.d etc/systemd/system -type f -name '*') | sed 's/%s/ADDRESS/g'`,
			strings.ReplaceAll(h.Address, ".", `\.`)))
	}
	opts := node.Options{Role: node.Master, Bundle: b, MachineID: state.MachineID}
	opts.OnChange = func(node.State) { t.Error("it is changed") }
	if _, err := node.Upgrade(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	byHand := listing(h)
	opts.OnChange = nil
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if _, err := os.Stat(filepath.Join(serve, "dcos_install.sh")); err != nil {
		t.Errorf("it deleted what was mounted into the host: %v", err)
	}
	shell(t, h, "umount /opt/dcos_install_tmp; rmdir /opt/dcos_install_tmp")
	if _, err := node.Install(t.Context(), conn, node.Options{Role: node.Master, Bundle: b}); err != nil {
		t.Fatalf("%+v", err)
	}
	if ours := listing(h); ours != byHand {
		t.Errorf("installed by hand:\n%s\n\nby us:\n%s", byHand, ours)
	}
}
