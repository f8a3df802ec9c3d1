// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestRestore holds that DC/OS is uninstalled from no host on which a node was
// up, that nothing at all is done where the plan has less, and that only what is
// installed for the first time does not wait for the rest of its ensemble.
func TestRestore(t *testing.T) {
	t.Parallel()
	b := toldBundle(t)
	gone := func(up bool) *toldHost { return &toldHost{role: "master", rest: true, up: up, next: b.PackageIDs} }
	const looked, restored = "lock inspect+preflight", " upload place reset apply follow postflight finish+inspect"
	foresee := func(s string) func(string) bool { return func(found string) bool { return found == s } }
	never := func(string) bool { return false }
	const kept, anew = "DC/OS's files are gone or incomplete: its programs are installed again, and what the node keeps stays",
		"DC/OS's files are gone or incomplete: it is installed anew; nothing shows that the node was ever up, so that there is nothing to lose"
	for name, c := range map[string]struct {
		what     string
		host     *toldHost
		foreseen func(string) bool
		did      string
		mode     string
		worse    string
	}{
		"planned":             {"upgrade", gone(true), foresee(kept), looked + restored, "ensemble", ""},
		"unplanned":           {"upgrade", gone(true), never, looked, "", kept},
		"no plan":             {"upgrade", gone(true), nil, looked + restored, "ensemble", ""},
		"never up":            {"upgrade", gone(false), foresee(anew), looked + " uninstall verify inspect+preflight" + fresh, "first", ""},
		"never up, unplanned": {"upgrade", gone(false), foresee(kept), looked, "", anew},
		"not there":           {"upgrade", &toldHost{role: "master", next: b.PackageIDs}, never, looked, "", "DC/OS is not installed"},
		"a swap, unplanned": {"upgrade", swapHost(wellHost(b, "master")), never,
			looked + " upload place recover fetch activate follow apply postflight finish+inspect", "ensemble", ""},
		"a first, gone on with": {"install", gone(true), nil, looked + restored, "first", ""},
		"a first, done again":   {"install", gone(false), nil, looked + " uninstall verify inspect+preflight" + fresh, "first", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := c.host
			h.on = func(string) error { return nil }
			opts := toldOptions(b, h)
			opts.Foreseen = c.foreseen
			_, err := perform(t.Context(), h, c.what, opts)
			var worse *node.WorseError
			switch {
			case c.worse == "":
				if err != nil {
					t.Errorf("%+v", err)
				}
			case !errors.As(err, &worse) || worse.Found != c.worse || h.marker != "":
				t.Errorf("%v, want that it is worse: %s", err, c.worse)
			}
			if did := strings.Join(h.did, " "); did != c.did || h.mode != c.mode {
				t.Errorf("it did %q and waited for %q, want %q and %q", did, h.mode, c.did, c.mode)
			}
		})
	}
}

const fresh = " upload place apply follow postflight finish+inspect"

func swapHost(h *toldHost) *toldHost {
	h.swap = true
	return h
}
