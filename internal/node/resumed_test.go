// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A toldOperation is one that a [toldHost] is told to do, with what is run for it where nothing goes wrong.
type toldOperation struct {
	name, what string
	host       func() *toldHost
	did        []string
}

func toldOperations(b *bundle.Bundle) []toldOperation {
	did := func(s string) []string { return strings.Fields("lock " + s) }
	return []toldOperation{
		{"an installation", "install", func() *toldHost { return &toldHost{role: "slave", next: b.PackageIDs} },
			did("inspect+preflight upload place apply follow postflight finish+inspect")},
		{"an installation of a master", "install", func() *toldHost { return &toldHost{role: "master", next: b.PackageIDs} },
			did("inspect+preflight upload place apply follow postflight finish+inspect")},
		{"an upgrade", "upgrade", func() *toldHost { return formerHost(b) },
			did("inspect+preflight upload place fetch apply activate follow apply postflight finish+inspect")},
		{"a removal", "uninstall", func() *toldHost { return wellHost(b, "slave") }, did("inspect upload drain uninstall verify")},
		{"a removal of a master", "uninstall", func() *toldHost { return wellHost(b, "master") }, did("inspect upload uninstall verify")},
	}
}

// options are the operation's: of what is installed first, nobody knows the machine.
func (o toldOperation) options(b *bundle.Bundle, h *toldHost) node.Options {
	opts := toldOptions(b, h)
	if o.what == "install" {
		opts.MachineID = ""
	}
	return opts
}

// done holds that the operation has come to its end.
func (o toldOperation) done(t *testing.T, b *bundle.Bundle, h *toldHost, err error) {
	t.Helper()
	if err != nil || h.marker != "" {
		t.Errorf("%+v; marker %q", err, h.marker)
	}
	if gone := o.what == "uninstall"; gone && len(h.active) > 0 || !gone && !slices.Equal(h.active, b.PackageIDs) {
		t.Errorf("it has %q", h.active)
	}
}

// breaks has the host's next script of that name fail, before it has done anything or when it has done all.
func (h *toldHost) breaks(at string, done bool, err error) {
	hook := func(what string) error {
		if what != at || err == nil {
			return nil
		}
		broken := err
		err = nil
		return broken
	}
	h.on, h.after = func(string) error { return nil }, hook
	if !done {
		h.on, h.after = hook, nil
	}
}

// TestLostConnections loses the connection once under each script of an operation: that is run again over another
// connection, what was uploaded with the first is uploaded again, and the operation comes to its end.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	for _, o := range toldOperations(b) {
		for i, what := range o.did {
			// A removal's upload is empty. Of two scripts of one name the first is struck.
			if what == "lock" || what == "upload" && o.what == "uninstall" || slices.Index(o.did, what) < i {
				continue
			}
			for _, done := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, done %v", o.name, what, done), func(t *testing.T) {
					t.Parallel()
					h := o.host()
					h.breaks(what, done, &remote.LostError{Host: "192.0.2.1", Work: what, Err: io.ErrUnexpectedEOF})
					_, err := perform(t.Context(), h, o.what, o.options(b, h))
					o.done(t, b, h, err)
					again := i
					if what == "place" {
						again = slices.Index(o.did, "upload")
					}
					if want := slices.Concat(o.did[:i+1], []string{"lock"}, o.did[again:]); !slices.Equal(h.did, want) {
						t.Errorf("it did %q, want %q", h.did, want)
					}
				})
			}
		}
	}
}

// TestTakenUp ends an operation under each of its scripts: it is interrupted, the connection is lost for good, sudo refuses.
// Nothing of that is a reason to put former packages back. The next run takes it up, sees the node up if the first has done
// anything to its services, and takes away what was transferred and the marker.
func TestTakenUp(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	for why, broken := range map[string]error{
		"interrupted": context.Canceled,
		"lost":        &remote.LostError{Host: "192.0.2.1", Work: "a script", Err: io.ErrUnexpectedEOF},
		"sudo":        &remote.SudoError{Host: "192.0.2.1", User: "alice", Command: "sudo", Reason: remote.SudoNotAllowed},
	} {
		for _, o := range toldOperations(b) {
			for i, what := range o.did {
				if slices.Index(o.did, what) < i {
					continue
				}
				for _, done := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %s, %s, done %v", o.name, why, what, done), func(t *testing.T) {
						t.Parallel()
						o.takenUp(t, b, what, done, broken)
					})
				}
			}
		}
	}
}

