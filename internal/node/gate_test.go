// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// gate asks as the script does, without its pauses, and reads answers byte by
// byte. It gives what failed.
func (h *toldHost) gate(s remote.Script) (failed string) {
	const question = `ensemble=W3siaG9zdG5hbWUiOiIxOTIuMC4yLjEiLCJkZXNjcmlwdGlvbiI6InNlcnZpbmcifV0=`
	if _, err := io.WriteString(s.Stdout, "begin=gate\n"+strings.Replace(question, "=", ":", 1)+"\nleader=192.0.2.1\nask=yes\n"); err != nil {
		return err.Error()
	}
	for !h.silent {
		answer := ""
		for !strings.HasSuffix(answer, "\n") {
			var b [1]byte
			if _, err := io.ReadFull(s.Stdin, b[:]); err != nil {
				return "no-answer"
			}
			answer += string(b[:])
		}
		switch answer {
		case "go\n":
			return ""
		case "wait\n":
			if _, err := io.WriteString(s.Stdout, "ask=yes\n"); err != nil {
				return err.Error()
			}
		default:
			return "refused"
		}
	}
	return "no-answer"
}

// TestGate holds which scripts ask before they take a master out of service, and
// that without a go nothing is done, and nothing is taken back.
func TestGate(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	former := func() *toldHost {
		h := formerHost(b)
		h.role = "master"
		return h
	}
	swapped := func() *toldHost {
		h := former()
		h.swap = true
		return h
	}
	broken := func(h *toldHost, at string, err error) *toldHost {
		h.on = func(what string) error {
			if what != at {
				return nil
			}
			h.on = func(string) error { return nil }
			return err
		}
		return h
	}
	silent := func(h *toldHost) *toldHost {
		h.silent = true
		return h
	}
	lost := &remote.LostError{Host: "192.0.2.1", Work: "it", Err: io.ErrUnexpectedEOF}
	failed := &remote.ExitError{Host: "192.0.2.1", Script: "postflight", Code: 70}
	const upgraded = " follow gate+apply postflight finish+inspect"
	refusal := errors.New("2 of 3 masters serve")
	// Each letter is an answer to one question: g, go; w, not now; n, no; s,
	// not now, and somebody says stop. After the last it is go.
	for name, c := range map[string]struct {
		what    string
		host    *toldHost
		answers string
		did     string // behind the look at the host and the transfer, and with a go where one is asked for
		want    error
	}{
		"upgrade":               {"upgrade", former(), "", "fetch gate+activate" + upgraded, nil},
		"upgrade, waiting":      {"upgrade", former(), "wwwg", "fetch gate+activate" + upgraded, nil},
		"upgrade, refused":      {"upgrade", former(), "wn", "fetch", refusal},
		"upgrade, refused late": {"upgrade", former(), "gn", "fetch gate+activate follow", refusal},
		"upgrade, stopped":      {"upgrade", former(), "ws", "fetch", context.Canceled},
		"upgrade, silence":      {"upgrade", silent(former()), "w", "fetch", errSilence},
		"upgrade, lost": {"upgrade", broken(former(), "gate+activate", lost), "",
			"fetch gate+activate lock gate+activate" + upgraded, nil},
		"upgrade, lost and refused": {"upgrade", broken(former(), "gate+activate", lost), "gn",
			"fetch gate+activate lock", refusal},
		"rollback": {"upgrade", broken(former(), "postflight", failed), "gg",
			"fetch gate+activate follow gate+apply postflight rollback+inspect activate follow postflight finish+inspect", errRollback},
		"recovery":          {"upgrade", swapped(), "", "gate+recover fetch gate+activate" + upgraded, nil},
		"recovery, refused": {"upgrade", swapped(), "n", "", refusal},
		"restoring": {"upgrade", &toldHost{role: "master", rest: true, up: true, next: b.PackageIDs}, "w",
			"gate+reset apply follow postflight finish+inspect", nil},
		"restoring, refused": {"upgrade", &toldHost{role: "master", rest: true, up: true, next: b.PackageIDs}, "wn", "", refusal},
		"repair":             {"upgrade", wellHost(b, "master"), "w", "gate+apply finish+inspect", nil},
		"repair, refused":    {"upgrade", wellHost(b, "master"), "wn", "", refusal},
		"removal":            {"uninstall", wellHost(b, "master"), "w", "gate+uninstall verify", nil},
		"removal, refused":   {"uninstall", wellHost(b, "master"), "wwn", "", refusal},
		"removal, silence":   {"uninstall", silent(wellHost(b, "master")), "", "", errSilence},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := c.host
			if h.on == nil {
				h.on = func(string) error { return nil }
			}
			before := slices.Clone(h.active)
			opts, stop, asked, out, went := toldOptions(b, h), make(chan struct{}), 0, false, false
			opts.Stop, opts.OnOutage, opts.GateTimeout = stop, func() { out = true }, node.DefaultSetupTimeout
			opts.Gate = func(health node.Health, _ bool) (bool, error) {
				if len(health.Masters) != 1 || health.Serving() != 1 || health.Leader != "192.0.2.1" {
					t.Errorf("asked with %+v", health)
				}
				asked++
				if asked > len(c.answers) || c.answers[asked-1] == 'g' {
					went = true
					return false, nil
				}
				switch c.answers[asked-1] {
				case 's':
					close(stop)
				case 'n':
					return false, refusal
				}
				return true, errors.New("not now")
			}
			_, err := perform(t.Context(), h, c.what, opts)
			first := slices.IndexFunc(h.did, func(s string) bool {
				return !slices.Contains([]string{"lock", "inspect", "inspect+preflight", "upload", "place"}, s)
			})
			if first < 0 {
				first = len(h.did)
			}
			if did := strings.Join(h.did[first:], " "); did != c.did {
				t.Errorf("it did %q, want %q", did, c.did)
			}
			if asked < len(c.answers) && !h.silent {
				t.Errorf("it asked %d times", asked)
			}
			var stage *node.StageError
			var back *node.RollbackError
			switch {
			case errors.Is(c.want, errSilence):
				if !errors.As(err, &stage) || stage.Doing != "no-answer" {
					t.Errorf("%v", err)
				}
			case errors.Is(c.want, errRollback):
				if !errors.As(err, &back) || back.Rollback != nil {
					t.Errorf("%v", err)
				}
			case !errors.Is(err, c.want) || errors.Is(c.want, refusal) && err.Error() != refusal.Error():
				t.Errorf("%v, want %v", err, c.want)
			}
			if out != went {
				t.Errorf("told of an outage: %v", out)
			}
			if c.want != nil && !out && !slices.Equal(h.active, before) {
				t.Errorf("it has %q", h.active)
			}
		})
	}
}

// TestGateTellsWhatStops holds that a gate can tell files that are written while
// all serves from what stops it.
func TestGateTellsWhatStops(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	h := formerHost(b)
	h.on = func(string) error { return nil }
	opts := toldOptions(b, h)
	var stops []bool
	opts.Gate = func(_ node.Health, s bool) (bool, error) {
		stops = append(stops, s)
		return false, nil
	}
	if _, err := perform(t.Context(), h, "upgrade", opts); err != nil {
		t.Fatal(err)
	}
	const want = "gate+apply gate+activate follow gate+apply postflight"
	if did := strings.Join(h.did, " "); !strings.Contains(did, want) || !slices.Equal(stops, []bool{false, true, true}) {
		t.Errorf("it did %q, and said %t", did, stops)
	}
}

var errSilence, errRollback = errors.New("silence"), errors.New("rollback")
