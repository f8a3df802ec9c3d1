// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A toldHost answers scripts by their names, as a host does on which all goes
// well: when Stop is closed has to be known to the script, which no real host
// can be held to.
type toldHost struct {
	role         string
	active, next []string // packages that are active, and that will be
	marker       string
	rest         bool // something of an unfinished installation is there
	activating   bool
	swap         bool                    // an activation was interrupted
	up           bool                    // it was a node that worked
	mode         string                  // of the last postflight
	silent       bool                    // it hears no answer
	drained      bool                    // the agent was stopped
	files        map[string]string       // sum and mode of what apply has written, by path
	units        []string                // that it has enabled
	boot         string                  // its boot, if not the first
	told         map[string]string       // what a script says besides, "KEY VALUE" by its name
	did          []string                // scripts, "lock" and "upload"
	on           func(what string) error // called before each is answered
	after        func(what string) error // called when each has done its work, if anything
}

func (h *toldHost) do(what string) error {
	h.did = append(h.did, what)
	return h.on(what)
}

func (h *toldHost) Lock(context.Context, string) error { return h.do("lock") }
func (h *toldHost) Target() remote.Target              { return remote.Target{Address: "192.0.2.1"} }
func (h *toldHost) Close() error                       { return nil }

func (h *toldHost) Upload(context.Context, []remote.File, func(int64)) (string, error) {
	err := h.do("upload")
	if err == nil && h.after != nil {
		err = h.after("upload")
	}
	return "/var/tmp/upload", err
}

