// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// libraries are the scripts that go in front of a script, besides lib.sh.
var libraries = map[string][]string{
	"place":      {"record"},
	"apply":      {"record"},
	"activate":   {"record"},
	"finish":     {"record"},
	"reset":      {"record", "traces"},
	"uninstall":  {"record", "traces"},
	"verify":     {"record", "traces"},
	"postflight": {"cluster"},
	"health":     {"cluster"},
	"member":     {"cluster"},
	"gate":       {"cluster"},
	"drain":      {"cluster"},
	"runner":     {"cluster"},
	"maintain":   {"cluster"},
	"collect":    {"cluster"},
	"backup":     {"cluster"},
}

// bareScripts are the scripts by name, without what only says something to
// their reader: comments stay at home. They are read once, since each host gets
// several of them.
var bareScripts = sync.OnceValues(func() (map[string]string, error) {
	paths, err := fs.Glob(scriptFiles, "scripts/*.sh")
	if err != nil {
		return nil, err
	}
	scripts := map[string]string{}
	for _, p := range paths {
		text, err := fs.ReadFile(scriptFiles, p)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for line := range strings.Lines(string(text)) {
			if t := strings.TrimSpace(line); t != "" && !strings.HasPrefix(t, "#") {
				b.WriteString(line)
			}
		}
		scripts[strings.TrimSuffix(path.Base(p), ".sh")] = b.String()
	}
	return scripts, nil
})

// scriptText puts scripts together that run in one round trip, one after the
// other.
func scriptText(names ...string) (string, error) {
	scripts, err := bareScripts()
	if err != nil {
		return "", fmt.Errorf("reading the embedded scripts: %w", err)
	}
	parts := []string{"lib"}
	for _, n := range names {
		for _, l := range libraries[n] {
			if !slices.Contains(parts, l) {
				parts = append(parts, l)
			}
		}
	}
	parts = append(parts, names...)
	texts := make([]string, len(parts))
	for i, p := range parts {
		text, ok := scripts[p]
		if !ok {
			return "", fmt.Errorf("there is no script %q", p)
		}
		texts[i] = text
	}
	return strings.Join(texts, ""), nil
}

// A call is one round trip.
type call struct {
	scripts []string // run one after the other
	doing   string   // in words, for errors
	args    []string
	input   *strings.Builder // what the scripts read; may be nil
	timeout time.Duration
	on      func(key, value string) // sees each line of the result as it comes
	// gate answers the script gate; the input goes out behind its go. nil: that script is not there.
	gate func(h Health, begun bool) string
}

// exitFailed is the code with which a script ends when it has said under
// "failed" what went wrong (lib.sh, fail).
const exitFailed = 70

// run makes a round trip. The frame is there in any case, with what came.
func run(ctx context.Context, conn Conn, c call) (*frame, error) {
	f := &frame{on: c.on, start: time.Now()}
	text, err := scriptText(c.scripts...)
	if err != nil {
		return f, err
	}
	s := remote.Script{
		Name:    strings.Join(c.scripts, "+"),
		Text:    text,
		Args:    c.args,
		Root:    true,
		Stdout:  f,
		Timeout: c.timeout,
		// The frame keeps the output; what Run keeps would be a second copy.
		MaxOutput: 64 << 10,
		Most:      maxPrinted,
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	f.flood = func() {
		giveUp(&remote.FloodError{Host: conn.Target().Address, Work: "the result of script " + s.Name, Most: maxFrame})
	}
	input := ""
	if c.input != nil {
		input = c.input.String()
	}
	switch {
	case c.gate != nil:
		talk := newConversation()
		defer talk.end()
		s.Stdin = talk
		f.on = func(key, value string) {
			if key == "ask" {
				answer, rest := c.gate(parseHealth(f), value == "begun"), ""
				if answer == gateGo {
					rest = input
				}
				talk.say(answer + "\n" + rest)
				if answer != gateWait {
					talk.end()
				}
			}
			if c.on != nil {
				c.on(key, value)
			}
		}
	case input != "":
		s.Stdin = strings.NewReader(input)
	}
	if _, err := conn.Run(ctx, s); err != nil {
		if flood := (*remote.FloodError)(nil); errors.As(err, &flood) {
			return f, flood
		}
		return f, err
	}
	if err := f.check(c.scripts...); err != nil {
		return f, fmt.Errorf("script %s: %w", s.Name, err)
	}
	return f, nil
}

// hint gives what the first error in the chain that knows one says to do.
func hint(err error) string {
	var h interface {
		error
		Hint() string
	}
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// stageError makes a round trip's error one that says all that is known.
func stageError(host, stage, doing string, f *frame, err error) *StageError {
	e := &StageError{Host: host, Stage: stage, Doing: doing, Err: err, Hint: hint(err)}
	if inner := (*StageError)(nil); errors.As(err, &inner) {
		return inner
	}
	var sudo *remote.SudoError
	if errors.As(err, &sudo) { // whatever was to be done first
		e.Stage, e.Doing = stageConnect, "becoming root"
	}
	var exit *remote.ExitError
	if errors.As(err, &exit) {
		e.ExitCode = exit.Code
		e.Stderr = exit.Stderr
		e.Err = nil
		e.Hint = ""
		if exit.Signal != "" {
			e.Err = fmt.Errorf("ended by signal %s", exit.Signal)
		}
		if f.has("failed") {
			e.Doing = f.get("failed")
			if exit.Code == exitFailed {
				e.ExitCode = 0 // it would say nothing
			}
		}
	}
	e.Journal = tail(f.get("journal"), 8<<10)
	return e
}

// encode makes a value fit to be one word of a script's input.
func encode(b []byte) string {
	if len(b) == 0 {
		return "-"
	}
	return base64.StdEncoding.EncodeToString(b)
}