func (o toldOperation) takenUp(t *testing.T, b *bundle.Bundle, what string, done bool, broken error) {
	h := o.host()
	h.breaks(what, done, broken)
	opts := o.options(b, h)
	opts.Redial = func(context.Context) (node.Conn, error) { return nil, errors.New("it is out of reach") }
	_, err := perform(t.Context(), h, o.what, opts)
	if err == nil && (what != "lock" || !done) { // whose end is not waited for
		t.Fatal("it came to its end")
	}
	if errors.As(err, new(*node.RollbackError)) || slices.Contains(h.did, "rollback+inspect") {
		t.Errorf("it was put back: %q, %v", h.did, err)
	}
	marked, first := h.marker != "", h.did
	h.did, h.on, h.after = nil, func(string) error { return nil }, nil
	_, err = perform(t.Context(), h, o.what, o.options(b, h))
	o.done(t, b, h, err)
	disturbed := slices.ContainsFunc(first, func(s string) bool { return s == "apply" || s == "activate" })
	if seen := slices.Contains(h.did, "postflight"); marked && disturbed && !seen {
		t.Errorf("after %q it did %q, without seeing the node up", first, h.did)
	}
	if end := h.did[len(h.did)-1]; marked && o.what != "uninstall" && end != "finish+inspect" {
		t.Errorf("after %q it did %q", first, h.did)
	}
}

// TestRebooted boots the host while it is set up: what is half there may be taken for whole, so that it is taken away, and
// the same run installs anew. Without a boot the error is the unit's.
func TestRebooted(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	for _, boot := range []string{"", "b2"} {
		h := &toldHost{role: "slave", next: b.PackageIDs}
		h.on = func(what string) error {
			if what != "follow" {
				return nil
			}
			h.on, h.boot = func(string) error { return nil }, boot
			return &remote.ExitError{Host: "192.0.2.1", Script: what, Code: 70}
		}
		_, err := node.Install(t.Context(), h, toldOptions(b, h))
		if boot == "" {
			if !errors.As(err, new(*node.StageError)) || slices.Contains(h.did, "uninstall") {
				t.Errorf("%v; it did %q", err, h.did)
			}
			continue
		}
		const again = "follow inspect+preflight uninstall verify inspect+preflight upload place apply follow postflight finish+inspect"
		if did := strings.Join(h.did, " "); err != nil || !strings.HasSuffix(did, again) || !slices.Equal(h.active, b.PackageIDs) {
			t.Errorf("%v; it did %q, want %q at the end", err, did, again)
		}
	}
}

// TestRecordLeftOver removes what a removal has left that broke off at its very end, and tells what is not DC/OS's.
func TestRecordLeftOver(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	const theirs = "/var/log/mesos/theirs"
	h := &toldHost{role: "master", told: map[string]string{"inspect": "recorded yes", "uninstall": "stays unknown " + theirs}}
	h.on = func(string) error { return nil }
	opts, found := toldOptions(b, h), []node.Finding(nil)
	opts.Warn = func(f node.Finding) { found = append(found, f) }
	if err := node.Uninstall(t.Context(), h, opts); err != nil {
		t.Errorf("%+v", err)
	}
	if did := strings.Join(h.did, " "); did != "lock inspect upload uninstall verify" {
		t.Errorf("it did %q", did)
	}
	if len(found) != 1 || found[0].Name != node.Stayed || !strings.Contains(found[0].Found, theirs) {
		t.Errorf("it told of %+v", found)
	}
}