func (h *toldHost) Run(_ context.Context, s remote.Script) (*remote.Result, error) {
	if strings.HasPrefix(s.Name, "gate+") {
		if failed := h.gate(s); failed != "" {
			_, _ = io.WriteString(s.Stdout, "failed="+failed+"\n")
			return &remote.Result{ExitCode: 70}, &remote.ExitError{Host: "192.0.2.1", Script: s.Name, Code: 70}
		}
	}
	input := map[string][]string{}
	if s.Stdin != nil {
		text, err := io.ReadAll(s.Stdin)
		if err != nil {
			return &remote.Result{}, err
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			input[key] = append(input[key], value)
		}
	}
	if err := h.do(s.Name); err != nil {
		return &remote.Result{ExitCode: -1}, err
	}
	if m := input["marker"]; len(m) > 0 {
		text, err := base64.StdEncoding.DecodeString(strings.Fields(m[0])[0])
		if err != nil {
			return &remote.Result{}, err
		}
		h.marker = string(text)
	}
	var out strings.Builder
	put := func(key, value string) {
		out.WriteString(key + ":" + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
	}
	for name := range strings.SplitSeq(s.Name, "+") {
		if name == "gate" {
			put("end", name)
			continue
		}
		put("begin", name)
		switch name {
		case "inspect":
			h.inspect(put)
		case "recover":
			h.swap = false
		case "reset":
			h.active, h.rest, h.up, h.files, h.units = nil, false, true, nil, nil
		case "apply":
			h.apply(input)
		case "drain":
			put("outcome", map[bool]string{true: "absent", false: "drained"}[h.drained])
			h.drained = true
		case "postflight":
			h.mode = s.Args[1]
		case "activate":
			h.next = input["id"]
		case "follow":
			h.active, h.activating = h.next, false
		case "uninstall":
			h.active, h.rest, h.files, h.units = nil, false, nil, nil
		case "finish":
			h.marker = ""
		case "verify":
			if s.Args[0] == "all" {
				h.marker = ""
			}
		}
		if key, value, ok := strings.Cut(h.told[name], " "); ok {
			put(key, value)
		}
		put("end", name)
	}
	if h.after != nil {
		if err := h.after(s.Name); err != nil {
			return &remote.Result{ExitCode: -1}, err
		}
	}
	_, err := io.WriteString(s.Stdout, out.String())
	return &remote.Result{}, err
}

func (h *toldHost) apply(input map[string][]string) {
	h.rest = true
	if h.files == nil {
		h.files = map[string]string{}
	}
	for _, line := range input["file"] {
		mode, file, _ := strings.Cut(line, " ")
		path, content, _ := strings.Cut(file, " ")
		text, err := base64.StdEncoding.DecodeString(strings.Trim(content, "-"))
		if err != nil {
			panic(err)
		}
		h.files[path] = fmt.Sprintf("%x %s", sha256.Sum256(text), strings.TrimPrefix(mode, "0"))
	}
	h.units = append(h.units, input["enable"]...)
}

func (h *toldHost) inspect(put func(key, value string)) {
	put("clock", "1700000000")
	put("machine_id", "m1")
	put("boot_id", cmp.Or(h.boot, "b1"))
	if h.marker != "" {
		put("owner", h.marker)
	}
	if h.activating {
		put("activating", "running")
	}
	if h.swap {
		put("swap_unfinished", "yes")
	}
	if h.up {
		put("up", "yes")
	}
	if h.rest {
		put("opt", "yes")
	}
	for path, is := range h.files {
		put("file", is+" "+path)
	}
	var units strings.Builder
	for _, u := range h.units {
		fmt.Fprintf(&units, "Id=%s\nActiveState=active\nUnitFileState=enabled\n\n", u)
	}
	put("units", units.String())
	if len(h.active) > 0 {
		put("active_directory", "yes")
		put("target", "yes")
		put("role", h.role)
		put("active", strings.Join(h.active, "\n"))
		put("version", `{"version":"2.2.100"}`)
	}
}

// toldBundle is a bundle with files that services read and with such that they
// do not, and nothing that a host of these would lack.
func toldBundle(t *testing.T) *bundle.Bundle {
	t.Helper()
	return build(t, openRelease(t, samplerelease.V22), map[string]string{
		"cluster_name": "stopped", "master_discovery": "static", "master_list": `["192.0.2.1"]`,
		"exhibitor_storage_backend": "static", "resolvers": `["192.0.2.2"]`, "bootstrap_url": "file:///opt/dcos_install_tmp",
	})
}

// wellHost is a host with a bundle; formerly, one with another version of one
// of its packages.
func wellHost(b *bundle.Bundle, role string) *toldHost {
	return &toldHost{role: role, active: slices.Clone(b.PackageIDs), next: b.PackageIDs}
}

func formerHost(b *bundle.Bundle) *toldHost {
	h := wellHost(b, "slave") // on which a service reads one of the setup files
	h.active[slices.IndexFunc(h.active, func(id string) bool { return strings.HasPrefix(id, "mesos--") })] = "mesos--former"
	return h
}

func toldOptions(b *bundle.Bundle, h *toldHost) node.Options {
	opts := node.Options{Role: node.Master, Bundle: b, MachineID: "m1", SkipChecks: node.CheckNames(),
		Redial: func(context.Context) (node.Conn, error) { return h, nil }}
	if h.role != "master" {
		opts.Role = node.Agent
	}
	return opts
}

// TestStop closes Stop while a script is at work, and holds where the host is
// left, and that the next run takes it up there.
func TestStop(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	empty := func() *toldHost { return &toldHost{role: "master", next: b.PackageIDs} }
	const looked, upgraded = "lock inspect+preflight", " upload place fetch apply activate follow apply"
	for name, c := range map[string]struct {
		what string
		host *toldHost
		at   string
		did  string
		not  string // the stage that is not begun; "": it came to its end
	}{
		"install, first":         {"install", empty(), "", "", "inspect"},
		"install, looked at":     {"install", empty(), "inspect+preflight", looked, "preflight"},
		"install, in transfer":   {"install", empty(), "upload", looked + " upload place", "install"},
		"install, in its stage":  {"install", empty(), "apply", looked + " upload place apply follow", "postflight"},
		"install, in postflight": {"install", empty(), "postflight", looked + " upload place apply follow postflight finish+inspect", ""},
		"install, removing a rest": {"install", &toldHost{role: "master", rest: true, next: b.PackageIDs}, "uninstall",
			looked + " uninstall verify", "inspect"},
		"install, of a node that was up": {"install", &toldHost{role: "master", rest: true, up: true, next: b.PackageIDs}, "reset",
			looked + " upload place reset apply follow", "postflight"},
		"restoring": {"upgrade", &toldHost{role: "slave", rest: true, up: true, next: b.PackageIDs}, "reset",
			looked + " upload place reset apply follow", "postflight"},
		"adopt":                  {"install", wellHost(b, "master"), "apply", looked + " apply", "postflight"},
		"upgrade, first":         {"upgrade", formerHost(b), "", "", "inspect"},
		"upgrade, in transfer":   {"upgrade", formerHost(b), "place", looked + " upload place", "upgrade"},
		"upgrade, fetching":      {"upgrade", formerHost(b), "fetch", looked + upgraded, "postflight"},
		"upgrade, setup files":   {"upgrade", formerHost(b), "apply", looked + upgraded, "postflight"},
		"upgrade, activating":    {"upgrade", formerHost(b), "activate", looked + upgraded, "postflight"},
		"upgrade, in postflight": {"upgrade", formerHost(b), "postflight", looked + upgraded + " postflight finish+inspect", ""},
		"repair":                 {"upgrade", wellHost(b, "master"), "apply", looked + " apply", "postflight"},
		"settle": {"upgrade", &toldHost{role: "master", active: b.PackageIDs, next: b.PackageIDs, activating: true},
			"inspect+preflight", looked, "upgrade"},
		"settled": {"upgrade", &toldHost{role: "master", active: b.PackageIDs, next: b.PackageIDs, activating: true}, "follow",
			looked + " follow", "inspect"},
		"uninstall, first":        {"uninstall", wellHost(b, "slave"), "", "", "inspect"},
		"uninstall, looked at":    {"uninstall", wellHost(b, "slave"), "inspect", "lock inspect", "drain"},
		"uninstall, a master":     {"uninstall", wellHost(b, "master"), "inspect", "lock inspect", "uninstall"},
		"uninstall, draining":     {"uninstall", wellHost(b, "slave"), "drain", "lock inspect upload drain", "uninstall"},
		"uninstall, in its stage": {"uninstall", wellHost(b, "slave"), "uninstall", "lock inspect upload drain uninstall verify", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, stop := c.host, make(chan struct{})
			h.on = func(what string) error {
				if what == c.at {
					h.on = func(string) error { return nil }
					close(stop)
				}
				return nil
			}
			if c.at == "" {
				close(stop)
			}
			path := filepath.Join(t.TempDir(), "run.jsonl")
			log, err := runlog.Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			told, out := false, false
			opts := toldOptions(b, h)
			opts.Stop, opts.OnChange, opts.Log = stop, func(node.State) { told = true }, log.Scope("stopped", "h", "")
			opts.OnOutage = func() { out = true }
			_, err = perform(t.Context(), h, c.what, opts)
			if did := strings.Join(h.did, " "); did != c.did {
				t.Errorf("it did %q, want %q", did, c.did)
			}
			changing := slices.ContainsFunc(h.did, func(s string) bool {
				return slices.Contains([]string{"place", "apply", "drain", "uninstall"}, s)
			})
			if told != changing {
				t.Errorf("told of a change: %v", told)
			}
			disturbing := slices.ContainsFunc(h.did, func(s string) bool {
				return slices.Contains([]string{"apply", "activate", "postflight", "drain", "uninstall"}, s)
			})
			if out != disturbing {
				t.Errorf("told of an outage: %v", out)
			}
			if err := log.Close(); err != nil {
				t.Error(err)
			}
			if c.not == "" {
				if err != nil {
					t.Fatalf("%+v", err)
				}
				return
			}
			var stage *node.StageError
			if !errors.As(err, &stage) || !errors.Is(err, context.Canceled) || stage.Stage != c.not || !strings.Contains(stage.Hint, "next apply") {
				t.Fatalf("%v, want one of %s", err, c.not)
			}
			if errors.As(err, new(*node.RollbackError)) {
				t.Errorf("%v", err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			failed := map[string]bool{}
			for e, err := range runlog.Read(strings.NewReader(string(text))) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Event == runlog.Failed {
					failed[e.Stage] = true
				}
			}
			if len(failed) != 1 || !failed[c.not] {
				t.Errorf("failed in the run log: %v", failed)
			}

			if _, err := perform(t.Context(), h, c.what, toldOptions(b, h)); err != nil || h.marker != "" {
				t.Errorf("the next run: %v; marker %q", err, h.marker)
			}
			if gone := c.what == "uninstall"; gone != (len(h.active) == 0) || !gone && !slices.Equal(h.active, b.PackageIDs) {
				t.Errorf("the next run left %q", h.active)
			}
		})
	}
}

// A stage goes to its end over a connection that breaks, too.
func TestStopOverALostConnection(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	h, stop := &toldHost{role: "master", next: b.PackageIDs}, make(chan struct{})
	h.on = func(what string) error {
		if what != "follow" {
			return nil
		}
		h.on = func(string) error { return nil }
		close(stop)
		return &remote.LostError{Host: "192.0.2.1", Work: what, Err: io.ErrUnexpectedEOF}
	}
	opts := toldOptions(b, h)
	opts.Stop = stop
	_, err := node.Install(t.Context(), h, opts)
	var stage *node.StageError
	if !errors.As(err, &stage) || !errors.Is(err, context.Canceled) || stage.Stage != "postflight" {
		t.Errorf("%v", err)
	}
	if did, want := strings.Join(h.did, " "), "apply follow lock follow"; !strings.HasSuffix(did, want) {
		t.Errorf("it did %q, want %q at the end", did, want)
	}
}

// New packages that do not work are taken back whether it is time to stop or
// not.
func TestStopAndRollback(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	h, stop := formerHost(b), make(chan struct{})
	former := slices.Clone(h.active)
	h.on = func(what string) error {
		if what != "postflight" {
			return nil
		}
		h.on = func(string) error { return nil }
		close(stop)
		return &remote.ExitError{Host: "192.0.2.1", Script: what, Code: 70}
	}
	opts := toldOptions(b, h)
	opts.Stop = stop
	_, err := node.Upgrade(t.Context(), h, opts)
	var back *node.RollbackError
	if !errors.As(err, &back) || back.Rollback != nil || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if did, want := strings.Join(h.did, " "),
		"follow apply postflight rollback+inspect activate follow postflight finish+inspect"; !strings.HasSuffix(did, want) {
		t.Errorf("it did %q, want %q at the end", did, want)
	}
	if !slices.Equal(h.active, former) || h.marker != "" {
		t.Errorf("it has %q, marker %q", h.active, h.marker)
	}
}
