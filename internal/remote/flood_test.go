// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A script that writes without end is given up when more has come than may, and
// takes nothing else with it: the connection goes on.
func TestFlood(t *testing.T) {
	t.Parallel()
	const most = 8 << 20
	for name, text := range map[string]string{
		"stdout": "yes 'a line of a result that has no end'",
		"stderr": "yes 'a line of a result that has no end' >&2",
		"a line": "tr '\\0' x </dev/zero",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openSSH(t)
			conn := s.Dial(t)
			start := time.Now()
			res, err := conn.Run(t.Context(), remote.Script{Name: "flood", Text: text, Most: most, MaxOutput: 64 << 10})
			var flood *remote.FloodError
			if !errors.As(err, &flood) || flood.Noise || flood.Most != most || res.ExitCode != -1 || !res.Truncated {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
			if n := len(res.Stdout) + len(res.Stderr); n > 2*64<<10 {
				t.Errorf("%d bytes are kept", n)
			}
			_, received := conn.Traffic()
			if received > 4*most {
				t.Errorf("%d bytes were taken", received)
			}
			if res, err := conn.Run(t.Context(), remote.Script{Name: "next", Text: "echo still here"}); err != nil ||
				string(res.Stdout) != "still here\n" {
				t.Errorf("the next script: %q, %v", res.Stdout, err)
			}
		})
	}
}

// So it is with what comes before a script, and with one that has ended.
func TestFloodOfNoise(t *testing.T) {
	t.Parallel()
	s := openSSH(t, `ForceCommand yes 'welcome to a host that has much to say'`)
	conn := s.Dial(t)
	_, err := conn.Run(t.Context(), remote.Script{Name: "flood", Text: "echo never"})
	var flood *remote.FloodError
	if !errors.As(err, &flood) || !flood.Noise || !strings.Contains(err.Error(), "before script flood began") {
		t.Errorf("have %v", err)
	}
	if _, received := conn.Traffic(); received > 16<<20 {
		t.Errorf("%d bytes were taken", received)
	}
	if _, err := conn.Upload(t.Context(), []remote.File{randomFile("x", 100)}, nil); !errors.As(err, &flood) {
		t.Errorf("an upload: %v", err)
	}
}
